"""Jobs whose whole process the engine keeps while no daemon runs it: what has to be known to go on with each.

One file a lease, of this machine's own making: nobody else's is ever read (docs/decisions/0040-frozen-processes.md).
"""

import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock

import structlog

from agent.sandbox.types import Usage
from marketplace.protocol.units import BYTES_PER_MB

log = structlog.get_logger("containers")
_BYTES = ("files", "stdout", "stderr")
_SUFFIX, _PARTIAL = ".frozen", ".partial"


@dataclass(frozen=True, slots=True)
class Frozen:
    """A process at one moment, in a container that is still in the engine."""

    run: str
    """What its containers and volumes are named by."""
    point: str
    """The engine's name for the moment."""
    release: str
    """What froze it says of itself: another release may not understand it."""
    image: str
    seconds: float
    """How long the program had run, the time in which it was frozen left out."""
    until: int
    """Unix seconds after which nobody pays for going on."""
    reserved_bytes: int
    """The most that the engine may keep for it on its disk."""
    cpu_seconds: float | None
    peak_memory_bytes: int | None
    files: bytes = field(repr=False)
    """`/out` as it was, a tar."""
    stdout: bytes = field(repr=False)
    stderr: bytes = field(repr=False)

    @property
    def usage(self) -> Usage:
        """What it had used until then."""
        return Usage(cpu_seconds=self.cpu_seconds, peak_memory_bytes=self.peak_memory_bytes)


class FrozenJobs:
    """This machine's, by lease. May be used by several threads at once."""

    def __init__(self, folder: Path, quota_mb: int, now: Callable[[], float] = time.time) -> None:
        """Forgets those whose time is over, and what cannot be read."""
        self._folder, self._quota, self._now = folder, quota_mb * BYTES_PER_MB, now
        self._lock = Lock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._runs: dict[str, str] = {}
        self._reserved: dict[str, int] = {}
        for path in folder.glob(f"*{_SUFFIX}"):
            self._recall(path)
        for path in folder.glob(f"*{_PARTIAL}"):  # the disk was full, or the daemon killed
            path.unlink()

    @property
    def runs(self) -> set[str]:
        """The runs that somebody may still go on with."""
        with self._lock:
            return set(self._runs.values())

    def find(self, lease: str) -> Frozen | None:
        """The job of a lease as it was last; read anew, as nobody needs its files in memory meanwhile."""
        with self._lock:
            return _load(self._path(lease)) if lease in self._runs else None

    def reserve(self, lease: str, size: int) -> bool:
        """Have so many bytes for a lease until it is dropped; False where they are not left."""
        with self._lock:
            others = sum(taken for other, taken in self._reserved.items() if other != lease)
            if others + size > self._quota:
                return False
            self._reserved[lease] = size
            return True

    def keep(self, lease: str, frozen: Frozen) -> None:
        """Know a job as it is now, in place of how it was. Raises OSError where the disk does not take it."""
        path = self._path(lease)
        partial = path.with_suffix(_PARTIAL)
        told = {name: value for name, value in asdict(frozen).items() if name not in _BYTES}
        with zipfile.ZipFile(partial, "w") as archive:
            archive.writestr("frozen.json", json.dumps(told))
            for name in _BYTES:
                archive.writestr(name, getattr(frozen, name))
        partial.chmod(0o600)
        partial.replace(path)
        with self._lock:
            self._runs[lease] = frozen.run

    def drop(self, lease: str) -> None:
        """Forget a lease: it is over, or nothing can be made of what is there."""
        self._path(lease).unlink(missing_ok=True)
        with self._lock:
            self._runs.pop(lease, None)
            self._reserved.pop(lease, None)

    def _path(self, lease: str) -> Path:
        return self._folder / f"{lease}{_SUFFIX}"

    def _recall(self, path: Path) -> None:
        lease, found = path.name.removesuffix(_SUFFIX), _load(path)
        if found is None or found.until <= self._now():
            path.unlink(missing_ok=True)
        else:
            self._runs[lease], self._reserved[lease] = found.run, found.reserved_bytes


def _load(path: Path) -> Frozen | None:
    try:
        with zipfile.ZipFile(path) as archive:
            told = json.loads(archive.read("frozen.json"))
            return Frozen(**told, **{name: archive.read(name) for name in _BYTES})
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        log.warning("a frozen job is lost", file=path.name, error=f"{type(error).__name__}: {error}")
        return None
