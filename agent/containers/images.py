"""Images as archives (`docker save`): what is in one, how much it unpacks to, and none of the names in it.

A foreign archive handed to `docker load` as it is could retag the provider's own images, and unpack to more than the
disk holds. Here it is read first: names are dropped, layers are measured unpacked.
"""

import io
import json
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from agent.containers.streams import file_of
from marketplace.errors import InvalidModule, TooLarge

MAX_UNPACKED_BYTES = 8_000_000_000
MAX_FILES = 500_000
_GZIP_MAGIC, _ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_CHUNK = 1 << 20
_HINT = "Write it with `docker save IMAGE -o image.tar`."


@dataclass(frozen=True, slots=True)
class Image:
    """An image that may be loaded: its archive without names, the size of its layers unpacked, bytes."""

    archive: bytes
    unpacked_bytes: int


def read_image(archive: bytes, max_unpacked_bytes: int = MAX_UNPACKED_BYTES) -> Image:
    """Check an archive before an engine sees it.

    Raises InvalidModule for one that is no image, or holds more than one; TooLarge for one that unpacks to more than
    `max_unpacked_bytes` or MAX_FILES files.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            entries = _entries(tar)
            manifest = _manifest(tar, entries)
            unpacked = sum(_measure(tar, entries, layer, max_unpacked_bytes) for layer in set(manifest["Layers"]))
            if unpacked > max_unpacked_bytes:
                raise TooLarge("The image unpacked", unpacked, max_unpacked_bytes)
            return Image(_without_names(tar, entries, manifest), unpacked)
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidModule(f"The container image cannot be read: {error}.", hint=_HINT) from error


def _entries(tar: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    return {entry.name.removeprefix("./"): entry for entry in tar}


def _manifest(tar: tarfile.TarFile, entries: dict[str, tarfile.TarInfo]) -> dict[str, Any]:
    if "manifest.json" not in entries:
        raise InvalidModule("The archive has no manifest.json: it is no container image.", hint=_HINT)
    images = json.loads(_read(tar, entries["manifest.json"]))
    if not isinstance(images, list) or len(images) != 1:
        raise InvalidModule("The archive does not hold exactly one image.", hint=_HINT)
    if not isinstance(images[0]["Config"], str) or not all(isinstance(one, str) for one in images[0]["Layers"]):
        raise InvalidModule("The archive's manifest.json names no configuration or layers.", hint=_HINT)
    return images[0]


def _read(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(entry)
    if file is None:
        raise InvalidModule(f"The container image has no plain file at {entry.name!r}.", hint=_HINT)
    return file.read()


def _measure(tar: tarfile.TarFile, entries: dict[str, tarfile.TarInfo], layer: str, most: int) -> int:
    """Bytes of one layer's files as they will lie on the disk: holes of sparse files count as if they were filled."""
    file = tar.extractfile(entries[layer.removeprefix("./")])
    if file is None:
        raise InvalidModule(f"The container image's layer {layer!r} is no plain file.", hint=_HINT)
    total = 0
    with tarfile.open(fileobj=file_of(_bounded(_inflate(file), most)), mode="r|") as unpacked:
        for count, member in enumerate(unpacked, 1):
            total += max(member.size, 0) if member.isreg() else 0
            if total > most:
                raise TooLarge("The image unpacked", total, most)
            if count > MAX_FILES:
                raise TooLarge("The number of files in the image", count, MAX_FILES)
    return total


def _bounded(chunks: Iterator[bytes], most: int) -> Iterator[bytes]:
    """The same, and an end to a tar of nothing but headers, which are no file's bytes."""
    seen = 0
    for chunk in chunks:
        seen += len(chunk)
        if seen > 2 * most + _CHUNK:
            raise TooLarge("The image's layer unpacked", seen, most)
        yield chunk


def _inflate(file: IO[bytes]) -> Iterator[bytes]:
    head = file.read(_CHUNK)
    if head[:4] == _ZSTD_MAGIC:
        raise InvalidModule("A layer of the container image is compressed with zstd.", hint="Save it uncompressed.")
    if head[:2] != _GZIP_MAGIC:
        while head:
            yield head
            head = file.read(_CHUNK)
        return
    inflater = zlib.decompressobj(wbits=31)
    while head and not inflater.eof:
        data = inflater.decompress(head, _CHUNK)
        while data or inflater.unconsumed_tail:
            yield data
            data = inflater.decompress(inflater.unconsumed_tail, _CHUNK)
        head = file.read(_CHUNK)


def _without_names(tar: tarfile.TarFile, entries: dict[str, tarfile.TarInfo], manifest: dict[str, Any]) -> bytes:
    """The image as the older of the two formats: what the manifest names, and nothing else."""
    bare = {"Config": manifest["Config"], "RepoTags": None, "Layers": manifest["Layers"]}
    wanted = dict.fromkeys([manifest["Config"], *manifest["Layers"]])
    files = {name: _read(tar, entries[name.removeprefix("./")]) for name in wanted}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as out:
        for name, data in (files | {"manifest.json": json.dumps([bare]).encode()}).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            out.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
