"""What metrics read off the database when somebody scrapes."""

from collections import Counter
from collections.abc import Iterator

from marketplace.domain.jobs import JobState
from marketplace.services.market import Market
from marketplace.telemetry.market_metrics import (
    BOOK,
    LEASES,
    NODES,
    OUTBOX,
    OUTBOX_AGE,
    REPLICA_LAG,
    REPLICA_USED,
    VIEWS,
)
from marketplace.telemetry.metrics import Reading


def read_gauges(market: Market) -> Iterator[Reading]:
    """Book, nodes, leases and outbox as they are now. Every live ask is read, which takes about 0.1 ms each."""
    with market.store.read() as tx:
        queued = tx.bids.count_by_state().get(JobState.QUEUED.value, 0)
        asks, stages, items = tx.asks.live(), tx.leases.count_by_stage(), tx.outbox.unfinished()
    nodes, silent = count_silent(market)
    yield BOOK, ("bid",), queued
    yield BOOK, ("ask",), len(asks)
    yield NODES, ("alive",), nodes - silent
    yield NODES, ("silent",), silent
    for stage, count in stages.items():
        yield LEASES, (stage,), count
    for state, count in Counter(item.state.value for item in items).items():
        yield OUTBOX, (state,), count
    now = market.clock.now()
    due = [max(item.created_at, item.opens_at) for item in items if item.opens_at <= now]
    yield OUTBOX_AGE, (), max(0, now - min(due)) if due else 0
    yield from _read_replicas(market)


def _read_replicas(market: Market) -> Iterator[Reading]:
    for one in market.store.replicas():
        yield REPLICA_USED, (str(one.number),), int(one.is_used)
        if one.lag_seconds is not None:
            yield REPLICA_LAG, (str(one.number),), one.lag_seconds
    for source, number in market.store.views().items():
        yield VIEWS, (source,), number


def count_silent(market: Market) -> tuple[int, int]:
    """Nodes with a live ask, and how many of them have not been heard of for too long."""
    with market.store.read() as tx:
        asks = tx.asks.live()
    since = market.clock.now() - market.rules.node_silence_seconds
    return len(asks), sum(record.last_seen < since for record in asks)
