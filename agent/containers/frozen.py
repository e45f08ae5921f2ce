"""Jobs whose whole process the engine keeps while no daemon runs it: what has to be known to go on with each.

One file a lease, of this machine's own making: nobody else's is ever read (docs/decisions/0040-frozen-processes.md).
"""

import json
import time
import zipfile
from collections.abc import Callable, Iterable
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


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is remembered of a file."""

    run: str
    until: int


class FrozenJobs:
    """This machine's, by lease. May be used by several threads at once."""

    def __init__(self, folder: Path, quota_mb: int, now: Callable[[], float] = time.time) -> None:
        """Forgets those whose time is over, and what cannot be read."""
        self._folder, self._quota, self._now = folder, quota_mb * BYTES_PER_MB, now
        self._lock = Lock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._kept: dict[str, _Kept] = {}
        self._reserved: dict[str, int] = {}
        self._held: set[str] = set()
        self._lost: set[str] = set()
        for path in folder.glob(f"*{_SUFFIX}"):
            self._recall(path)
        for path in folder.glob(f"*{_PARTIAL}"):  # the disk was full, or the daemon killed
            path.unlink()

    @property
    def runs(self) -> set[str]:
        """The runs that somebody may still go on with."""
        with self._lock:
            return {kept.run for kept in self._kept.values()}

    @property
    def leases(self) -> set[str]:
        """Whose jobs they are."""
        with self._lock:
            return set(self._kept)

    def find(self, lease: str) -> Frozen | None:
        """The job of a lease as it was last; read anew, as nobody needs its files in memory meanwhile.

        One that cannot be read is dropped.
        """
        with self._lock:
            if lease not in self._kept:
                return None
            found = _load(self._path(lease))
            if found is None:
                self._lose(lease)
            return found

    def hold(self, lease: str) -> None:
        """A run of this lease begins: until `let_go` it is that run's to say when the lease is over."""
        with self._lock:
            self._held.add(lease)

    def let_go(self, lease: str) -> None:
        """Its run has ended."""
        with self._lock:
            self._held.discard(lease)

    def lapse(self, over: Iterable[str]) -> None:
        """Drop the leases that are `over`, and those whose time is, but for what is held."""
        over = set(over)
        with self._lock:
            for lease, kept in list(self._kept.items()):
                if lease not in self._held and (lease in over or kept.until <= self._now()):
                    self._lose(lease)

    def take_lost(self) -> set[str]:
        """The runs that nobody can go on with since this was asked last: what there is of them is to be removed."""
        with self._lock:
            lost, self._lost = self._lost, set()
            return lost

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
            self._kept[lease] = _Kept(frozen.run, frozen.until)

    def drop(self, lease: str) -> None:
        """Forget a lease: it is over, or nothing can be made of what is there. Who asks removes its run."""
        with self._lock:
            self._forget(lease)

    def _lose(self, lease: str) -> None:
        self._lost.add(self._kept[lease].run)
        self._forget(lease)

    def _forget(self, lease: str) -> None:
        """Its file goes first: whatever the engine then keeps of it, the next start removes."""
        self._path(lease).unlink(missing_ok=True)
        self._kept.pop(lease, None)
        self._reserved.pop(lease, None)

    def _path(self, lease: str) -> Path:
        return self._folder / f"{lease}{_SUFFIX}"

    def _recall(self, path: Path) -> None:
        lease, found = path.name.removesuffix(_SUFFIX), _load(path)
        if found is None or found.until <= self._now():
            path.unlink(missing_ok=True)
        else:
            self._kept[lease], self._reserved[lease] = _Kept(found.run, found.until), found.reserved_bytes


def discard_frozen(folder: Path) -> None:
    """Delete what an agent has left there that froze jobs, and does so no more."""
    for ending in (_SUFFIX, _PARTIAL):
        for path in folder.glob(f"*{ending}"):
            path.unlink(missing_ok=True)


def _load(path: Path) -> Frozen | None:
    try:
        with zipfile.ZipFile(path) as archive:
            told = json.loads(archive.read("frozen.json"))
            return Frozen(**told, **{name: archive.read(name) for name in _BYTES})
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        log.warning("a frozen job is lost", file=path.name, error=f"{type(error).__name__}: {error}")
        return None
