"""Whose a log line is: every line that names a lease or stands within a job's work has its job and its trace."""

from collections import OrderedDict
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

import structlog

from marketplace.protocol.tracing import trace_id_of

MOST_LEASES = 100_000
"""How many leases are remembered, about 30 MB; those learned longest ago go first."""


class JobNames:
    """Which job each lease is of, as far as this process has learned."""

    def __init__(self, most: int = MOST_LEASES) -> None:
        self._jobs: OrderedDict[str, str] = OrderedDict()
        self._lock, self._most = Lock(), most

    def learn(self, lease_id: str, job_id: str) -> None:
        """Remember a lease."""
        with self._lock:
            self._jobs[lease_id] = job_id
            while len(self._jobs) > self._most:
                self._jobs.popitem(last=False)

    def job_of(self, lease_id: str) -> str | None:
        """The job of a lease; None where it was not learned, or forgotten."""
        with self._lock:
            return self._jobs.get(lease_id)

    def __call__(self, logger: Any, method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """structlog's processor: `lease` is called `lease_id`, and job and trace stand beside it."""
        named = {("lease_id" if name == "lease" else name): value for name, value in fields.items()}
        lease_id = named.get("lease_id")
        job_id = (self.job_of(lease_id) if isinstance(lease_id, str) else None) or named.get("job_id")
        if isinstance(job_id, str):
            named |= {"job_id": job_id, "trace_id": trace_id_of(job_id)}
        return named


JOB_NAMES = JobNames()
"""Of this process: its log is one, however many markets or daemons it runs."""


@contextmanager
def about(job_id: str, lease_id: str = "") -> Iterator[None]:
    """Whatever this thread logs meanwhile is about that job."""
    names = {"job_id": job_id, "trace_id": trace_id_of(job_id)}
    if lease_id:
        JOB_NAMES.learn(lease_id, job_id)
        names["lease_id"] = lease_id
    with structlog.contextvars.bound_contextvars(**names):
        yield
