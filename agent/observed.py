"""The daemons seen from outside: metrics, spans of the jobs that they run and judge, and whose their lines are.

The daemons know nothing of it: what is counted is wrapped around them.
"""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from agent.daemon import Step
from agent.journal import Journal, WorkState
from agent.oracle import OracleDaemon
from agent.provider import ProviderDaemon
from agent.settings import AgentSettings
from agent.work import NO_DIGEST, NO_HOOKS, Execution, Hooks, Runner
from marketplace.client import MarketClient
from marketplace.client.terms import LeaseTerms
from marketplace.client.transport import MOST_BYTES, Context, Transport
from marketplace.domain.chain import LeaseOpened
from marketplace.errors import MarketError
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Verdict
from marketplace.protocol.tracing import Stage
from marketplace.telemetry.agent_metrics import (
    AGENT_METRICS,
    ASKED,
    FETCHED,
    JOB_SECONDS,
    JOBS,
    POSTED,
    QUEUE,
    RUNNING,
    SANDBOX_SECONDS,
    VERDICTS_SEALED,
)
from marketplace.telemetry.here import here
from marketplace.telemetry.logs import JOB_NAMES
from marketplace.telemetry.metrics import Meter, MetricsServer, Reading
from marketplace.telemetry.tracing import Tracer, open_tracer

METRICS_HOST = "127.0.0.1"
"""A daemon's metrics are served to its own machine only: a collector there may pass them on."""
NO_SANDBOX = "none"
"""Of jobs that were refused before any sandbox was asked."""
WAITING = (WorkState.SEEN, WorkState.ATTESTED, WorkState.POSTED)


class Observer:
    """A daemon's metrics and spans."""

    def __init__(self, meter: Meter | None = None, tracer: Tracer | None = None) -> None:
        self.meter, self.tracer = meter or Meter(AGENT_METRICS), tracer or Tracer()

    def watch_journal(self, journal: Journal) -> None:
        """Learn whose its open leases are, and count them at every scrape."""
        for event in journal.open_leases():
            JOB_NAMES.learn(event.lease_id, event.bid_hash)
        self.meter.look_up(lambda: _read_queue(journal))


class ObservedRunner:
    """A runner whose runs are counted."""

    def __init__(self, runner: Runner, meter: Meter) -> None:
        self._runner, self._meter = runner, meter

    def __call__(self, terms: LeaseTerms, hooks: Hooks = NO_HOOKS) -> Execution:
        """As the runner."""
        started = time.monotonic()
        with self._meter.track(RUNNING):
            execution = self._runner(terms, hooks)
        # What a job names is its renter's choice; a sandbox that ran it is one of this machine's.
        sandbox = terms.job_spec.sandbox if execution.sandbox_digest != NO_DIGEST else NO_SANDBOX
        self._meter.count(JOBS, sandbox=sandbox, exit=execution.exit_kind.name.lower())
        self._meter.count(SANDBOX_SECONDS, execution.wall_seconds, sandbox=sandbox)
        self._meter.observe(JOB_SECONDS, time.monotonic() - started, sandbox=sandbox)
        return execution


class CountedTransport(Transport):
    """A connection whose requests are counted by what came of them."""

    def __init__(self, base_url: str, meter: Meter, **options: Any) -> None:
        super().__init__(base_url, **options)
        self._meter = meter

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """As any."""
        code = "bug"
        try:
            response = super().request(method, path, **options)
            code = "ok"
            return response
        except MarketError as error:
            code = error.code
            raise
        finally:
            self._meter.count(ASKED, code=code)


class ObservedClient(MarketClient):
    """A client whose requests are counted, and whose downloads have their spans below those of the job they are for."""

    def __init__(
        self,
        base_url: str,
        observer: Observer,
        transport: httpx.BaseTransport | None = None,
        context: Context | None = None,
    ) -> None:
        """`transport` is for tests, `context` as `Transport`'s."""
        super().__init__(base_url, transport=transport, context=context)
        self._transport.close()  # the same once more, counted
        self._transport = CountedTransport(base_url, observer.meter, transport=transport, context=context)
        self._observer = observer

    def get_blob(self, digest: str, size: int = MOST_BYTES) -> bytes:
        """As any client's."""
        parent = here()
        if parent is None:
            return super().get_blob(digest, size)
        own = secrets.token_hex(8)
        with self._observer.tracer.child(Stage.FETCH.value, own, parent, **{"computehive.digest": digest}):
            data = super().get_blob(digest, size)
        self._observer.meter.count(FETCHED, len(data))
        return data


class ObservedProvider(ProviderDaemon):
    """A provider whose leases have their spans."""

    identity: Sequence[Step] = ()
    """What keeps its certificate in force."""

    def __init__(self, *, observer: Observer, journal: Journal, **parts: Any) -> None:
        """`parts` as ProviderDaemon's."""
        super().__init__(journal=journal, **parts)
        self._observer = observer
        observer.watch_journal(journal)

    def run_lease(self, event: LeaseOpened) -> None:
        """As the daemon's; the span is that of the run that came to an end."""
        with self._observer.tracer.span(Stage.RUN, event.bid_hash, event.lease_id, only_done=True):
            super().run_lease(event)

    def _post_attestation(self, event: LeaseOpened) -> None:
        with self._observer.tracer.span(Stage.ATTEST, event.bid_hash, event.lease_id, only_done=True):
            super()._post_attestation(event)
        self._observer.meter.count(POSTED)


class ObservedOracle(OracleDaemon):
    """An oracle whose judgements have their spans."""

    identity: Sequence[Step] = ()
    """What keeps its certificate in force."""

    def __init__(self, *, observer: Observer, journal: Journal, **parts: Any) -> None:
        """`parts` as OracleDaemon's."""
        super().__init__(journal=journal, **parts)
        self._observer = observer
        observer.watch_journal(journal)

    def judge(self, event: LeaseOpened) -> Verdict:
        """As the daemon's; the span is that of the judgement that came to a verdict."""
        who = self._account.address
        with self._observer.tracer.span(Stage.JUDGE, event.bid_hash, event.lease_id, who, only_done=True):
            verdict = super().judge(event)
        self._observer.meter.count(VERDICTS_SEALED, outcome=Outcome(verdict.outcome).name.lower())
        return verdict


def _read_queue(journal: Journal) -> Iterator[Reading]:
    for state in WAITING:
        yield QUEUE, (state.value,), len(journal.leases(state))


@contextmanager
def observe(settings: AgentSettings, service: str) -> Iterator[Observer]:
    """A daemon's observer: served and exported as the settings say. Raises SettingsError where that cannot be."""
    observer = Observer(tracer=open_tracer(settings.otlp_endpoint, service))
    server = None
    if settings.metrics_port is not None:
        server = MetricsServer(observer.meter, METRICS_HOST, settings.metrics_port)
    try:
        yield observer
    finally:
        if server is not None:
            server.close()
        observer.tracer.close()
