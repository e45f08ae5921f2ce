"""What the use cases tell about themselves as they go: counts, spans, samples. In memory, as long as this process."""

import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from marketplace.domain.anomalies import Finding, Track
from marketplace.telemetry.market_metrics import MARKET_METRICS, STEP_FAILURES, STEP_SECONDS
from marketplace.telemetry.metrics import Meter
from marketplace.telemetry.tracing import Tracer

MOST_SAMPLES, MOST_FINDINGS = 10_000, 50
"""Kept between two looks of the watcher, and of findings that are over; older ones go."""
SILENT_SECONDS = 90.0
"""After so long without finishing a step a worker counts as stuck: it waits at most 30 s between two."""


class Pulse:
    """Samples of signals since somebody last looked."""

    def __init__(self) -> None:
        self._samples: defaultdict[str, deque[tuple[float, float]]] = defaultdict(lambda: deque(maxlen=MOST_SAMPLES))
        self._lock = Lock()

    def add(self, signal: str, value: float, weight: float = 1.0) -> None:
        """Note a sample; one that is a share of several things weighs as many."""
        with self._lock:
            self._samples[signal].append((value, weight))

    def take(self) -> dict[str, float]:
        """The weighted mean of each signal that had samples, which are forgotten."""
        with self._lock:
            taken, self._samples = self._samples, defaultdict(lambda: deque(maxlen=MOST_SAMPLES))
        return {
            signal: sum(value * weight for value, weight in samples) / sum(weight for _, weight in samples)
            for signal, samples in taken.items()
            if sum(weight for _, weight in samples) > 0
        }


@dataclass(frozen=True, slots=True)
class StepState:
    """How a worker's last step went; `code` is that of its error, empty for none."""

    finished: float
    code: str = ""
    failures: int = 0
    """In a row."""


class Steps:
    """How each worker is doing."""

    def __init__(self, meter: Meter, clock: Callable[[], float] = time.monotonic) -> None:
        self._meter, self._clock = meter, clock
        self._states: dict[str, StepState] = {}
        self._lock = Lock()

    def begin(self, worker: str) -> None:
        """A worker is at work from now on, if it was not: it is expected to finish steps."""
        with self._lock:
            self._states.setdefault(worker, StepState(self._clock()))

    def leave(self, worker: str) -> None:
        """A worker's role is another process's: nothing is expected of it here."""
        with self._lock:
            self._states.pop(worker, None)

    def finish(self, worker: str, seconds: float, code: str = "") -> None:
        """A step is over."""
        self._meter.observe(STEP_SECONDS, seconds, worker=worker)
        if code:
            self._meter.count(STEP_FAILURES, worker=worker, code=code)
        with self._lock:
            before = self._states.get(worker)
            failures = (before.failures + 1 if before else 1) if code else 0
            self._states[worker] = StepState(self._clock(), code, failures)

    def failures(self, worker: str) -> int:
        """How many of its last steps failed, in a row."""
        with self._lock:
            known = self._states.get(worker)
        return known.failures if known else 0

    def show(self) -> dict[str, str]:
        """Of each worker: `ok`, `stuck`, or the code of the error that it fails with."""
        now = self._clock()
        with self._lock:
            return {
                name: one.code or ("stuck" if now - one.finished > SILENT_SECONDS else "ok")
                for name, one in sorted(self._states.items())
            }


@dataclass(slots=True)
class Findings:
    """What the watcher has found: only its thread writes, everybody reads."""

    tracks: dict[str, Track] = field(default_factory=dict)
    open: dict[str, Finding] = field(default_factory=dict)
    over: deque[Finding] = field(default_factory=lambda: deque(maxlen=MOST_FINDINGS))
    remedied_at: float = float("-inf")
    """By the monotonic clock."""


class Instruments:
    """All of one market's."""

    def __init__(self, meter: Meter | None = None, tracer: Tracer | None = None) -> None:
        self.meter, self.tracer = meter or Meter(MARKET_METRICS), tracer or Tracer()
        self.pulse, self.steps, self.findings = Pulse(), Steps(self.meter), Findings()
