"""Signed orders accepted a second, one by one and in bulks, beside what one processor verifies and SQLite stores."""

import json

from scripts.bench.service import limits
from scripts.bench.service.load import Load, Request, percentile, send_all
from scripts.bench.service.scale import Scale
from scripts.bench.service.stage import Stage, in_memory, on_ganache
from scripts.bench.service.tables import Report, line

CONNECTIONS, BULK = 8, 100
RENTERS = 100
MOST_LIVE = 900
"""Of one renter: the market takes a thousand of each account."""


def report(scale: Scale) -> Report:
    """Lines and figures."""
    with in_memory("orders", RENTERS, 0) as stage:
        stage.warm()
        sample = stage.signers.bids(1, [0] * RENTERS)[0]
        recovers = limits.recovers_per_second(stage.signers, sample)
        inserts = limits.inserts_per_second(stage.folder, sample.body or b"")
        alone = _one_by_one(stage, scale)
        bulk = _in_bulks(stage, scale)
        held = stage.process().memory_info().rss / 1e6
    with on_ganache("orders-ganache") as stage:
        stage.warm()
        ganache = _one_by_one(stage, scale)
    lines = [
        f"Orders ({CONNECTIONS} connections, the service in one process, SQLite; one job is warm-up)",
        line("limit: signatures recovered, one processor", recovers, "/s"),
        line("limit: bare inserts into SQLite, each on disk", inserts, "/s"),
        line("accepted one by one, chain in memory", alone.per_second, "/s", _share(alone, recovers)),
        line("  each, half of them within", percentile(alone.latencies, 0.5) * 1e3, "ms"),
        line("  each, 99 of 100 within", percentile(alone.latencies, 0.99) * 1e3, "ms"),
        line(f"accepted in bulks of {BULK}, chain in memory", bulk, "/s"),
        line("accepted one by one, ganache", ganache.per_second, "/s"),
        line("memory of the service after that", held, "MB"),
    ]
    figures = {
        "orders_per_s": alone.per_second,
        "orders_p99_ms": percentile(alone.latencies, 0.99) * 1e3,
        "orders_bulk_per_s": bulk,
        "orders_ganache_per_s": ganache.per_second,
        "limit_recovers_per_s": recovers,
        "limit_sqlite_inserts_per_s": inserts,
        "orders_to_recovers_ratio": alone.per_second / recovers,
        "orders_rss_mb": held,
    }
    return Report(lines, figures)


def _one_by_one(stage: Stage, scale: Scale) -> Load:
    count = min(scale.orders, stage.signers.renters * MOST_LIVE // 2)
    return send_all(stage.port, stage.signers.bids(count, stage.next_salts()), CONNECTIONS)


def _in_bulks(stage: Stage, scale: Scale) -> float:
    bids = stage.signers.bids(min(scale.orders, RENTERS * MOST_LIVE // 2), stage.next_salts())
    bodies = [json.loads(bid.body or b"") for bid in bids]
    chunks = [bodies[at : at + BULK] for at in range(0, len(bodies), BULK)]
    bulks = [Request("POST", "/api/v1/bids/bulk", json.dumps(chunk).encode()) for chunk in chunks]
    begun = send_all(stage.port, bulks, 2)
    accepted = sum(stage.line().get("/api/v1/cluster/status")["jobs"].values())
    if accepted <= 2 * len(bids):
        raise RuntimeError(f"The market took {accepted} of {2 * len(bids)} bids.")
    return len(bids) / begun.seconds


def _share(load: Load, limit: float) -> str:
    return f"{load.per_second / limit:.0%} of the limit"
