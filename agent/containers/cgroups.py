"""What a container used, read from its control group: the engine forgets it the moment that the container has ended.

Where the engine makes groups itself (driver `cgroupfs`), each run has a parent group of its own, which outlives the
container and says exactly what was used. Where systemd makes them, the container's own group is read while it runs, so
that the last tick may be missing. Control groups of version 1 and 2.
"""

import contextlib
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

from agent.sandbox.types import NOT_MEASURED, Usage

ROOT = Path("/sys/fs/cgroup")
PARENT = "computehive"
_KILL_TURNS = 3
_NANOSECONDS, _MICROSECONDS = 1_000_000_000, 1_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What a group has used so far, and how often a process was refused in it."""

    usage: Usage = NOT_MEASURED
    refused_processes: int = 0
    peak_processes: int = 0

    def at_least(self, other: "Reading") -> "Reading":
        """The greater of each: counters only grow, and a group that is gone reads as nothing."""
        cpu = _greater(self.usage.cpu_seconds, other.usage.cpu_seconds)
        memory = _greater(self.usage.peak_memory_bytes, other.usage.peak_memory_bytes)
        refused = max(self.refused_processes, other.refused_processes)
        usage = Usage(cpu_seconds=cpu, peak_memory_bytes=memory)
        return Reading(usage, refused, max(self.peak_processes, other.peak_processes))

    def after(self, before: Usage) -> "Reading":
        """With what the program had used before it was frozen, in a group that is gone."""
        if before.cpu_seconds is None:
            return self
        cpu = before.cpu_seconds + (self.usage.cpu_seconds or 0)
        memory = _greater(before.peak_memory_bytes, self.usage.peak_memory_bytes)
        return replace(self, usage=Usage(cpu_seconds=cpu, peak_memory_bytes=memory))

    def has_filled(self, processes: int) -> bool:
        """Whether it had as many processes as it may have, or was refused one.

        Refusals are counted in the container's own group, which is gone when a fork bomb has ended by itself.
        """
        return self.refused_processes > 0 or self.peak_processes >= processes


def _greater(one: float | None, other: float | None) -> float | None:
    known = [value for value in (one, other) if value is not None]
    return max(known) if known else None


def parent_path(run: str) -> str:
    """The parent group of a run, as the engine takes it."""
    return f"/{PARENT}/{run}"


def group_of(pid: int, proc: Path = Path("/proc")) -> str | None:
    """The group of a process below every hierarchy's root; None where it cannot be read or differs between them."""
    try:
        lines = (proc / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return None
    memory = [line.split(":", 2)[2] for line in lines if "memory" in line.split(":")[1].split(",")]
    unified = [line.split(":", 2)[2] for line in lines if line.startswith("0::")]
    return (memory or unified or [None])[0]


def read_group(path: str, root: Path = ROOT) -> Reading:
    """What the group at `path` has used. What is not there reads as not known."""
    name = path.lstrip("/")
    if (root / "memory").is_dir():
        return _read_v1(root, name)
    return _read_v2(root / name)


def _read_v1(root: Path, name: str) -> Reading:
    cpu = _number(root / "cpuacct" / name / "cpuacct.usage")
    memory = _number(root / "memory" / name / "memory.max_usage_in_bytes")
    usage = Usage(None if cpu is None else cpu / _NANOSECONDS, memory)
    return _with_processes(usage, root / "pids" / name)


def _read_v2(folder: Path) -> Reading:
    cpu = _field(folder / "cpu.stat", "usage_usec")
    usage = Usage(None if cpu is None else cpu / _MICROSECONDS, _number(folder / "memory.peak"))
    return _with_processes(usage, folder)


def _with_processes(usage: Usage, folder: Path) -> Reading:
    refused, peak = _field(folder / "pids.events", "max"), _number(folder / "pids.peak")
    return Reading(usage, refused or 0, peak or 0)


def kill_group(path: str, root: Path = ROOT) -> bool:
    """End every process of the group at `path`, in turns, since they may start others meanwhile.

    False where some are out of reach, or the group is not known: somebody with more rights has to be asked.
    """
    name = path.lstrip("/")
    if not name:
        return False
    folder = root / "pids" / name if (root / "pids").is_dir() else root / name
    return all([_kill_all(folder / "cgroup.procs") for _ in range(_KILL_TURNS)])


def _kill_all(processes: Path) -> bool:
    try:
        listed = [int(line) for line in processes.read_text().split()]
    except (OSError, ValueError):
        return False
    return all([_kill(pid) for pid in listed])


def _kill(pid: int) -> bool:
    """Whether it is gone. 0 is how a process of another namespace is listed, and would be all of our own group."""
    if pid <= 1:
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return True


def remove_parent(run: str, root: Path = ROOT) -> None:
    """Let go of a run's parent group, and of groups in it that an engine left when it was killed: none has a process.

    The kernel keeps those that have one.
    """
    for controller in [root, *_controllers(root)]:
        for folder, _, _ in os.walk(controller / PARENT / run, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)


def leftover_runs(prefix: str, root: Path = ROOT) -> set[str]:
    """Runs of ours that still have a parent group."""
    folders = [root, *_controllers(root)]
    return {entry.name for folder in folders for entry in (folder / PARENT).glob(f"{prefix}*") if entry.is_dir()}


def _controllers(root: Path) -> list[Path]:
    try:
        return [entry for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink()]
    except OSError:
        return []


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _field(path: Path, name: str) -> int | None:
    try:
        fields = dict(line.split() for line in path.read_text().splitlines())
        return int(fields[name])
    except (OSError, ValueError, KeyError):
        return None
