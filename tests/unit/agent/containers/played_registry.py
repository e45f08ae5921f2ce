"""A registry behind a real socket that answers what a test has it answer, and notes what it was asked."""

import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from marketplace.protocol.images import ImageProgram

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def descriptor(data: bytes, media_type: str, **more) -> dict:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)} | more


@dataclass
class Answer:
    """One answer."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Played:
    """`answers` by path, each a list of which the last stays; `asked` are paths and headers, in order."""

    host: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def add(self, data: bytes, kind: str = "blobs", repository: str = "team/tool") -> str:
        """Have something; its digest."""
        digest = digest_of(data)
        self.answers[f"/v2/{repository}/{kind}/{digest}"] = [Answer(data)]
        return digest

    def add_image(self, parts: list[bytes], settings: bytes = b"{}", **changes) -> ImageProgram:
        """Have an image; how a job names it. `changes` are the manifest's."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(settings, CONFIG),
            "layers": [descriptor(layer, LAYER) for layer in parts],
        } | changes
        for blob in (settings, *parts):
            self.add(blob)
        return self.program(self.add(json.dumps(manifest).encode(), "manifests"))

    def program(self, digest: str, **changes) -> ImageProgram:
        named = {"registry": self.host, "repository": "team/tool", "digest": "0x" + digest.removeprefix("sha256:")}
        return ImageProgram(**(named | changes))

    def paths(self, part: str = "") -> list[str]:
        return [path for path, _ in self.asked if part in path]

    def take(self, path: str, headers: dict[str, str]) -> Answer:
        self.asked.append((path, headers))
        answers = self.answers.get(path.partition("?")[0], [Answer(status=404)])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def played_registry() -> Iterator[Played]:
    played = Played()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer = played.take(self.path, dict(self.headers))
            self.send_response_only(answer.status)
            for name, value in ({"Content-Length": str(len(answer.body))} | answer.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    played.host = f"127.0.0.1:{server.server_port}"
    try:
        yield played
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
