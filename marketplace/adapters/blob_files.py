"""What the stores of blobs share: bytes that are held against their digest, coming in and going out, and their room."""

import hashlib
import io
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import BinaryIO, cast

from marketplace.errors import DigestMismatch, ServiceUnavailable, StorageFull, TooLarge

RESERVED_BYTES = 200_000_000
"""What uploads leave of the disk unless told: without room for its database a market cannot settle."""
MEASURED_SECONDS = 300.0
"""How long a count of all that is held serves; what this process stores meanwhile is added to it."""
PIECE_BYTES = 262_144


class Incoming:
    """Bytes on their way into `file`, counted and hashed as they come."""

    def __init__(self, digest: str, limit: int, file: BinaryIO) -> None:
        self._digest, self._limit, self._file = digest, limit, file
        self._hash, self.size = hashlib.sha256(), 0

    def write(self, data: bytes) -> None:
        """The next bytes. Raises TooLarge."""
        self.size += len(data)
        if self.size > self._limit:
            raise TooLarge("The blob", self.size, self._limit)
        self._hash.update(data)
        self._file.write(data)

    def require_whole(self) -> None:
        """Raises DigestMismatch unless what came is what was announced."""
        actual = "0x" + self._hash.hexdigest()
        if actual != self._digest:
            raise DigestMismatch(expected=self._digest, actual=actual)


class Outgoing(io.RawIOBase):
    """A blob as it is read, from any place on. Read from its beginning, its last bytes come only if all are its own."""

    def __init__(
        self, digest: str, size: int, read_from: Callable[[int], Iterator[bytes]], close: Callable[[], None] | None
    ) -> None:
        super().__init__()
        self._digest, self._size, self._read_from, self._close = digest, size, read_from, close
        self._place, self._hash = 0, hashlib.sha256()
        self._pieces: Iterator[bytes] | None = None
        self._left = memoryview(b"")
        self._is_whole = True

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        place = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence])
        if place != self._place:
            self._place, self._pieces, self._left = place, None, memoryview(b"")
            self._is_whole, self._hash = place == 0, hashlib.sha256()
        return place

    def readinto(self, buffer) -> int:
        """Raises ServiceUnavailable for a blob that is damaged where it is kept, or whose store does not answer."""
        if self._place >= self._size:
            return 0
        if not self._left:
            self._pieces = self._pieces or self._read_from(self._place)
            self._left = memoryview(next(self._pieces, b""))
        piece, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        self._place += len(piece)
        self._require_own(piece)
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed and self._close is not None:
            self._close()
        self._pieces, self._left = None, memoryview(b"")
        super().close()

    def _require_own(self, piece: memoryview) -> None:
        self._hash.update(piece)
        ends_early = not piece
        is_other = self._is_whole and self._place >= self._size and "0x" + self._hash.hexdigest() != self._digest
        if ends_early or is_other:
            raise ServiceUnavailable(
                f"The blob {self._digest} is damaged where the market keeps it.",
                hint="Tell its operator: a backup, or whoever uploaded it, has its bytes.",
            )


def open_outgoing(
    digest: str, size: int, read_from: Callable[[int], Iterator[bytes]], close: Callable[[], None] | None = None
) -> BinaryIO:
    """A file of `size` bytes; `read_from(offset)` gives them in pieces."""
    return cast(BinaryIO, io.BufferedReader(Outgoing(digest, size, read_from, close), PIECE_BYTES))


class Room:
    """How much may be stored: of a disk all but what is reserved, of a store at most `limit` bytes (0: any).

    Several processes count each for itself, so that together they may pass the limit by what comes within
    `MEASURED_SECONDS`.
    """

    def __init__(self, disk: Path, reserved: int, limit: int, measure: Callable[[], int]) -> None:
        self._disk, self._reserved, self._limit, self._measure = disk, reserved, limit, measure
        self._held, self._measured_at = 0, -MEASURED_SECONDS
        self._lock = Lock()

    def require_disk(self) -> None:
        """Raises StorageFull once the disk has no more than what is reserved."""
        free = shutil.disk_usage(self._disk)[2]
        if free < self._reserved:
            raise StorageFull("The market's disk is full.", hint="Try again later, or tell its operator.")

    def take(self, size: int) -> None:
        """Count `size` bytes that are about to be stored. Raises StorageFull where they are too many."""
        if not self._limit:
            return
        with self._lock:
            if time.monotonic() >= self._measured_at + MEASURED_SECONDS:
                self._held, self._measured_at = self._measure(), time.monotonic()
            if self._held + size > self._limit:
                raise StorageFull(
                    f"The market keeps at most {self._limit} bytes of blobs, and has {self._held}; these are {size}.",
                    hint="Try again later, upload less, or tell its operator.",
                    size=size,
                    held=self._held,
                    limit=self._limit,
                )
            self._held += size
