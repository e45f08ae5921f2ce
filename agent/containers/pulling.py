"""An image out of a registry, fetched and measured before an engine sees it.

Engines pull by themselves, and unpack what comes as it comes: a gigabyte of layers may be a terabyte on the disk, and
nothing stops them in between. So the agent fetches the blobs, each bounded by what the manifest says and checked
against its digest, measures the layers as it does those of an uploaded archive, and hands the engine such an archive.
"""

import json
import re
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.containers.images import MAX_BRACKETS, MAX_UNPACKED_BYTES, Room, measure_layer
from agent.containers.registries import INDEX_TYPES, Repository
from marketplace.errors import AgentError, InvalidModule, TooLarge
from marketplace.protocol.images import ImageProgram

LAYER_TYPES = (
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
)
CONFIG_TYPES = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""What an index calls the processor that an engine names."""
MAX_LAYERS = 127
"""More than that no engine can mount."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHUNK, _BLOCK = 1 << 20, 512
_NO_JSON = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
_NO_TAR = (tarfile.TarError, zlib.error, EOFError, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class Blob:
    """A part of an image, as its manifest names it."""

    digest: str
    size: int
    media_type: str

    @property
    def file_name(self) -> str:
        """What it is called on disk."""
        return self.digest.removeprefix("sha256:")


@dataclass(frozen=True, slots=True)
class Pulled:
    """An image's parts in a folder, and what they come to, bytes."""

    folder: Path
    config: Blob
    layers: tuple[Blob, ...]
    unpacked_bytes: int

    @property
    def fetched_bytes(self) -> int:
        """Of configuration and layers, as the manifest says."""
        return _total(self.config, self.layers)

    def archive(self) -> Iterator[bytes]:
        """The image as `docker load` takes it, piece by piece, without a name."""
        names = [f"{number}.tar" for number in range(len(self.layers))]  # a layer that is named twice is stored twice
        manifest = [{"Config": f"{self.config.file_name}.json", "RepoTags": None, "Layers": names}]
        yield from _entry(manifest[0]["Config"], self.folder / self.config.file_name)
        for name, layer in zip(names, self.layers, strict=True):
            yield from _entry(name, self.folder / layer.file_name)
        (self.folder / "manifest.json").write_text(json.dumps(manifest))
        yield from _entry("manifest.json", self.folder / "manifest.json")
        yield bytes(2 * _BLOCK)


def pull(
    program: ImageProgram,
    allowed: Sequence[str],
    architecture: str,
    folder: Path,
    check: Callable[[], None],
    max_unpacked_bytes: int = MAX_UNPACKED_BYTES,
) -> Pulled:
    """Fetch an image's parts into `folder`, which is empty. `check` is called now and then, and may raise.

    Raises NotFound, AgentError, DigestMismatch as `Repository` does, InvalidModule for a manifest that names no image
    for this `architecture`, or layers that are none; TooLarge for more bytes than the job says, before any of them is
    fetched, and for more than `max_unpacked_bytes` unpacked.
    """
    with Repository(program, allowed, check) as repository:
        config, layers = _parts(repository, program, architecture)
        if _total(config, layers) > program.size:
            raise TooLarge(f"The image {program.reference}", _total(config, layers), program.size)
        if _total(config, layers) > shutil.disk_usage(folder).free:
            raise AgentError(f"This machine's disk has no room for the image {program.reference}.")
        for blob in {each.digest: each for each in (config, *layers)}.values():
            repository.save(blob.digest, blob.size, folder / blob.file_name)
    return Pulled(folder, config, layers, _measure(layers, folder, max_unpacked_bytes, check))


def _total(config: Blob, layers: Sequence[Blob]) -> int:
    return config.size + sum(layer.size for layer in layers)


def _parts(repository: Repository, program: ImageProgram, architecture: str) -> tuple[Blob, tuple[Blob, ...]]:
    """Configuration and layers, by the manifest that the job names or by the one of an index that is for us."""
    try:
        document = _load(repository.manifest("sha256:" + program.digest.removeprefix("0x")))
        if document.get("mediaType") in INDEX_TYPES or "manifests" in document:
            chosen = _for_platform(document["manifests"], architecture, program)
            document = _load(repository.manifest(chosen.digest))
        config, layers = _blob(document["config"]), tuple(map(_blob, document["layers"]))
    except _NO_JSON as error:
        raise InvalidModule(f"The manifest of {program.reference} cannot be read: {error!r}.") from error
    _require_image(config, layers, program)
    return config, layers


def _load(data: bytes) -> dict[str, Any]:
    """Raises ValueError for JSON that is no object, or nested deeper than a reader's stack."""
    if data.count(b"[") + data.count(b"{") > MAX_BRACKETS:
        raise ValueError("it is nested too deeply")
    document = json.loads(data)
    if not isinstance(document, dict):
        raise ValueError("it is no object")
    return document


def _blob(descriptor: dict[str, Any]) -> Blob:
    """Raises ValueError, KeyError, TypeError for what describes none."""
    digest, size = descriptor["digest"], descriptor["size"]
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"{digest!r} is no digest by SHA-256")
    if type(size) is not int or size < 0:
        raise ValueError(f"{size!r} is no number of bytes")
    return Blob(digest, size, str(descriptor.get("mediaType", "")))


def _for_platform(manifests: list[dict[str, Any]], architecture: str, program: ImageProgram) -> Blob:
    name = ARCHITECTURES[architecture]
    for descriptor in manifests:
        platform = descriptor.get("platform") or {}
        if (platform.get("os"), platform.get("architecture")) == ("linux", name):
            return _blob(descriptor)
    raise InvalidModule(f"The image {program.reference} is not there for linux/{name}.")


def _require_image(config: Blob, layers: Sequence[Blob], program: ImageProgram) -> None:
    strange = [each.media_type for each in layers if each.media_type not in LAYER_TYPES]
    strange += [config.media_type] if config.media_type not in CONFIG_TYPES else []
    if strange:
        hint = "Layers are tar, uncompressed or gzip."
        raise InvalidModule(f"The image {program.reference} has a part of type {strange[0]!r}.", hint=hint)
    if len(layers) > MAX_LAYERS:
        raise InvalidModule(f"The image {program.reference} has {len(layers)} layers; engines take {MAX_LAYERS}.")


def _measure(layers: Sequence[Blob], folder: Path, most: int, check: Callable[[], None]) -> int:
    room = Room(most)
    for layer in layers:  # one that is named twice is stored twice
        check()
        try:
            with (folder / layer.file_name).open("rb") as file:
                measure_layer(file, layer.digest, room)
        except _NO_TAR as error:
            raise InvalidModule(f"The container image's layer {layer.digest} cannot be read: {error}.") from error
    return room.used


def _entry(name: str, path: Path) -> Iterator[bytes]:
    """A file in a tar, piece by piece."""
    entry = tarfile.TarInfo(name)
    entry.size = path.stat().st_size
    yield entry.tobuf()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
    yield bytes(-entry.size % _BLOCK)
