"""What agents cost that have nothing to do: those that ask six times a minute, and those that are told.

Every heartbeat is signed by its own node. Who asks sends one every ten seconds, and hears of notices so; who is told
has a feed of work open, and sends one a minute. What they ask of the chain is not the market's.
"""

import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack, contextmanager

from scripts.bench.service.heartbeats import fill
from scripts.bench.service.load import Line
from scripts.bench.service.people import key_of
from scripts.bench.service.scale import Scale
from scripts.bench.service.stage import Stage, in_memory
from scripts.bench.service.tables import Report, line

ASKING_SECONDS, TOLD_SECONDS = 10, 60
"""Between two heartbeats of one agent."""
LONGEST = 60
"""Seconds that each way is watched, at least twice the time between comments of a feed."""


def report(scale: Scale) -> Report:
    """Lines and figures: processor time of the service a second, of so many agents."""
    agents = [key_of("node", number) for number in range(scale.idle)]
    seconds = min(LONGEST, 2 * scale.seconds)
    with in_memory("idle", 1, 1, roles="api") as stage:
        fill(stage, stage.folder / "market.db", scale.idle)
        alone = _spent(stage, [], 1, seconds)
        asking = _spent(stage, agents, ASKING_SECONDS, seconds) - alone
        before = stage.process().memory_info().rss
        with _told(stage, agents):
            told = _spent(stage, agents, TOLD_SECONDS, seconds) - alone
            held = (stage.process().memory_info().rss - before) / 1e6
    lines = [
        f"Idle agents ({scale.idle:,}; {seconds} s each way, by a process that does nothing else, SQLite)",
        line("they ask, every 10 s: processor time of the service", asking * 1e3, "ms a second"),
        line("they are told, and say that they live every minute", told * 1e3, "ms a second"),
        line("  memory of the service for their feeds", held, "MB"),
    ]
    figures = {"idle_asking_ms_per_s": asking * 1e3, "idle_told_ms_per_s": told * 1e3, "idle_feeds_rss_mb": held}
    return Report(lines, figures)


def _spent(stage: Stage, agents: Sequence, every: float, seconds: int) -> float:
    """Processor seconds a second while these agents send their heartbeats, evenly."""
    market, now = Line(stage.port), int(time.time())
    count = int(len(agents) * seconds / every)
    beats = [stage.signers.heartbeat(agents[number % len(agents)], now) for number in range(count)]
    before, begun = _used(stage), time.monotonic()
    for number, one in enumerate(beats):
        time.sleep(max(0.0, begun + number * seconds / count - time.monotonic()))
        market.send(one)
    time.sleep(max(0.0, begun + seconds - time.monotonic()))
    return (_used(stage) - before) / (time.monotonic() - begun)


def _used(stage: Stage) -> float:
    return sum(stage.process().cpu_times()[:2])


@contextmanager
def _told(stage: Stage, agents: Sequence):
    """A feed of each, open, of which nothing is read but that it has begun."""
    with ExitStack() as feeds:
        for agent in agents:
            feed = feeds.enter_context(socket.create_connection(("127.0.0.1", stage.port), timeout=60))
            feed.sendall(f"GET /api/v1/work?agent={agent.address} HTTP/1.1\r\nHost: market\r\n\r\n".encode())
            seen = b""
            while b"event: begin" not in seen:
                piece = feed.recv(65_536)
                if not piece or b" 503 " in piece:
                    raise RuntimeError(f"The market does not tell {agent.address}: {piece!r}.")
                seen += piece
        yield
