"""What processors and memory drew, by Linux's powercap counters (RAPL), and a job's share of it.

A machine has a zone for each processor package, `intel-rapl:0`, also on AMD, and in it perhaps one of its memory,
`dram`. Each counts microjoules up to its own range and begins again. Reading them usually takes root (CVE-2020-8694).

    joules of a job = joules of all zones * processor seconds of the job / processor seconds of all

so that what a machine draws in idleness is borne by who works on it at the time. The most that the zones have told
between two looks is one turn of a counter: at 200 W some twenty minutes, so `Meter` looks more often.
"""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import psutil

POWERCAP = Path("/sys/class/powercap")
LOOK_SECONDS = 60.0
_MICROJOULES = 1_000_000
_IDLE = ("idle", "iowait", "guest", "guest_nice")
"""No work, or work that is counted as `user` already."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A counter: its value and its range, microjoules."""

    microjoules: int
    range: int


def read_zones(root: Path = POWERCAP) -> dict[str, Zone]:
    """The packages' and memories' counters by name; those that cannot be read are left out."""
    found = {}
    for folder in sorted(root.glob("intel-rapl:*")):
        zone = _read_zone(folder)
        if zone is not None:
            found[folder.name] = zone
    return found


def _read_zone(folder: Path) -> Zone | None:
    is_outer = folder.name.count(":") == 1
    try:
        name = (folder / "name").read_text().strip()
        if not (name.startswith("package") if is_outer else name == "dram"):
            return None  # part of a package, or `psys`, the platform that packages are part of: counted already
        values = [int((folder / name).read_text()) for name in ("energy_uj", "max_energy_range_uj")]
    except (OSError, ValueError):
        return None
    return Zone(*values)


def microjoules_between(before: dict[str, Zone], after: dict[str, Zone]) -> int | None:
    """What all zones counted in between, each having begun again at most once. None where there is no package to say,
    or one of them answered only once.
    """
    if not before or set(before) != set(after):
        return None
    return sum(_counted(before[name], after[name]) for name in before)


def _counted(before: Zone, after: Zone) -> int:
    grown = after.microjoules - before.microjoules
    return grown if grown >= 0 else grown + after.range


def share_of(joules: float, own_seconds: float, all_seconds: float) -> float:
    """A job's part of a machine's joules, by processor seconds; all of it where nothing else is known to have run."""
    return joules * min(1.0, own_seconds / all_seconds) if all_seconds > 0 else joules


def busy_seconds() -> float:
    """Processor seconds that this machine has worked since it started."""
    times = psutil.cpu_times()._asdict()
    return sum(seconds for name, seconds in times.items() if name not in _IDLE)


class Meter:
    """The machine's counters over an interval. `look` at the beginning, often enough, and at the end."""

    def __init__(self, root: Path = POWERCAP) -> None:
        self._root, self._lock = root, Lock()
        self._last: dict[str, Zone] | None = None
        self._microjoules: int | None = 0
        self._began = busy_seconds()

    def look(self) -> None:
        """Count on."""
        with self._lock:
            now, last = read_zones(self._root), self._last
            self._last = now
            if last is None:
                return
            grown = microjoules_between(last, now)
            unknown = grown is None or self._microjoules is None
            self._microjoules = None if unknown else self._microjoules + grown

    def joules_of(self, cpu_seconds: float | None) -> float | None:
        """The part of a job that took so much processor time in between; None where it cannot be told."""
        if cpu_seconds is None or self._microjoules is None or not self._last:
            return None
        return share_of(self._microjoules / _MICROJOULES, cpu_seconds, busy_seconds() - self._began)
