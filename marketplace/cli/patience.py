"""A word now and then while nothing is heard of a job: what it waits for, and until when."""

import time
from collections.abc import Callable
from typing import Any

from marketplace.cli.output import clock_time, short
from marketplace.cli.timeline import WAITING_FOR

FIRST_SECONDS = 30.0
"""Silence after which something is said; each further silence is twice as long as the one before."""


class Patience:
    """Sleeps for a loop that waits, and calls `tell` where the silence has lasted."""

    def __init__(
        self,
        tell: Callable[[], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._tell, self._clock, self._sleep = tell, clock, sleep
        self.reset()

    def reset(self) -> None:
        """Something was heard."""
        self._silence = FIRST_SECONDS
        self._due = self._clock() + self._silence

    def sleep(self, seconds: float) -> None:
        """Sleep; afterwards say something if it is time to."""
        self._sleep(seconds)
        if self._clock() >= self._due:
            self._tell()
            self._silence *= 2
            self._due = self._clock() + self._silence


def waiting_text(job: dict[str, Any]) -> str:
    """What a job waits for, how long that may take, and what happens then."""
    if not job:
        return "the market has not told of the job yet"
    state, bid = job["state"], job["bid"]
    text = f"still {state}: {WAITING_FOR.get(state, state)}"
    if state == "queued":
        until = f"; the bid lapses at {clock_time(int(bid['validUntil']))}" if "validUntil" in bid else ""
        return f"{text}{until}; `hive explain {short(job['jobId'])}` says what stands in its way"
    limit = f", for {bid['durationSeconds']} s at most" if state == "running" and "durationSeconds" in bid else ""
    return f"{text}{limit}; what is not settled by {clock_time(int(bid['deadline']))} is refunded"
