"""An image of one tiny program that does nothing: the container made of it holds a job's folders while it waits.

Folders of a job are volumes in memory (tmpfs), which vanish with the last container that has them mounted. Its inputs
are there before it starts and its outputs after it has ended, so somebody else must keep them mounted.
"""

import hashlib
import io
import json
import struct
import tarfile

_BASE = 0x400000
_HEADERS = 64 + 56
_PAUSE = {
    # pause() for ever: the first process of a container gets no signal that it does not ask for.
    "x86_64": (62, bytes.fromhex("b822000000 0f05 ebf7")),
    # ppoll(0, 0, 0, 0) for ever: this architecture has no pause().
    "aarch64": (183, bytes.fromhex("000080d2 010080d2 020080d2 030080d2 280980d2 010000d4 faffff17")),
}
"""ELF machine number and code, by the name that the engine gives the architecture."""
_GO_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}
PROGRAM = "hold"
ARCHITECTURES = tuple(_PAUSE)


def holder_image(architecture: str) -> tuple[bytes, str]:
    """The image as `docker load` takes it, and its id. Raises KeyError for an architecture not in ARCHITECTURES."""
    layer = _tar({PROGRAM: pause_program(architecture)}, mode=0o555)
    return image_archive(layer, {"Entrypoint": [f"/{PROGRAM}"]}, _GO_NAMES[architecture])


def pause_program(architecture: str) -> bytes:
    """A static ELF executable that waits until it is killed."""
    machine, code = _PAUSE[architecture]
    entry, size = _BASE + _HEADERS, _HEADERS + len(code)
    ident = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)
    header = struct.pack("<16sHHIQQQIHHHHHH", ident, 2, machine, 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    loaded = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return header + loaded + code


def image_archive(layer: bytes, config: dict[str, object], architecture: str = "amd64") -> tuple[bytes, str]:
    """An image of one uncompressed layer as `docker load` takes it, and its id.

    The id is the SHA-256 of the configuration, as the image specification says; equal arguments, equal bytes.
    """
    document = {
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "created": "1970-01-01T00:00:00Z",
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
    }
    encoded = json.dumps(document, sort_keys=True).encode()
    digest = hashlib.sha256(encoded).hexdigest()
    manifest = [{"Config": f"{digest}.json", "RepoTags": None, "Layers": ["layer.tar"]}]
    files = {f"{digest}.json": encoded, "layer.tar": layer, "manifest.json": json.dumps(manifest).encode()}
    return _tar(files), "sha256:" + digest


def _tar(files: dict[str, bytes], mode: int = 0o644) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
