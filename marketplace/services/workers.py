"""What the market does by itself, each in its own thread: follow the chain, clear, send, settle."""

import time
from collections.abc import Callable
from threading import Event, Thread

import structlog

from marketplace.domain.outbox import backoff_seconds
from marketplace.domain.rounds import RoundRecord
from marketplace.errors import ChainUnavailable, MarketError
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
from marketplace.services.watch_market import WATCH_SECONDS, watch_market

FOLLOW_SECONDS = 0.25
OUTBOX_SECONDS = 0.1
SETTLE_SECONDS = 0.25
REFUND_SECONDS = 2.0
STOP_SECONDS = 30.0
"""How long a stop waits for the step that is under way."""
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


class Workers:
    """The market's threads, from `start` to `stop`. A step that fails is tried again, later each time."""

    def __init__(self, market: Market) -> None:
        steps: dict[str, tuple[Callable[[Market], object], float]] = {
            "follower": (follow_chain, FOLLOW_SECONDS),
            "outbox": (process_outbox, OUTBOX_SECONDS),
            "clearing": (clear_everything, market.rules.round_seconds),
            "seals": (advance_judgements, SETTLE_SECONDS),
            "settlement": (propose_batches, SETTLE_SECONDS),
            "refunds": (refund_overdue, REFUND_SECONDS),
            "claims": (close_ripe_claims, REFUND_SECONDS),
            "watcher": (watch_market, WATCH_SECONDS),
        }
        self._market = market
        self._stopping = Event()
        self._threads = [
            Thread(
                target=self._run,
                args=(name, step, pause),
                name=f"market-{name}",
                daemon=True,
            )
            for name, (step, pause) in steps.items()
        ]

    def start(self) -> None:
        """Start every worker."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each finish its step, and wait for that. Doing so twice does no harm."""
        self._stopping.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(STOP_SECONDS)

    def _run(self, name: str, step: Callable[[Market], object], pause: float) -> None:
        failures, steps = 0, self._market.instruments.steps
        steps.begin(name)
        while not self._stopping.is_set():
            # The clearing keeps its rhythm; the others go on at once while there is something to do.
            started, code = time.monotonic(), ""
            try:
                result = step(self._market)
                did_something = result is True
                if isinstance(result, RoundRecord):
                    _log.info("round", number=result.number, **result.summary)
                wait, failures = (0.0 if did_something else pause), 0
            except ChainUnavailable as error:
                code = error.code
                wait, failures = backoff_seconds(failures), failures + 1
                _log.warning("chain away", worker=name, detail=error.message, retry_in=wait)
            except MarketError as error:
                code = error.code
                wait, failures = backoff_seconds(failures), failures + 1
                _log.error(
                    "step failed",
                    worker=name,
                    code=error.code,
                    detail=error.message,
                    retry_in=wait,
                )
            except Exception:
                code = "bug"
                wait, failures = backoff_seconds(failures), failures + 1
                _log.exception("bug", worker=name, retry_in=wait)
            steps.finish(name, time.monotonic() - started, code)
            self._stopping.wait(wait)
