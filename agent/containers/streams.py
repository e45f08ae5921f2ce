"""Bytes that come in pieces, as a file."""

import io
from collections.abc import Iterable

_BUFFER_BYTES = 1 << 20


def file_of(chunks: Iterable[bytes]) -> io.BufferedReader:
    """A file to be read from start to end, holding about a megabyte at a time."""
    return io.BufferedReader(_Raw(chunks), _BUFFER_BYTES)


class _Raw(io.RawIOBase):
    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._left = iter(chunks), memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = memoryview(chunk)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
