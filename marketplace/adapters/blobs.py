"""`ports.Blobs` in a folder: one file a blob, named by its digest."""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from marketplace.errors import DigestMismatch, MalformedMessage, NotFound, ServiceUnavailable, TooLarge

RESERVED_BYTES = 200_000_000
"""What uploads leave of the disk: without room for its database a market cannot settle."""
ABANDONED_SECONDS = 3_600
"""An upload that has not moved for so long is nobody's any more."""
_HEX = frozenset("0123456789abcdef")


class FolderUpload:
    """A blob that is being received, in a file without its name."""

    def __init__(self, path: Path, digest: str, limit: int, file: BinaryIO) -> None:
        self._path, self._digest, self._limit, self._file = path, digest, limit, file
        self._hash, self._size = hashlib.sha256(), 0

    def write(self, data: bytes) -> None:
        """The next bytes. Raises TooLarge."""
        self._size += len(data)
        if self._size > self._limit:
            raise TooLarge("The blob", self._size, self._limit)
        self._hash.update(data)
        self._file.write(data)

    def finish(self) -> bool:
        """Store what came; True if it was new. Raises DigestMismatch."""
        actual = "0x" + self._hash.hexdigest()
        if actual != self._digest:
            raise DigestMismatch(expected=self._digest, actual=actual)
        if self._path.exists():
            return False
        self._file.flush()
        os.fsync(self._file.fileno())
        os.replace(self._file.name, self._path)  # whole or not at all
        _sync(self._path.parent)
        return True


class FolderBlobs:
    """Blobs under `folder`, each at most `limit` bytes. Safe to share between threads and processes."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        folder.mkdir(parents=True, exist_ok=True)
        for partial in folder.glob("*/.partial-*"):  # of a process that was killed
            with suppress(FileNotFoundError):  # another process may clear up too
                if partial.stat().st_mtime < time.time() - ABANDONED_SECONDS:
                    partial.unlink()

    @contextmanager
    def receive(self, digest: str) -> Iterator[FolderUpload]:
        """Take a blob in pieces; without `finish` nothing of it stays. Raises ServiceUnavailable on a full disk."""
        path = self._path(digest)
        if shutil.disk_usage(self._folder)[2] < RESERVED_BYTES:
            raise ServiceUnavailable("The market's disk is full.", hint="Try again later, or tell its operator.")
        if not path.parent.exists():
            path.parent.mkdir(exist_ok=True)
            _sync(self._folder)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".partial-", delete=False) as file:
            try:
                yield FolderUpload(path, digest, self._limit, file)
            finally:
                Path(file.name).unlink(missing_ok=True)

    def put(self, digest: str, data: bytes) -> bool:
        """Store; True if it was new. Raises DigestMismatch, TooLarge, ServiceUnavailable."""
        with self.receive(digest) as upload:
            upload.write(data)
            return upload.finish()

    def get(self, digest: str) -> bytes:
        """Raises NotFound."""
        with self.open(digest) as file:
            return file.read()

    def open(self, digest: str) -> BinaryIO:
        """For reading. Raises NotFound."""
        try:
            return self._path(digest).open("rb")
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


def _sync(folder: Path) -> None:
    """A new name in a folder outlives a power cut only once the folder is written too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
