"""Taking times on machines that do something else as well: many runs, and what half of them stay below."""

import statistics
import time
from collections.abc import Callable


def milliseconds(run: Callable[[], object], repeats: int) -> list[float]:
    """Wall-clock milliseconds of each run."""
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        taken.append((time.perf_counter() - started) * 1_000)
    return taken


def summary(name: str, taken: list[float]) -> str:
    """A line for people."""
    return f"{name:<46}{statistics.median(taken):10.1f} ms   {min(taken):8.1f} to {max(taken):.1f}, {len(taken)} runs"
