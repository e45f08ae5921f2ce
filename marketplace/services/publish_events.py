"""Telling others of what was committed: from where the last telling ended, so that nothing is left out."""

from collections.abc import Callable

from marketplace.domain.feed import JOBS, ROUNDS, FeedEvent
from marketplace.services.market import Market
from marketplace.services.storage import Transaction
from marketplace.telemetry.market_metrics import PUBLISHED

EVENTS_PER_STEP = 500
_SOURCES: dict[str, Callable[[Transaction, int], list[FeedEvent]]] = {
    JOBS: lambda tx, position: tx.feed.events_after(position, EVENTS_PER_STEP),
    ROUNDS: lambda tx, position: tx.feed.rounds_after(position, EVENTS_PER_STEP),
}


def publish_events(market: Market) -> bool:
    """Tell the next events, where there is anybody to tell; whether there were any.

    A message that was kept is told again only if this process ends before it has noted that: with the same id. Raises
    ServiceUnavailable, what was told until then being noted.
    """
    return market.feed is not None and any([_publish(market, name) for name in _SOURCES])


def _publish(market: Market, name: str) -> bool:
    with market.store.read() as tx:
        start = tx.forgetting.position(_cursor(name))
        events = _SOURCES[name](tx, start)
    told = start
    try:
        for event in events:
            market.feed.publish(event)
            told = event.position
    finally:
        if told != start:
            with market.store.write() as tx:
                tx.forgetting.move(_cursor(name), told)
            market.instruments.meter.count(PUBLISHED, sum(one.position <= told for one in events), topic=name)
    return bool(events)


def _cursor(name: str) -> str:
    return f"feed {name}"
