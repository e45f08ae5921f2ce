"""Replicas of one bid go to distinct providers: an auction of single nodes does not know that."""

from typing import NamedTuple

import numpy as np

from marketplace.clearing.engine.bounds import make_scratch
from marketplace.clearing.engine.heap import make_found
from marketplace.clearing.engine.prices import set_prices, start_prices
from marketplace.clearing.engine.search import find_best
from marketplace.clearing.engine.tables import with_bans, with_free
from marketplace.clearing.engine.value import OUT_OF_REACH
from marketplace.clearing.problem import ClearingProblem


class Match(NamedTuple):
    """A replica of a bid at an ask, what that is worth, micro-USDC, and how many units of the ask it takes."""

    bid: int
    ask: int
    value: int
    units: int


Matches = list[Match]


class IdleAsks:
    """Asks that still have a unit, and which of them is best for a bid."""

    def __init__(self, problem: ClearingProblem, free: np.ndarray, rent: np.ndarray | None = None) -> None:
        """`free` (A,) units of each ask; `rent` (A,) that a unit keeps once it is taken, micro-USDC, if any."""
        laid = problem.tables.asks.ask
        self._free = np.where(laid >= 0, free[laid], 0)
        self._tables = with_free(problem.tables, self._free)
        self._place_of = np.full(len(free), -1, dtype=np.int64)
        self._place_of[laid[laid >= 0]] = np.flatnonzero(laid >= 0)
        self._prices, self._scratch = start_prices(self._tables), make_scratch(self._tables)
        if rent is not None:
            some = np.flatnonzero((laid >= 0) & (rent[laid] > 0))
            set_prices(self._tables, self._prices, some, 2 * rent[laid[some]])
        self._close(np.flatnonzero(free <= 0))

    def best_for(self, bid: int, banned: set[int]) -> Match | None:
        """The ask that is worth most to the bid, at none of these providers."""
        found = make_found(1)
        count, _ = find_best(with_bans(self._tables, {bid: banned}), bid, self._prices, 0, self._scratch, found)
        if not count:
            return None
        ask = int(self._tables.asks.ask[found.ask[0]])
        return Match(bid, ask, int(found.value[0]) // 2, int(found.units[0]))

    def take(self, match: Match) -> None:
        """So many units less."""
        self._free[self._place_of[match.ask]] -= match.units
        if self._free[self._place_of[match.ask]] == 0:
            self._close(np.array([match.ask]))

    def _close(self, asks: np.ndarray) -> None:
        places = self._place_of[asks]
        places = places[places >= 0]
        set_prices(self._tables, self._prices, places, np.full(len(places), OUT_OF_REACH))


def used_units(problem: ClearingProblem, matches: Matches) -> np.ndarray:
    """(A,) int64: units of each ask that these leases take."""
    used = np.zeros(len(problem.capacity), dtype=np.int64)
    for match in matches:
        used[match.ask] += match.units
    return used


def has_enough_providers(problem: ClearingProblem, asks: IdleAsks, bid: int) -> bool:
    """Whether as many providers could serve the bid as it has replicas: else it could only be in the way."""
    seen: set[int] = set()
    while len(seen) < problem.demand[bid]:
        found = asks.best_for(bid, seen)
        if found is None:
            return False
        seen.add(int(problem.provider[found.ask]))
    return True


def separate_replicas(
    problem: ClearingProblem, banned: dict[int, set[int]], matches: Matches, rent: np.ndarray
) -> Matches:
    """Give replicas of one bid distinct providers: the second at a provider moves to its best idle ask, or out.

    An ask whose unit was vacated just now has its `rent` (A,) again once it is full.
    """
    kept: Matches = []
    displaced: list[int] = []
    taken: dict[int, set[int]] = {}
    for match in matches:
        provider = int(problem.provider[match.ask])
        if provider in taken.setdefault(match.bid, set()):
            displaced.append(match.bid)
            continue
        taken[match.bid].add(provider)
        kept.append(match)
    if not displaced:
        return kept
    idle = IdleAsks(problem, problem.capacity - used_units(problem, kept), rent)
    for bid in displaced:
        found = idle.best_for(bid, taken[bid] | banned.get(bid, set()))
        if found is not None:
            idle.take(found)
            taken[bid].add(int(problem.provider[found.ask]))
            kept.append(found)
    return kept
