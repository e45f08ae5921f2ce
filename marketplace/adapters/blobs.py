"""`ports.Blobs` in a folder: one file a blob, named by its digest."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from marketplace.adapters.blob_files import PIECE_BYTES, RESERVED_BYTES, Incoming, Room, open_outgoing
from marketplace.domain.blobs import StoredBlob, digest_at, path_of
from marketplace.errors import NotFound

ABANDONED_SECONDS = 3_600
"""An upload that has not moved for so long is nobody's any more."""


class FolderUpload:
    """A blob that is being received, in a file without its name."""

    def __init__(self, path: Path, file: BinaryIO, incoming: Incoming, room: Room) -> None:
        self._path, self._file, self._incoming, self._room = path, file, incoming, room

    def write(self, data: bytes) -> None:
        """The next bytes. Raises TooLarge."""
        self._incoming.write(data)

    def finish(self) -> bool:
        """Store what came; True if it was new. Raises DigestMismatch, StorageFull."""
        self._incoming.require_whole()
        if self._path.exists():
            with suppress(FileNotFoundError):  # deleted in this moment: the caller looks whether it is there
                os.utime(self._path)  # somebody wants it: it counts as new
            return False
        self._room.take(self._incoming.size)
        self._file.flush()
        os.fsync(self._file.fileno())
        os.replace(self._file.name, self._path)  # whole or not at all
        _sync(self._path.parent)
        return True


class FolderBlobs:
    """Blobs under `folder`, each at most `limit` bytes. Safe to share between threads and processes."""

    def __init__(self, folder: Path, limit: int, *, total: int = 0, reserved: int = RESERVED_BYTES) -> None:
        self._folder = folder
        self._limit = limit
        self._room = Room(folder, reserved, total, lambda: sum(one.size for one in self.all()))
        folder.mkdir(parents=True, exist_ok=True)
        remove_abandoned(folder, "*/.partial-*")

    @contextmanager
    def receive(self, digest: str) -> Iterator[FolderUpload]:
        """Take a blob in pieces; without `finish` nothing of it stays. Raises StorageFull on a full disk."""
        path = self._path(digest)
        self._room.require_disk()
        if not path.parent.exists():
            path.parent.mkdir(exist_ok=True)
            _sync(self._folder)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".partial-", delete=False) as file:
            try:
                yield FolderUpload(path, file, Incoming(digest, self._limit, file), self._room)
            finally:
                Path(file.name).unlink(missing_ok=True)

    def put(self, digest: str, data: bytes) -> bool:
        """Store; True if it was new. Raises DigestMismatch, TooLarge, StorageFull."""
        with self.receive(digest) as upload:
            upload.write(data)
            return upload.finish()

    def get(self, digest: str) -> bytes:
        """Raises NotFound, ServiceUnavailable where it is damaged."""
        with self.open(digest) as file:
            return file.read()

    def open(self, digest: str) -> BinaryIO:
        """For reading; a read raises ServiceUnavailable where the blob is damaged. Raises NotFound."""
        try:
            file = self._path(digest).open("rb")
        except FileNotFoundError as error:
            raise NotFound("blob", digest) from error

        def read_from(place: int) -> Iterator[bytes]:
            file.seek(place)
            while piece := file.read(PIECE_BYTES):
                yield piece

        return open_outgoing(digest, os.fstat(file.fileno()).st_size, read_from, file.close)

    def has(self, digest: str) -> bool:
        return self._path(digest).exists()

    def size(self, digest: str) -> int:
        """Bytes. Raises NotFound."""
        try:
            return self._path(digest).stat().st_size
        except FileNotFoundError as error:
            raise NotFound("blob", digest) from error

    def all(self) -> Iterator[StoredBlob]:
        """Every whole blob, in no order."""
        for folder in self._folder.iterdir():
            for entry in os.scandir(folder) if folder.is_dir() else ():
                digest = digest_at(f"{folder.name}/{entry.name}")
                with suppress(FileNotFoundError):  # deleted meanwhile
                    if digest is not None:
                        found = entry.stat()
                        yield StoredBlob(digest, found.st_size, int(found.st_mtime))

    def delete(self, digest: str) -> bool:
        """Forget a blob; True if it was here."""
        try:
            self._path(digest).unlink()
        except FileNotFoundError:
            return False
        return True

    def _path(self, digest: str) -> Path:
        return self._folder / path_of(digest)


def remove_abandoned(folder: Path, pattern: str) -> None:
    """What uploads left in files of this pattern when their process was killed."""
    for partial in folder.glob(pattern):
        with suppress(FileNotFoundError):  # another process may clear up too
            if partial.stat().st_mtime < time.time() - ABANDONED_SECONDS:
                partial.unlink()


def _sync(folder: Path) -> None:
    """A new name in a folder outlives a power cut only once the folder is written too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
