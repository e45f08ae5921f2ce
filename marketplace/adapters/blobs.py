"""`ports.Blobs` in a folder: one file a blob, named by its digest."""

import os
import tempfile
from pathlib import Path

from marketplace.errors import DigestMismatch, MalformedMessage, NotFound, TooLarge
from marketplace.protocol.canonical import sha256_digest

_HEX = frozenset("0123456789abcdef")


class FolderBlobs:
    """Blobs under `folder`, each at most `limit` bytes. Safe to share between threads and processes."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, digest: str, data: bytes) -> bool:
        """Store; True if it was new. Raises DigestMismatch, TooLarge."""
        path = self._path(digest)
        if len(data) > self._limit:
            raise TooLarge("The blob", len(data), self._limit)
        actual = sha256_digest(data)
        if actual != digest:
            raise DigestMismatch(expected=digest, actual=actual)
        if path.exists():
            return False
        path.parent.mkdir(exist_ok=True)
        descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=".partial-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)  # whole or not at all
        except OSError:
            Path(partial).unlink(missing_ok=True)
            raise
        return True

    def get(self, digest: str) -> bytes:
        """Raises NotFound."""
        try:
            return self._path(digest).read_bytes()
        except FileNotFoundError as error:
            raise NotFound("blob", digest) from error

    def has(self, digest: str) -> bool:
        return self._path(digest).exists()

    def size(self, digest: str) -> int:
        """Bytes. Raises NotFound."""
        try:
            return self._path(digest).stat().st_size
        except FileNotFoundError as error:
            raise NotFound("blob", digest) from error

    def _path(self, digest: str) -> Path:
        name = digest.removeprefix("0x")
        if len(name) != 64 or not digest.startswith("0x") or not _HEX.issuperset(name):
            raise MalformedMessage("digest", "expected 0x and 64 lower-case hex digits", digest=digest)
        return self._folder / name[:2] / name[2:]
