"""The disk under the agent's data folder: a file written and forced to the disk, and read back."""

import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from agent.benchmark.timing import Repetition, timed
from marketplace.errors import AgentError
from marketplace.protocol.units import BYTES_PER_MB

FILE_MB = 64
_CHUNK = 4 * BYTES_PER_MB


@contextmanager
def write(folder: Path) -> Iterator[Repetition]:
    """A file that cannot be compressed, written anew and synchronised."""
    data = _data()
    with _file(folder) as file:
        yield timed(FILE_MB, lambda: _write(file, data))


@contextmanager
def read(folder: Path) -> Iterator[Repetition]:
    """The same file read, after the system was told to forget what it holds of it.

    Where a system cannot be told so, this is the speed of its cache.
    """
    with _file(folder) as file:
        _write(file, _data())
        repeat = timed(FILE_MB, lambda: _read(file))

        def forget_and_read() -> float:
            _forget(file)
            return repeat()

        yield forget_and_read


@contextmanager
def _file(folder: Path) -> Iterator[IO[bytes]]:
    """A file without a name, which nothing is left of however this process ends.

    Raises AgentError where none can be made or filled.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            yield file
    except OSError as error:
        raise AgentError(
            f"{folder} cannot be written: {error.strerror or error}.",
            hint=f"It needs {FILE_MB} MB free, and must be the daemon's own: COMPUTEHIVE_AGENT_DATA.",
        ) from error


def _data() -> bytes:
    return random.Random(1).randbytes(FILE_MB * BYTES_PER_MB)


def _write(file: IO[bytes], data: bytes) -> None:
    file.seek(0)
    file.truncate()
    for start in range(0, len(data), _CHUNK):
        file.write(data[start : start + _CHUNK])
    os.fsync(file.fileno())


def _read(file: IO[bytes]) -> None:
    file.seek(0)
    while file.read(_CHUNK):
        pass


def _forget(file: IO[bytes]) -> None:
    advise = getattr(os, "posix_fadvise", None)  # Linux and BSD
    if advise is not None:
        advise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
