"""How a workload is measured: prepared, run once to warm up, then several times; what counts is the median.

A workload is a stated amount of work, not a stated time: on a slower machine it takes longer. Whatever it needs is
prepared outside the clock, and put away again afterwards.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic.alias_generators import to_camel

from marketplace.errors import AgentError

REPETITIONS = 5
"""After one that warms up and does not count. Odd, so that the median is one of them."""

Repetition = Callable[[], float]
"""Does the work once; how many units a second it came to."""
Prepare = Callable[[Path], AbstractContextManager[Repetition]]
"""Makes ready in the agent's data folder. Raises AgentError where this machine cannot do the work: why, and the remedy
as its hint."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One line of the benchmark."""

    field: str
    """Of `protocol.profile.Benchmark`, which names the unit of the score."""
    name: str
    work: str
    """What one repetition does."""
    unit: str
    prepare: Prepare
    repetitions: int = REPETITIONS


@dataclass(frozen=True, slots=True)
class Row:
    """What one workload measured."""

    field: str
    name: str
    work: str
    unit: str
    score: int | None
    """Median, rounded down; None where it could not be measured."""
    spread_percent: int | None
    """Between slowest and fastest repetition, in percent of the median."""
    repetitions: int
    note: str = ""
    """Why there is no score, and how to get one."""

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it and the data folder keeps it; `field` as the node profile calls it."""
        return {to_camel(name): value for name, value in asdict(self).items()} | {"field": to_camel(self.field)}


def measure(workload: Workload, folder: Path) -> Row:
    """Measure one workload with `folder` to write in. Never raises for what this machine lacks: the row says it."""
    try:
        with workload.prepare(folder) as repeat:
            repeat()
            rates = [repeat() for _ in range(workload.repetitions)]
    except AgentError as error:
        return _row(workload, None, None, f"not measured: {error.message} {error.hint or ''}".strip())
    except MemoryError:
        return _row(workload, None, None, "not measured: too little memory is free.")
    return _row(workload, *summarize(rates))


def summarize(rates: Sequence[float]) -> tuple[int, int]:
    """Median, rounded down, and the spread in percent of it, rounded."""
    median = statistics.median(rates)
    return int(median), round(100 * (max(rates) - min(rates)) / median) if median else 0


def timed(amount: float, work: Callable[[], object]) -> Repetition:
    """A repetition that does `amount` units of work."""

    def repeat() -> float:
        started = time.perf_counter()
        work()
        return amount / max(time.perf_counter() - started, 1e-9)

    return repeat


def _row(workload: Workload, score: int | None, spread: int | None, note: str = "") -> Row:
    repetitions = 0 if score is None else workload.repetitions
    return Row(workload.field, workload.name, workload.work, workload.unit, score, spread, repetitions, note)
