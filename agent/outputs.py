"""What jobs left, until the market has it: one file for each digest, whole even after a power cut."""

import os
import secrets
from pathlib import Path

from marketplace.errors import AgentError


class Outputs:
    """Blobs in a folder. Safe to share between threads: two jobs may leave the same bytes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, digest: str, data: bytes) -> None:
        """Store a blob. It is on the disk when this returns, before anything is signed about it."""
        partial = self._folder / f"{digest}.{secrets.token_hex(4)}.part"
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._folder / digest)
        _sync(self._folder)

    def read(self, digest: str) -> bytes:
        """Raises AgentError where the blob is gone."""
        try:
            return (self._folder / digest).read_bytes()
        except OSError as error:
            raise AgentError(f"The output {digest} cannot be read ({error.strerror}).", digest=digest) from error

    def has(self, digest: str) -> bool:
        """Whether the bytes are here."""
        return (self._folder / digest).exists()

    def drop(self, digest: str) -> None:
        """The market has it."""
        (self._folder / digest).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """A new name in a folder outlives a power cut only once the folder is written too."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows has no such call
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
