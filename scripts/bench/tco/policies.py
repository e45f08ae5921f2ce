"""How jobs find nodes: as a plain scheduler does it, as a list sorted by price does it, and by auction."""

from dataclasses import dataclass

import numpy as np

from marketplace.clearing.engine.bounds import EVERYWHERE
from marketplace.clearing.engine.solve import Solved, solve
from marketplace.clearing.engine.tables import DIVISORS, LINES, AskTable, BidTable, Tables, Terms, lay_out, make_bids
from scripts.bench.tco.offers import MODELS, ZONES
from scripts.bench.tco.replay import HOUR_S, World, charge

EPSILON_PPM = 500
_PLAIN, _PREEMPTIBLE = LINES.index("gpu"), LINES.index("vcpu")
"""Two lines of the asks' rates, in one of which a bid has its slot-seconds: both are divided by an hour."""
_STEERING = LINES.index("idle")
_CLOSED_AT = len(MODELS) + len(ZONES)


def first_fit(world: World, queue: np.ndarray) -> list[tuple[int, int]]:
    """As they come, the first node of the list that has room."""
    placed = []
    for job in world.hopeful(queue):
        _take(world, placed, int(job), np.flatnonzero(world.open_to(job))[:1])
    return placed


@dataclass(frozen=True)
class CheapestFirst:
    """As they come, the cheapest node that has room; of equals the first.

    With `foresight` only where it saves more than the thresholds that the auction is given: what these do alone.
    """

    foresight: bool = False

    def __call__(self, world: World, queue: np.ndarray) -> list[tuple[int, int]]:
        placed: list[tuple[int, int]] = []
        for job in world.hopeful(queue):
            costs = world.costs(job)
            if self.foresight:
                costs = costs + charge(world.jobs.slots[job] * thresholds(world), world.remaining[job])
            room = np.flatnonzero(world.open_to(job) & (costs <= world.limits(job)))
            _take(world, placed, int(job), room[np.argsort(costs[room], kind="stable")[:1]])
        return placed


class RoundRobin:
    """As they come, the next node after the one that was taken last."""

    def __init__(self) -> None:
        self._next = 0

    def __call__(self, world: World, queue: np.ndarray) -> list[tuple[int, int]]:
        placed: list[tuple[int, int]] = []
        for job in world.hopeful(queue):
            open_to = np.flatnonzero(world.open_to(job))
            after = open_to[np.searchsorted(open_to, self._next) % len(open_to)] if len(open_to) else None
            if after is not None:
                _take(world, placed, int(job), np.array([after]))
                self._next = int(after) + 1
        return placed


def _take(world: World, placed: list[tuple[int, int]], job: int, node: np.ndarray) -> None:
    if len(node):
        world.free[node[0]] -= world.jobs.slots[job]
        placed.append((job, int(node[0])))


@dataclass(frozen=True)
class Auction:
    """All at once, by the engine: the greatest saving against on demand.

    A slot is a unit of an ask; a job takes as many as it needs.

    A round knows nothing of jobs that are still to come. With `foresight` each hour of a slot costs, besides, what the
    threshold of Zhou, Chakrabarty and Lukose (2008, online knapsack) asks at the present use of its GPU model: the
    engine's line for C_idle, which steers and is charged to nobody.
    """

    foresight: bool = False

    def __call__(self, world: World, queue: np.ndarray) -> list[tuple[int, int]]:
        queue = world.hopeful(queue)
        placed: list[tuple[int, int]] = []
        steering = thresholds(world) if self.foresight else np.zeros(len(world.nodes), dtype=np.int64)
        solved = clear(world, queue, steering)
        for job, node in zip(queue.tolist(), solved.ask_of.tolist(), strict=True):
            if node >= 0:
                _take(world, placed, job, np.array([node]))
        return placed


LEAST, GREATEST = 20_000, 4_000_000
"""L and U: what an hour of a slot is taken to save at least and at most, micro-USDC: two cents, and
about the dearest GPU of the single cloud. Guessed, not fitted; what other guesses give is in the page on savings."""


def thresholds(world: World) -> np.ndarray:
    """(N,) int64: micro-USDC an hour of a slot, `(U e / L) ** used * L / e`, for the used share of each GPU model."""
    nodes = world.nodes
    there = np.bincount(nodes.model, nodes.slots, len(MODELS))
    used = 1 - np.bincount(nodes.model, world.free, len(MODELS)) / np.maximum(there, 1)
    return ((GREATEST * np.e / LEAST) ** used * LEAST / np.e).astype(np.int64)[nodes.model]


def clear(world: World, some: np.ndarray, steering: np.ndarray) -> Solved:
    """A round of the engine for these jobs."""
    asks, bids = _asks(world, steering), _bids(world, some)
    mean = bids.weights.sum(axis=0, dtype=np.float64) / max(1, len(some))
    typical = np.maximum(1, (mean * 1_000).astype(np.int64))
    none = np.zeros((1, len(ZONES)), dtype=np.int64)
    tables = Tables(*lay_out(world.nodes.model, asks, typical), bids, Terms(none, 0))
    return solve(tables, np.arange(len(some)), EPSILON_PPM, threads=1)


def _asks(world: World, steering: np.ndarray) -> AskTable:
    nodes = world.nodes
    rates = np.zeros((len(LINES), len(nodes)), dtype=np.int64)
    rates[_PLAIN], rates[_PREEMPTIBLE], rates[_STEERING] = nodes.price, nodes.preemptible, steering
    bits = 1 << nodes.model | 1 << (len(MODELS) + nodes.zone) | world.is_closed.astype(np.int64) << _CLOSED_AT
    return AskTable(
        rates=rates,
        minimum=np.zeros(len(nodes), dtype=np.int64),
        numbers=np.stack([nodes.vcpus, nodes.memory_mb]).astype(np.int32),
        bits=bits[None].astype(np.uint32),
        place=nodes.zone.astype(np.int32),
        share=np.outer([0, 0, 1], np.ones(len(nodes), dtype=np.int64)),
        provider=np.arange(len(nodes), dtype=np.int32),
        capacity=world.free,
        stake=np.full(len(nodes), 1 << 60),
    )


def _bids(world: World, some: np.ndarray) -> BidTable:
    jobs = world.jobs
    slots = jobs.slots[some]
    amounts = np.zeros((len(some), len(LINES)), dtype=np.int64)
    line = np.where(jobs.is_preemptible[some], _PREEMPTIBLE, _PLAIN)
    amounts[np.arange(len(some)), line] = amounts[:, _STEERING] = slots * world.remaining[some]
    every_model, every_zone = (1 << len(MODELS)) - 1, (1 << len(ZONES)) - 1
    forbidden = every_model & ~jobs.models[some] | (every_zone & ~jobs.zones[some]) << len(MODELS)
    forbidden |= jobs.is_preemptible[some].astype(np.int64) << _CLOSED_AT
    return make_bids(
        whole=amounts // DIVISORS,
        part=amounts % DIVISORS,
        limit=world.limits(some),
        wanted=np.outer(slots, [0, 0, 1]),
        needs=np.stack([jobs.vcpus[some], jobs.memory_mb[some]], axis=1),
        forbidden=forbidden[:, None].astype(np.uint32),
        places=np.full(len(some), EVERYWHERE),
    )


assert int(DIVISORS[_PLAIN]) == int(DIVISORS[_PREEMPTIBLE]) == HOUR_S
