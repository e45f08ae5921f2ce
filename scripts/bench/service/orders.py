"""Signed orders accepted a second, one by one and in bulks, beside what one processor verifies and SQLite stores."""

import json
from collections.abc import Sequence

from scripts.bench.service import limits
from scripts.bench.service.load import Load, Request, percentile, sum_of
from scripts.bench.service.scale import Scale
from scripts.bench.service.stage import Stage, in_memory, on_ganache
from scripts.bench.service.tables import Report, line

CONNECTIONS, BULK, AT_ONCE = 8, 100, 200
MOST_SECONDS = 45.0
"""Of each way of sending one by one."""
RENTERS = 100
MOST_LIVE = 900
"""Of one renter: the market takes a thousand of each account."""


def report(scale: Scale) -> Report:
    """Lines and figures."""
    with in_memory("orders", RENTERS, 0, roles="api") as stage:
        sample = stage.signers.bids(1, [0] * RENTERS)[0]
        recovers = limits.recovers_per_second(stage.signers, sample)
        inserts = limits.inserts_per_second(stage.folder, sample.body or b"")
        alone = _one_by_one(stage, scale)
        bulk = _in_bulks(stage, scale)
        held = stage.process().memory_info().rss / 1e6
    with in_memory("orders-cleared", RENTERS, 0) as stage:
        stage.warm()
        cleared = _one_by_one(stage, scale)
    with on_ganache("orders-ganache") as stage:
        stage.warm()
        ganache = _one_by_one(stage, scale)
    lines = [
        f"Orders ({CONNECTIONS} connections, one process, SQLite, chain in memory unless it says otherwise)",
        line("limit: signatures recovered, one processor", recovers, "/s"),
        line("limit: bare inserts into SQLite, each on disk", inserts, "/s"),
        line("accepted one by one, nothing else in the process", alone.per_second, "/s", _share(alone, recovers)),
        *_each(alone),
        line(f"accepted in bulks of {BULK}, by the same", bulk.per_second * BULK, "/s"),
        line("  each, processor time of the service", bulk.processor_ms / BULK, "ms"),
        line("memory of the service after that", held, "MB"),
        line("accepted one by one, all the market's work in it", cleared.per_second, "/s", "no asks: all stay"),
        *_each(cleared),
        line("accepted one by one, all the market's work, ganache", ganache.per_second, "/s"),
        *_each(ganache),
    ]
    figures = {
        "orders_per_s": alone.per_second,
        "orders_p99_ms": percentile(alone.latencies, 0.99) * 1e3,
        "orders_processor_ms": alone.processor_ms,
        "orders_bulk_per_s": bulk.per_second * BULK,
        "orders_bulk_processor_ms": bulk.processor_ms / BULK,
        "orders_cleared_per_s": cleared.per_second,
        "orders_cleared_processor_ms": cleared.processor_ms,
        "orders_ganache_per_s": ganache.per_second,
        "orders_ganache_processor_ms": ganache.processor_ms,
        "limit_recovers_per_s": recovers,
        "limit_sqlite_inserts_per_s": inserts,
        "orders_to_recovers_ratio": alone.per_second / recovers,
        "orders_rss_mb": held,
    }
    return Report(lines, figures)


def _one_by_one(stage: Stage, scale: Scale) -> Load:
    """So many bids, or as many as are taken in the time there is: the first way must leave some for the others."""
    count = min(scale.orders, stage.signers.renters * MOST_LIVE // 2)
    return send_for(stage, stage.signers.bids(count, stage.next_salts()), MOST_SECONDS)


def send_for(stage: Stage, requests: Sequence[Request], seconds: float) -> Load:
    """Some after the other, none of them begun after so many seconds."""
    loads: list[Load] = []
    for first in range(0, len(requests), AT_ONCE):
        if sum(load.seconds for load in loads) >= seconds:
            break
        loads.append(stage.send_all(requests[first : first + AT_ONCE], CONNECTIONS))
    return sum_of(loads)


def _in_bulks(stage: Stage, scale: Scale) -> Load:
    """Of requests, each with BULK bids."""
    before = _jobs(stage)
    count = min(scale.orders, RENTERS * MOST_LIVE // 2) // BULK * BULK
    bids = stage.signers.bids(count, stage.next_salts())
    bodies = [json.loads(bid.body or b"") for bid in bids]
    chunks = [bodies[at : at + BULK] for at in range(0, len(bodies), BULK)]
    bulks = [Request("POST", "/api/v1/bids/bulk", json.dumps(chunk).encode()) for chunk in chunks]
    load = stage.send_all(bulks, 2)
    accepted = _jobs(stage) - before
    if accepted != len(bids):
        raise RuntimeError(f"The market took {accepted} of {len(bids)} bids.")
    return load


def _jobs(stage: Stage) -> int:
    return sum(stage.line().get("/api/v1/cluster/status")["jobs"].values())


def _each(load: Load) -> list[str]:
    return [
        line("  each, half of them within", percentile(load.latencies, 0.5) * 1e3, "ms"),
        line("  each, 99 of 100 within", percentile(load.latencies, 0.99) * 1e3, "ms"),
        line("  each, processor time of the service", load.processor_ms, "ms"),
    ]


def _share(load: Load, limit: float) -> str:
    return f"{load.per_second / limit:.0%} of the limit"
