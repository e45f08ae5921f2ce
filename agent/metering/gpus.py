"""What a job took of the GPUs that it had alone, by NVIDIA's NVML.

Energy is the driver's own counter before and after (since Volta; not of MIG instances). Time at work is the driver's
utilisation, which it gives in percent of its last sample period, looked at while the job runs. Memory is the most that
was in use beyond what was before.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Lock

import pynvml

from agent.sandbox.types import Usage

LOOK_SECONDS = 0.5
_MILLIJOULES, _PERCENT = 1_000, 100


@dataclass(frozen=True, slots=True)
class GpuReading:
    """What one GPU says; None where it does not."""

    millijoules: int | None = None
    """Since its driver was loaded."""
    percent: int | None = None
    memory_bytes: int | None = None


def read_gpu(uuid: str) -> GpuReading:
    """One GPU, by the driver's id. A driver that does not answer says nothing."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return GpuReading()
    try:
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        return GpuReading(
            millijoules=_ask(lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)),
            percent=_ask(lambda: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu),
            memory_bytes=_ask(lambda: pynvml.nvmlDeviceGetMemoryInfo(handle).used),
        )
    except pynvml.NVMLError:
        return GpuReading()
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _ask(question: Callable[[], int]) -> int | None:
    try:
        return int(question())
    except pynvml.NVMLError:
        return None


class GpuMeter:
    """Some GPUs over a run. `look` at the beginning, while it goes on, and at the end."""

    def __init__(
        self,
        ids: Sequence[str],
        read: Callable[[str], GpuReading] = read_gpu,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._now, self._lock = read, now, Lock()
        self._tallies = {uuid: _Tally() for uuid in ids}

    def look(self) -> None:
        """Take a reading of each."""
        with self._lock:
            for uuid, tally in self._tallies.items():
                tally.take(self._read(uuid), self._now())

    def add_to(self, usage: Usage) -> Usage:
        """The usage with what GPUs say; unchanged without any."""
        tallies = list(self._tallies.values())
        if not tallies:
            return usage
        memory = _sum([one.peak_bytes for one in tallies])
        return replace(
            usage,
            gpu_seconds=_sum([one.busy_seconds for one in tallies]),
            gpu_peak_memory_bytes=None if memory is None else int(memory),
            gpu_joules=_sum([one.joules for one in tallies]),
        )


class _Tally:
    """One GPU's readings so far. What it has failed to say once is not known."""

    def __init__(self) -> None:
        self._first: GpuReading | None = None
        self._last: tuple[GpuReading, float] | None = None
        self.busy_seconds: float | None = 0.0
        self.peak_bytes: int | None = 0

    def take(self, reading: GpuReading, at: float) -> None:
        if self._first is None or self._last is None:
            self._first = reading
        else:
            self._add_busy(reading.percent, at - self._last[1])
        self._raise_peak(reading.memory_bytes)
        self._last = (reading, at)

    def _add_busy(self, percent: int | None, seconds: float) -> None:
        if percent is None or self.busy_seconds is None:
            self.busy_seconds = None
        else:
            self.busy_seconds += seconds * min(percent, _PERCENT) / _PERCENT

    def _raise_peak(self, used: int | None) -> None:
        before = self._first.memory_bytes if self._first else None
        if used is None or before is None or self.peak_bytes is None:
            self.peak_bytes = None
        else:
            self.peak_bytes = max(self.peak_bytes, used - before)

    @property
    def joules(self) -> float | None:
        """Between the first reading and the last; None where one of them is missing or the counter began again."""
        if self._first is None or self._last is None:
            return None
        before, after = self._first.millijoules, self._last[0].millijoules
        if before is None or after is None or after < before:
            return None
        return (after - before) / _MILLIJOULES


def _sum(values: Sequence[float | None]) -> float | None:
    """Of all; None where one is missing."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
