"""A maker of releases as scripts.release has it, with keys of its own, and a real server in front of what it serves."""

import base64
import hashlib
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from agent.update.source import Pin
from scripts.release.keys import load_public, load_signer, make_key
from scripts.release.repository import Holders, Repository

PASSWORD = "correct horse battery"
NAMES = ("ann", "bea", "cy", "online", "thief")
NOW = int(time.time())
"""The framework reads the machine's clock itself."""
DAY = 86_400
PLAYED = """
import sys

def hive():
    print("hive {says}")

if __name__ == "__main__":
    assert sys.argv[1:] == ["try"]
    print("{prints}")
"""


def make_keys(folder: Path) -> dict:
    """Signers by name; encrypted files in `folder`."""
    for name in NAMES:
        make_key(folder / f"{name}.key", PASSWORD)
    return {name: load_signer(folder / f"{name}.key", PASSWORD) for name in NAMES}


class Maker:
    """Two of three sign roots and releases; one key signs what is renewed every week."""

    def __init__(self, folder: Path, keys: Path, signers: dict) -> None:
        self.repository, self._keys, self.signers = Repository(folder), keys, signers

    def found(self, now: float = NOW, holders: tuple[str, ...] = ("ann", "bea", "cy"), threshold: int = 2) -> None:
        """The first root, signed but not published; later, one that replaces it."""
        who = Holders([load_public(self._keys / f"{name}.pub") for name in holders], threshold)
        online = Holders([load_public(self._keys / "online.pub")], 1)
        self.repository.stage_root(
            {"root": who, "targets": who, "snapshot": online, "timestamp": online}, now, days=365
        )
        for name in ("ann", "bea"):
            self.repository.sign("root", self.signers[name])

    def stage(self, wheel: Path, lock: Path, now: float = NOW) -> None:
        self.repository.stage_release(wheel, lock, now)

    def sign(self, *names: str) -> None:
        for name in names:
            self.repository.sign("targets", self.signers[name])

    def publish(self, now: float = NOW, days: int = 7) -> None:
        self.repository.publish(self.signers["online"], now, days)

    def release(self, wheel: Path, lock: Path, now: float = NOW) -> None:
        """All of it."""
        self.stage(wheel, lock, now)
        self.sign("ann", "bea")
        self.publish(now)


# --- wheels -----------------------------------------------------------------------------------------------------------


def make_wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> Path:
    """A wheel of these files that pip installs."""
    info = f"{name}-{version}.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for place, text in files.items():
            archive.writestr(place, text)
        record = "".join(f"{place},sha256={_digest(text)},{len(text)}\n" for place, text in files.items())
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def played_wheel(folder: Path, version: str, says: str = "", prints: str = "this version runs jobs") -> Path:
    """A computehive that can do nothing but what a new version is asked before it is switched to."""
    source = PLAYED.format(says=says or version, prints=prints)
    entry = "[console_scripts]\nhive = agent.__main__:hive\n"
    info = f"computehive-{version}.dist-info/entry_points.txt"
    return make_wheel(
        folder, "computehive", version, {"agent/__init__.py": "", "agent/__main__.py": source, info: entry}
    )


def lock_of(folder: Path, *wheels: Path) -> Path:
    """A lock that names these wheels by hash; without any, one that needs nothing."""
    lines = []
    for wheel in wheels:
        name, version, *_ = wheel.name.split("-")
        lines.append(f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    path = folder / "requirements.lock"
    path.write_text("".join(lines))
    return path


# --- the server -------------------------------------------------------------------------------------------------------


class Served:
    """What is asked for, and what is answered in place of a file."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.requests: list[str] = []
        self.instead: dict[str, Callable[[SimpleHTTPRequestHandler], None]] = {}
        """By how a path ends."""


@contextmanager
def serve(folder: Path):
    """A real HTTP server over `folder`."""
    served: Served

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            served.requests.append(self.path)
            for end, answer in served.instead.items():
                if self.path.endswith(end):
                    answer(self)
                    return
            super().do_GET()

        def log_message(self, *_: object) -> None:
            pass

    folder.mkdir(parents=True, exist_ok=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        server.daemon_threads = True
        served = Served(f"http://127.0.0.1:{server.server_port}", folder)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


def pin_of(maker: Maker, served: Served, folder: Path) -> Pin:
    """What an owner pins: the first root, had by another way than the server."""
    path = folder / "root.json"
    if not path.exists():
        path.write_bytes(maker.repository.root_file().read_bytes())
    return Pin(path, served.url)
