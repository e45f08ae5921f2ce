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
MAX_BRACKETS = 2_000
"""Opening ones in an archive's manifest, which has a few for each layer, and an image has 127 layers at most."""
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
            room = Room(max_unpacked_bytes)
            for layer in manifest["Layers"]:  # one that is named twice is stored twice
                _measure(tar, entries, layer, room)
            return Image(_without_names(tar, entries, manifest), room.used)
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidModule(f"The container image cannot be read: {error}.", hint=_HINT) from error


def _entries(tar: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    return {entry.name.removeprefix("./"): entry for entry in tar}


def _manifest(tar: tarfile.TarFile, entries: dict[str, tarfile.TarInfo]) -> dict[str, Any]:
    if "manifest.json" not in entries:
        raise InvalidModule("The archive has no manifest.json: it is no container image.", hint=_HINT)
    images = json.loads(_flat(_read(tar, entries["manifest.json"])))
    if not isinstance(images, list) or len(images) != 1:
        raise InvalidModule("The archive does not hold exactly one image.", hint=_HINT)
    if not isinstance(images[0]["Config"], str) or not all(isinstance(one, str) for one in images[0]["Layers"]):
        raise InvalidModule("The archive's manifest.json names no configuration or layers.", hint=_HINT)
    return images[0]


def _flat(document: bytes) -> bytes:
    """Raises ValueError for JSON that could be nested deeper than a reader's stack: that ends its process."""
    if document.count(b"[") + document.count(b"{") > MAX_BRACKETS:
        raise ValueError("manifest.json is nested too deeply")
    return document


def _read(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(entry)
    if file is None:
        raise InvalidModule(f"The container image has no plain file at {entry.name!r}.", hint=_HINT)
    return file.read()


@dataclass
class Room:
    """What an image may still take up on the disk: bytes and files of all its layers together."""

    most: int
    used: int = 0
    files: int = 0

    def take(self, size: int) -> None:
        self.used += size
        if self.used > self.most:
            raise TooLarge("The image unpacked", self.used, self.most)

    def count(self) -> None:
        self.files += 1
        if self.files > MAX_FILES:
            raise TooLarge("The number of files in the image", self.files, MAX_FILES)


def _measure(tar: tarfile.TarFile, entries: dict[str, tarfile.TarInfo], layer: str, room: Room) -> None:
    file = tar.extractfile(entries[layer.removeprefix("./")])
    if file is None:
        raise InvalidModule(f"The container image's layer {layer!r} is no plain file.", hint=_HINT)
    measure_layer(file, layer, room)


def measure_layer(file: IO[bytes], layer: str, room: Room) -> None:
    """Take of `room` what one layer's files will be on the disk: holes of sparse files count as if they were filled.

    What this reader takes for the end may be none for the engine's: nothing may follow it but zeros. Raises TooLarge,
    InvalidModule, and what `tarfile` and `zlib` raise.
    """
    stream = _Stream(_inflate(file), 2 * (room.most - room.used) + _CHUNK)
    with tarfile.open(fileobj=file_of(stream), mode="r|") as unpacked:
        for member in unpacked:
            room.take(max(member.size, 0) if member.isreg() else 0)
            room.count()
        end = unpacked.offset
    for _ in stream:
        pass
    if stream.written > end:
        raise InvalidModule(f"The container image's layer {layer!r} goes on after its end.", hint=_HINT)


class _Stream:
    """A layer's bytes as they come, and how far they are anything but zeros.

    Raises TooLarge after `most` of them: a tar of nothing but headers has no file's bytes.
    """

    def __init__(self, chunks: Iterator[bytes], most: int) -> None:
        self._chunks, self._most = chunks, most
        self._seen = 0
        self.written = 0

    def __iter__(self) -> "_Stream":
        return self

    def __next__(self) -> bytes:
        chunk = next(self._chunks)
        content = len(chunk.rstrip(b"\0"))
        if content:
            self.written = self._seen + content
        self._seen += len(chunk)
        if self._seen > self._most:
            raise TooLarge("The image's layer unpacked", self._seen, self._most)
        return chunk


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
    while head:
        data = inflater.decompress(head, _CHUNK)
        while data or inflater.unconsumed_tail:
            yield data
            data = inflater.decompress(inflater.unconsumed_tail, _CHUNK)
        if inflater.eof:  # gzip files may follow one another, and engines read them all
            head, inflater = inflater.unused_data, zlib.decompressobj(wbits=31)
            head = head.lstrip(b"\0")
        else:
            head = b""
        head = head or file.read(_CHUNK)


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
