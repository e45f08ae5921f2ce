"""A day of a million jobs on 100,000 nodes that come and go, replayed.

A job that comes is filled at once if an ask stands that will do; otherwise it waits, up to an hour, and a round every
five simulated minutes assigns all that wait. (A market clears every two seconds, unless it has nothing new to clear.) A
lease lasts as long as the trace says its job ran; then its unit is free again. A node that leaves takes no new job, and
comes back after a while with the same ask.
"""

import heapq
import time
from dataclasses import dataclass, field

import numpy as np

from marketplace.clearing.engine.auction import UNASSIGNED
from marketplace.clearing.engine.live import LiveAsks
from marketplace.clearing.engine.solve import solve
from marketplace.clearing.engine.tables import PART, AskTable, BidTable
from scripts.bench.clearing.cases import SEED
from scripts.bench.clearing.markets import Market, draw_market
from scripts.bench.clearing.rounds import EPSILON_PPM
from scripts.bench.clearing.single import fill, one_by_one, open_book, scaled

DAY = 86_400
JOBS, NODES = 1_000_000, 100_000
ROUND_SECONDS, PATIENCE_SECONDS = 300, 3_600
DEPARTURES = 0.5
"""Of each node in a day, on average; away for two hours, on average."""
AWAY_SECONDS = 7_200
_ARRIVAL, _END, _DEPARTURE, _RETURN, _ROUND = range(5)
_IDLE_LINE = 5


@dataclass
class Replay:
    """What became of the jobs, and the seconds that it took."""

    jobs: int
    nodes: int
    at_once: int = 0
    in_rounds: int = 0
    given_up: int = 0
    departures: int = 0
    rounds: int = 0
    round_seconds: float = 0.0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    busiest: int = 0


@dataclass
class _State:
    market: Market
    book: LiveAsks
    replay: Replay
    events: list[tuple[int, int, int, int]]
    """(second, kind, job or node, node): the next one first."""
    number_of: list[int]
    """Of each node, its number in the book; -1 while it is away."""
    used: list[int]
    """Units of each node that are taken, whether it is there or away."""
    node_of: dict[int, int]
    waiting: dict[int, int] = field(default_factory=dict)
    """Jobs, and when they give up."""
    taken: dict[int, int] = field(default_factory=dict)
    """Jobs that run, and how many units each takes."""
    running: int = 0


def replay_day(jobs: int = JOBS, nodes: int = NODES, seed: int = SEED) -> Replay:
    """Replay a day. The drawing of market and events is not counted."""
    market = draw_market(seed, jobs, nodes, units=2)
    draw = np.random.default_rng(seed + 1)
    events = _draw_events(draw, jobs, nodes)
    orders = one_by_one(market, nodes)
    away = np.maximum(60, draw.exponential(AWAY_SECONDS, len(events))).astype(int).tolist()
    seconds = (market.bids.record[:, _IDLE_LINE] * 3_600 + market.bids.record[:, PART + _IDLE_LINE]).tolist()
    replay = Replay(jobs, nodes)
    started, processor = time.perf_counter(), time.process_time()
    book = open_book(market)
    state = _State(market, book, replay, events, list(range(nodes)), [0] * nodes, {n: n for n in range(nodes)})
    while state.events and state.events[0][0] < DAY:
        now, kind, which, node = heapq.heappop(state.events)
        if kind == _ARRIVAL:
            _arrive(state, now, which, seconds[which])
        elif kind == _END:
            _end(state, which, node)
        elif kind == _DEPARTURE:
            _depart(state, now, which, away[replay.departures])
        elif kind == _RETURN:
            _return(state, which, *orders[which])
        else:
            _round(state, now, seconds)
    replay.seconds, replay.processor_seconds = time.perf_counter() - started, time.process_time() - processor
    return replay


def _draw_events(draw: np.random.Generator, jobs: int, nodes: int) -> list[tuple[int, int, int, int]]:
    """Jobs over the day, twice as many at noon as at midnight; nodes that leave; rounds."""
    hours = np.arange(24)
    weight = 1.5 - 0.5 * np.cos((hours + 0.5) / 24 * 2 * np.pi)
    arrivals = draw.choice(hours, jobs, p=weight / weight.sum()) * 3_600 + draw.integers(0, 3_600, jobs)
    leaving = draw.choice(nodes, int(nodes * DEPARTURES), replace=False)
    events = [(int(at), _ARRIVAL, job, -1) for job, at in enumerate(arrivals)]
    events += [
        (int(at), _DEPARTURE, int(n), -1) for n, at in zip(leaving, draw.integers(0, DAY, len(leaving)), strict=True)
    ]
    events += [(at, _ROUND, 0, -1) for at in range(ROUND_SECONDS, DAY, ROUND_SECONDS)]
    heapq.heapify(events)
    return events


def _arrive(state: _State, now: int, job: int, seconds: int) -> None:
    number, units = fill(state.book, state.market, job)
    if number < 0:
        state.waiting[job] = now + PATIENCE_SECONDS
        return
    state.replay.at_once += 1
    _start(state, now, job, number, units, seconds)


def _start(state: _State, now: int, job: int, number: int, units: int, seconds: int) -> None:
    node = state.node_of[number]
    state.used[node] += units
    state.taken[job] = units
    state.running += 1
    state.replay.busiest = max(state.replay.busiest, state.running)
    heapq.heappush(state.events, (now + seconds, _END, job, node))


def _end(state: _State, job: int, node: int) -> None:
    state.used[node] -= state.taken.pop(job)
    state.running -= 1
    _show_free_units(state, node)


def _show_free_units(state: _State, node: int) -> None:
    if state.number_of[node] >= 0:
        free = int(state.market.asks.capacity[node]) - state.used[node]
        state.book.set_free_units(state.number_of[node], free)


def _depart(state: _State, now: int, node: int, seconds: int) -> None:
    state.book.cancel(state.number_of[node])
    del state.node_of[state.number_of[node]]
    state.number_of[node] = -1
    state.replay.departures += 1
    heapq.heappush(state.events, (now + seconds, _RETURN, node, -1))


def _return(state: _State, node: int, kit: int, ask: AskTable) -> None:
    number = state.book.add(kit, ask)
    state.number_of[node], state.node_of[number] = number, node
    _show_free_units(state, node)


def _round(state: _State, now: int, seconds: list[int]) -> None:
    """All that wait are assigned together, over the book as it lies."""
    late = [job for job, until in state.waiting.items() if until < now]
    for job in late:
        del state.waiting[job]
    state.replay.given_up += len(late)
    if not state.waiting:
        return
    started = time.perf_counter()
    jobs = np.fromiter(state.waiting, dtype=np.int64)
    solved = solve(state.book.tables(_rows(state.market.bids, jobs)), np.arange(len(jobs)), EPSILON_PPM)
    found = zip(jobs.tolist(), solved.ask_of.tolist(), solved.units.tolist(), strict=True)
    for job, number, units in found:
        if number != UNASSIGNED:
            state.book.set_free_units(number, state.book.free_units(number) - units)
            _start(state, now, job, number, units, seconds[job])
            del state.waiting[job]
            state.replay.in_rounds += 1
    state.replay.rounds += 1
    state.replay.round_seconds += time.perf_counter() - started


def _rows(bids: BidTable, some: np.ndarray) -> BidTable:
    return BidTable(*(column if name == "banned" else column[some] for name, column in bids._asdict().items()))


def report() -> tuple[list[str], dict[str, float]]:
    """Lines for people, and figures by name."""
    replay = replay_day(scaled(JOBS), scaled(NODES))
    lines = [
        "",
        f"A day of {replay.jobs:,} jobs on {replay.nodes:,} nodes, {replay.departures:,} of which leave for a while:"
        f" {replay.seconds:,.0f} s ({replay.processor_seconds:,.0f} of processor time),"
        f" {DAY / replay.seconds:,.0f} times as fast as it passes",
        f"  {replay.at_once:,} filled at once, {replay.in_rounds:,} in {replay.rounds} rounds"
        f" ({replay.round_seconds:,.0f} s of the time), {replay.given_up:,} gave up after an hour;"
        f" {replay.busiest:,} at the same time at most",
    ]
    return lines, {
        "day_replay_seconds": replay.seconds,
        "day_replay_processor_seconds": replay.processor_seconds,
        "day_times_real_time": DAY / replay.seconds,
    }
