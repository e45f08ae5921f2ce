"""What the market does by itself, each in its own thread: follow the chain, clear, send, settle."""

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from threading import Event, Thread

import structlog

from marketplace.domain.outbox import backoff_seconds
from marketplace.domain.roles import WORKERS
from marketplace.domain.rounds import RoundRecord
from marketplace.errors import ChainUnavailable, MarketError, ServiceUnavailable
from marketplace.services.clear_round import run_round
from marketplace.services.close_claims import close_ripe_claims
from marketplace.services.deliver_webhooks import deliver_webhooks
from marketplace.services.follow_chain import follow_chain
from marketplace.services.market import Market
from marketplace.services.outbox import process_outbox
from marketplace.services.preempt import preempt
from marketplace.services.prune import prune
from marketplace.services.publish_events import publish_events
from marketplace.services.refund_lease import refund_overdue
from marketplace.services.reserve_ahead import reserve_ahead
from marketplace.services.seal_verdicts import advance_judgements
from marketplace.services.settle_batch import propose_batches
from marketplace.services.watch_market import WATCH_SECONDS, watch_market

FOLLOW_SECONDS = 0.25
OUTBOX_SECONDS = 0.1
SETTLE_SECONDS = 0.25
REFUND_SECONDS = 2.0
PRUNE_SECONDS = 60.0
WEBHOOK_SECONDS = 0.25
FEED_SECONDS = 0.25
ROUND_REST = 3.0
"""A round is followed by at least so many times as long without one: those of a great book, one after the other, would
leave nothing of the processor for the jobs that they matched."""
REST_SECONDS = {"seals": 0.1, "settlement": 0.1}
"""How long these rest between looks, however often they are woken: each request of an oracle's wakes them."""
ASK_THE_DATABASE_ALONE = frozenset({"seals", "settlement"})
"""What these find to do follows from the database, the second, and a committee that changes only after long notice: a
look that found nothing is good until one of the first two is another."""
TAKE_SECONDS = 1.0
"""How often a process that has not got a role looks whether it is to be had."""
RENEW_SECONDS = 4.0
"""Less than a third of how long a role is somebody's."""
STOP_SECONDS = 30.0
"""How long a stop waits for the step that is under way."""
FAILING = 3
"""Failures in a row from which on a worker counts as not at work: one alone may be the chain's node starting anew."""
AWAY_SECONDS = 3 * TAKE_SECONDS
"""How long a process that gave a role up for its failures leaves it to others, at least: each has looked meanwhile."""
_log = structlog.get_logger("computehive.workers")


def clear_everything(market: Market) -> RoundRecord | None:
    """Bids for now first, then those whose start lies ahead, then what is left for preemptible ones; the first's round.

    One after the other: a round that is recorded voids any other that is being computed. Raises ChainUnavailable.
    """
    with market.clearing:
        record = run_round(market)
        reserve_ahead(market)
        preempt(market)
    return record


STEPS: dict[str, tuple[Callable[[Market], object], float]] = {
    "follower": (follow_chain, FOLLOW_SECONDS),
    "outbox": (process_outbox, OUTBOX_SECONDS),
    "clearing": (clear_everything, 0.0),
    "seals": (advance_judgements, SETTLE_SECONDS),
    "settlement": (propose_batches, SETTLE_SECONDS),
    "refunds": (refund_overdue, REFUND_SECONDS),
    "claims": (close_ripe_claims, REFUND_SECONDS),
    "retention": (prune, PRUNE_SECONDS),
    "webhooks": (deliver_webhooks, WEBHOOK_SECONDS),
    "feed": (publish_events, FEED_SECONDS),
}
"""By role: the step, and the pause after one that found nothing to do; the clearing's is the rules'."""


class Workers:
    """Some of the market's roles, a thread each, from `start` to `stop`. A step that fails is tried again, later.

    Other processes may run the same roles: a step is done by whoever has the role, and what it writes after another
    process took the role over is refused. Who stops hands its roles on, and so does who fails `FAILING` times in a row,
    who may have it again where nobody took it; those of a process that was killed are taken over at once on the same
    machine, elsewhere when their time is over. Beside its roles each process has a watcher, of what it does itself.
    """

    def __init__(self, market: Market, roles: Collection[str] = WORKERS) -> None:
        self._market = market
        self._stopping = Event()
        self._held: set[str] = set()
        self._nothing: dict[str, object] = {}
        """When a look of a role found nothing to do."""
        self._wakes = {role: market.store.subscribe(role) for role in WORKERS if role in roles}
        targets = [(role, self._run, (role,)) for role in self._wakes]
        if targets:
            targets += [("duties", self._keep_duties, ()), ("watcher", self._watch, ())]
        self.roles = frozenset(self._wakes)
        self._steps = market.instruments.steps
        self._threads = [
            Thread(target=target, args=args, name=f"market-{name}", daemon=True) for name, target, args in targets
        ]

    def start(self) -> None:
        """Start every worker."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each finish its step, wait for that, and hand on the roles. Doing so twice does no harm."""
        self._stopping.set()
        for woken in self._wakes.values():
            woken.set()
        started = [thread for thread in self._threads if thread.ident is not None]
        for thread in started:
            thread.join(STOP_SECONDS)
        if started:
            if self._market.courier is not None:
                self._market.courier.close()
            with suppress(ServiceUnavailable):
                self._market.store.leave_duties()

    def troubles(self) -> list[str]:
        """Which workers are not at work: gone, or failing again and again. Empty where all is well."""
        gone = [f"the worker {one.name} is not running" for one in self._threads if not one.is_alive()]
        failing = [(name, count) for name in self._wakes if (count := self._steps.failures(name)) >= FAILING]
        return gone + [f"the worker market-{name} has failed {count} times in a row" for name, count in failing]

    def _run(self, role: str) -> None:
        woken = self._wakes[role]
        while True:
            woken.clear()  # before the look: what is committed during it is looked at next
            if self._stopping.is_set():
                return
            started = time.monotonic()
            try:
                pause = self._look(role)
            except Exception as error:
                self._held.discard(role)
                retry_in = self._fail(role, error, started)
                if self._steps.failures(role) >= FAILING:
                    retry_in = max(retry_in, AWAY_SECONDS)
                    self._give_up(role)
                self._stopping.wait(retry_in)
            else:
                self._stopping.wait(REST_SECONDS.get(role, 0.0))
                woken.wait(pause)

    def _look(self, role: str) -> float:
        """Do a step if the role is this process's; how long to wait for the next, in seconds."""
        store = self._market.store
        if role not in self._held:
            if not store.take_duty(role):
                self._steps.leave(role)
                return TAKE_SECONDS
            self._held.add(role)
            self._steps.begin(role)
            _log.info("role taken", worker=role)
        (step, pause), started = STEPS[role], time.monotonic()
        at = self._market.state() if role in ASK_THE_DATABASE_ALONE else None
        if at is not None and self._nothing.get(role) == at:
            self._steps.finish(role, time.monotonic() - started)
            return pause
        with store.on_duty(role):
            result = step(self._market)
        if not result:
            self._nothing[role] = at
        took = time.monotonic() - started
        self._steps.finish(role, took)
        if isinstance(result, RoundRecord):
            _log.info("round", number=result.number, **result.summary)
        # The clearing keeps its rhythm; the others go on at once while there is something to do.
        if role == "clearing":
            return max(self._market.rules.round_seconds, ROUND_REST * took)
        return 0.0 if result is True else pause

    def _fail(self, name: str, error: Exception, started: float) -> float:
        """Tell of a step that failed; after how many seconds it is tried again."""
        retry_in = backoff_seconds(self._steps.failures(name))
        self._steps.finish(name, time.monotonic() - started, error.code if isinstance(error, MarketError) else "bug")
        _tell(name, error, retry_in)
        return retry_in

    def _give_up(self, role: str) -> None:
        """Let a healthier process have it; where the database does not hear of it, its time runs out."""
        try:
            self._market.store.leave_duties({role})
        except Exception as error:
            _tell("duties", error, 0.0)

    def _watch(self) -> None:
        """Signals of this process's own work; the nodes' silence, which all could tell, by who clears."""
        self._steps.begin("watcher")
        pause = WATCH_SECONDS
        while not self._stopping.wait(pause):
            started, pause = time.monotonic(), WATCH_SECONDS
            try:
                watch_market(self._market, with_nodes="clearing" in self._held)
                self._steps.finish("watcher", time.monotonic() - started)
            except Exception as error:
                pause = self._fail("watcher", error, started)

    def _keep_duties(self) -> None:
        """Of what is held only: a role whose step failed is not renewed until it is taken again."""
        while not self._stopping.wait(RENEW_SECONDS):
            try:
                self._held.intersection_update(self._market.store.renew_duties(set(self._held)))
            except Exception as error:
                _tell("duties", error, RENEW_SECONDS)


def _tell(role: str, error: Exception, retry_in: float) -> None:
    if isinstance(error, ChainUnavailable):
        _log.warning("chain away", worker=role, detail=error.message, retry_in=retry_in)
    elif isinstance(error, MarketError):
        _log.error("step failed", worker=role, code=error.code, detail=error.message, retry_in=retry_in)
    else:
        _log.error("bug", worker=role, retry_in=retry_in, exc_info=error)
