"""What running jobs print, on its way to the market in a thread of its own: no job ever waits for it.

Nothing is journalled and nothing is copied: the sandbox keeps a job's log anyway, up to its limit, and the market says
how much of it is there. What was not sent when a job ends is in its result.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Any

import structlog
from eth_account.signers.local import LocalAccount

from agent.sandbox.printed import Printed
from marketplace.client import MarketClient
from marketplace.client.terms import LeaseTerms
from marketplace.errors import MarketError, ServiceUnavailable
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.livelog import MAX_CHUNK_BYTES, MAX_LOG_BYTES, STREAMS, LogChunk, streaming_obstacle

log = structlog.get_logger("provider")
SEND_SECONDS = 1.0
"""Between two looks at what was printed: at most one piece of each stream is sent in so much time."""
LONGEST_PAUSE = 30.0
"""Seconds between two tries while the market is away."""
MOST_SENT = 4 * MAX_LOG_BYTES
"""Bytes for one run, whatever the market says it has: one that forgets is told again only so often."""


@dataclass(slots=True)
class _Run:
    """One run that is under way. `sent` is how much of each stream the market has."""

    lease_id: str
    started_at: int
    printed: Printed = field(default_factory=Printed)
    sent: dict[int, int] = field(default_factory=lambda: dict.fromkeys(STREAMS, 0))
    left: int = MOST_SENT


class LiveLogs:
    """The logs of this daemon's running jobs, as far as others may see them."""

    def __init__(
        self,
        *,
        client: MarketClient,
        domain: Domain,
        agent: LocalAccount,
        now: Callable[[], int],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._domain, self._agent, self._now, self._sleep = client, domain, agent, now, sleep
        self._runs: dict[str, _Run] = {}
        self._lock = Lock()
        self._is_sending = False

    @contextmanager
    def of(self, lease_id: str, terms: LeaseTerms) -> Iterator[Printed | None]:
        """What a run of this lease shows its log to, sent for as long as the block lasts; None where nobody may see."""
        if streaming_obstacle(terms.bid, terms.job_spec):
            yield None
            return
        run = self._begin(lease_id)
        try:
            yield run.printed
        finally:
            with self._lock:
                self._runs.pop(lease_id, None)

    def post(self) -> None:
        """Send the next piece of each stream; a lease of which the market takes none is let be.

        Raises ServiceUnavailable where the market is away: what is printed meanwhile is sent once it is back.
        """
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            try:
                self._post(run)
            except ServiceUnavailable:
                raise
            except MarketError as error:
                log.info("log not shown while it runs", lease=run.lease_id, reason=str(error))
                run.left = 0

    def _begin(self, lease_id: str) -> _Run:
        with self._lock:
            run = self._runs[lease_id] = _Run(lease_id, self._now())
            if not self._is_sending:
                self._is_sending = True
                Thread(target=self._send, name="live-logs", daemon=True).start()
        return run

    def _send(self) -> None:
        """Until no job runs any more. A daemon that ends waits for none of this."""
        pause = SEND_SECONDS
        while self._has_runs():
            self._sleep(pause)
            try:
                self.post()
                pause = SEND_SECONDS
            except MarketError as error:
                pause = min(2 * pause, LONGEST_PAUSE)
                log.info("logs wait", error=str(error), seconds=pause)
            except Exception:  # a log that nobody sees is not worth a daemon
                pause = LONGEST_PAUSE
                log.exception("logs are not sent")

    def _has_runs(self) -> bool:
        with self._lock:
            self._is_sending = bool(self._runs)
            return self._is_sending

    def _post(self, run: _Run) -> None:
        for stream, sent in run.sent.items():
            data = run.printed.read(stream, sent, min(MAX_CHUNK_BYTES, run.left))
            if not data:
                continue
            chunk = LogChunk(
                lease_id=run.lease_id,
                started_at=run.started_at,
                stream=stream,
                offset=sent,
                data_digest=sha256_digest(data),
            )
            answer = self._client.post_log(chunk, chunk.sign(self._domain, self._agent.key), data)
            run.left -= len(data)
            run.sent[stream] = _next(answer, sent + len(data))


def _next(answer: Any, end: int) -> int:
    """How much the market has: what it says, unless that cannot be."""
    said = answer.get("next") if isinstance(answer, dict) else None
    return said if isinstance(said, int) and 0 <= said <= end else end
