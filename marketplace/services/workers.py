"""What the market does by itself, each in its own thread: follow the chain, clear, send, settle."""

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
from marketplace.services.follow_chain import follow_chain
from marketplace.services.market import Market
from marketplace.services.outbox import process_outbox
from marketplace.services.preempt import preempt
from marketplace.services.refund_lease import refund_overdue
from marketplace.services.reserve_ahead import reserve_ahead
from marketplace.services.seal_verdicts import advance_judgements
from marketplace.services.settle_batch import propose_batches

FOLLOW_SECONDS = 0.25
OUTBOX_SECONDS = 0.1
SETTLE_SECONDS = 0.25
REFUND_SECONDS = 2.0
TAKE_SECONDS = 1.0
"""How often a process that has not got a role looks whether it is to be had."""
RENEW_SECONDS = 4.0
"""Less than a third of how long a role is somebody's."""
STOP_SECONDS = 30.0
"""How long a stop waits for the step that is under way."""
FAILING = 3
"""Failures in a row from which on a worker counts as not at work: one alone may be the chain's node starting anew."""
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
}
"""By role: the step, and the pause after one that found nothing to do; the clearing's is the rules'."""


class Workers:
    """Some of the market's roles, a thread each, from `start` to `stop`. A step that fails is tried again, later.

    Other processes may run the same roles: a step is done by whoever has the role, and what it writes after another
    process took the role over is refused. Who stops hands its roles on; those of a process that was killed are taken
    over at once on the same machine, elsewhere when their time is over.
    """

    def __init__(self, market: Market, roles: Collection[str] = WORKERS) -> None:
        self._market = market
        self._stopping = Event()
        self._held: frozenset[str] = frozenset()
        self._wakes = {role: market.store.subscribe(role) for role in WORKERS if role in roles}
        targets = [(role, self._run, (role,)) for role in self._wakes]
        if targets:
            targets.append(("duties", self._keep_duties, ()))
        self.roles = frozenset(self._wakes)
        self._failures = dict.fromkeys(self._wakes, 0)
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
            with suppress(ServiceUnavailable):
                self._market.store.leave_duties()

    def troubles(self) -> list[str]:
        """Which workers are not at work: gone, or failing again and again. Empty where all is well."""
        gone = [f"the worker {one.name} is not running" for one in self._threads if not one.is_alive()]
        failing = [(name, count) for name, count in self._failures.items() if count >= FAILING]
        return gone + [f"the worker market-{name} has failed {count} times in a row" for name, count in failing]

    def _run(self, role: str) -> None:
        woken = self._wakes[role]
        while True:
            woken.clear()  # before the look: what is committed during it is looked at next
            if self._stopping.is_set():
                return
            try:
                pause = self._look(role)
                self._failures[role] = 0
                woken.wait(pause)
            except Exception as error:
                retry_in = backoff_seconds(self._failures[role])
                self._failures[role] += 1
                self._held -= {role}
                _tell(role, error, retry_in)
                self._stopping.wait(retry_in)

    def _look(self, role: str) -> float:
        """Do a step if the role is this process's; how long to wait for the next, in seconds."""
        store = self._market.store
        if role not in self._held:
            if not store.take_duty(role):
                return TAKE_SECONDS
            self._held |= {role}
            _log.info("role taken", worker=role)
        step, pause = STEPS[role]
        with store.on_duty(role):
            result = step(self._market)
        if isinstance(result, RoundRecord):
            _log.info("round", number=result.number, **result.summary)
        # The clearing keeps its rhythm; the others go on at once while there is something to do.
        if role == "clearing":
            return self._market.rules.round_seconds
        return 0.0 if result is True else pause

    def _keep_duties(self) -> None:
        while not self._stopping.wait(RENEW_SECONDS):
            try:
                self._held &= self._market.store.renew_duties()
            except Exception as error:
                _tell("duties", error, RENEW_SECONDS)


def _tell(role: str, error: Exception, retry_in: float) -> None:
    if isinstance(error, ChainUnavailable):
        _log.warning("chain away", worker=role, detail=error.message, retry_in=retry_in)
    elif isinstance(error, MarketError):
        _log.error("step failed", worker=role, code=error.code, detail=error.message, retry_in=retry_in)
    else:
        _log.error("bug", worker=role, retry_in=retry_in, exc_info=error)
