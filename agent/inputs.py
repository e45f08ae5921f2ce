"""Inputs and programs that jobs have in common, kept on disk by digest, so that they travel once.

What lies there is never trusted: it is hashed at every read, and fetched again where it is not what it is named.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from threading import Lock

import structlog

from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.units import BYTES_PER_MB

log = structlog.get_logger("agent")
_PARTIAL = ".part"


class InputCache:
    """Bytes by content digest. Safe to share between threads, and with another process on the same folder."""

    def __init__(self, folder: Path, quota_mb: int, fetch: Callable[[str], bytes]) -> None:
        """`quota_mb` of 10^6 bytes; 0 keeps nothing. What a killed process left half written is removed."""
        self._folder, self._quota, self._fetch = folder, quota_mb * BYTES_PER_MB, fetch
        self._lock = Lock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in folder.glob(f"*{_PARTIAL}"):
            left.unlink(missing_ok=True)
        self._make_room(0)

    def __call__(self, digest: str, fetch: Callable[[str], bytes] | None = None) -> bytes:
        """The bytes, from the disk or by `fetch`, which goes before the cache's own. Raises what that raises."""
        data = self._read(digest)
        if data is not None:
            return data
        data = (fetch or self._fetch)(digest)
        if 0 < len(data) <= self._quota and sha256_digest(data) == digest:
            self._keep(digest, data)
        return data

    def _read(self, digest: str) -> bytes | None:
        path = self._folder / digest
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        if sha256_digest(data) == digest:
            return data
        log.warning("a cached input was damaged and is fetched again", digest=digest)
        path.unlink(missing_ok=True)
        return None

    def _keep(self, digest: str, data: bytes) -> None:
        """A disk that is full or gone costs the cache, not the job."""
        partial = self._folder / f"{secrets.token_hex(8)}{_PARTIAL}"
        try:
            with self._lock:
                self._make_room(len(data))
                partial.write_bytes(data)
                partial.replace(self._folder / digest)
        except OSError as error:
            partial.unlink(missing_ok=True)
            log.warning("an input was not cached", error=str(error))

    def _make_room(self, size: int) -> None:
        """What was used longest ago goes first."""
        files = sorted(_sizes(self._folder))
        total = size + sum(length for _, length, _ in files)
        for _, length, path in files:
            if total <= self._quota:
                return
            path.unlink(missing_ok=True)
            total -= length


def _sizes(folder: Path) -> list[tuple[int, int, Path]]:
    """When each file was used last, how long it is, and where. Another process may remove some meanwhile."""
    found = []
    for path in folder.iterdir():
        try:
            known = path.stat()
        except FileNotFoundError:
            continue
        found.append((known.st_mtime_ns, known.st_size, path))
    return found
