"""Waiting for a job without missing a step of it."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from marketplace.client.http import Document, MarketClient
from marketplace.errors import ServiceUnavailable, WaitTimeout

END_STATES = frozenset({"paid", "failed", "fraud", "refunded", "cancelled", "expired"})
"""States that no job leaves."""
FIRST_PAUSE = 0.15
LONGEST_PAUSE = 2.0


def is_over(job: Document) -> bool:
    """Whether a job has reached its end."""
    return job["state"] in END_STATES


def follow_job(
    client: MarketClient,
    job_id: str,
    *,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Document]:
    """The job's document each time it has changed, up to and including its end.

    A market that is away for a moment is waited for. Raises WaitTimeout after `timeout` seconds, NotFound.
    """
    until = clock() + timeout
    pause, seen, trouble = FIRST_PAUSE, None, None
    while True:
        try:
            job = client.job(job_id)
            trouble = None
        except ServiceUnavailable as error:
            job, trouble = None, error
        if job is not None and job != seen:
            seen, pause = job, FIRST_PAUSE
            yield job
            if is_over(job):
                return
        if clock() >= until:
            raise trouble or _timeout(job_id, timeout, seen)
        sleep(min(pause, max(0.0, until - clock())))
        pause = min(pause * 1.3, LONGEST_PAUSE)


def wait_for_job(client: MarketClient, job_id: str, *, timeout: float, **options: Any) -> Document:
    """The job at its end. Raises WaitTimeout, NotFound."""
    return list(follow_job(client, job_id, timeout=timeout, **options))[-1]


def wait_until(
    condition: Callable[[], bool],
    *,
    timeout: float,
    what: str,
    pause: float = 0.1,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Poll until `condition()` holds. Raises WaitTimeout naming `what` after `timeout` seconds."""
    until = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= until:
            raise WaitTimeout(f"{what} did not happen within {timeout:.0f} s.")
        sleep(pause)


def _timeout(job_id: str, timeout: float, seen: Document | None) -> WaitTimeout:
    state = seen["state"] if seen else "unknown"
    return WaitTimeout(
        f"Job {job_id} is still {state} after {timeout:.0f} s.",
        hint=f"It goes on: `hive status {job_id[:10]}` tells how it stands.",
        job=job_id,
        state=state,
    )
