"""Files that are there whole or not at all: who finds one may believe that nothing of it is missing."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

MODE = 0o666
"""What a new file may be read and written by, less the process's mask."""


def write_whole(path: Path, data: bytes) -> None:
    """In the place of what is there. Raises OSError, with what was there as it was."""
    whole = _write_aside(path, data)
    try:
        os.replace(whole, path)
    except OSError:
        _remove(whole)
        raise


def write_new(path: Path, data: bytes) -> None:
    """Raises FileExistsError where something is there, which stays; OSError."""
    whole = _write_aside(path, data)
    try:
        os.link(whole, path)
    finally:
        _remove(whole)


def _write_aside(path: Path, data: bytes) -> str:
    descriptor, whole = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(whole, MODE & ~_mask())
    except BaseException:
        _remove(whole)
        raise
    return whole


def _mask() -> int:
    """Asking for it sets it: for a moment nobody else may read what this process makes."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _remove(whole: str) -> None:
    with suppress(OSError):
        os.unlink(whole)
