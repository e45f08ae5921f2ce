"""From the auction's assignment to one that also keeps what an auction does not know.

Replicas of one bid go to distinct providers and start all or not at all, and a provider's stake and units cover all
its new leases together. What an attempt has to drop is kept out of the next one: an order that cannot be served must
not hold the capacity of orders that can.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from marketplace.clearing.auction import UNASSIGNED, solve_assignment
from marketplace.clearing.problem import ClearingProblem

MAX_ATTEMPTS = 5
"""The last one is without the replicated bids that no attempt could serve: they shall not keep others out."""

Pairs = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Assigned:
    """(bid, ask) of every lease, ascending; `rent` (A,) micro-USDC; the objective reached."""

    pairs: Pairs
    rent: np.ndarray
    surplus: int


@dataclass(slots=True)
class _Field:
    """Who still takes part: replicas of each bid (B,), pairs (B, A)."""

    wanted: np.ndarray
    allowed: np.ndarray


def assign(problem: ClearingProblem, epsilon: int) -> Assigned:
    """The best of a few attempts; of equally good ones the first."""
    field = _Field(_servable(problem), problem.feasible.copy())
    best: Assigned | None = None
    for attempt in range(1, MAX_ATTEMPTS + 1):
        found, is_final = _attempt(problem, field, epsilon)
        if best is None or found.surplus > best.surplus:
            best = found
        if is_final:
            break
        if attempt == MAX_ATTEMPTS - 1:
            served = {bid for bid, _ in best.pairs}
            for bid in range(len(field.wanted)):
                if _is_replicated(problem, bid) and bid not in served:
                    field.wanted[bid] = 0
    assert best is not None, "there is at least one attempt"
    return best


def _is_replicated(problem: ClearingProblem, bid: int) -> bool:
    return int(problem.demand[bid]) > 1


def _servable(problem: ClearingProblem) -> np.ndarray:
    """Replicas of each bid; none where there are not as many providers: it could only be in the way."""
    wanted = problem.demand.copy()
    provider = np.array([ask.ask.provider for ask in problem.snapshot.asks])
    for bid in np.flatnonzero(wanted > 1):
        providers = len(np.unique(provider[problem.feasible[bid] & (problem.capacity > 0)]))
        if providers < wanted[bid]:
            wanted[bid] = 0
    return wanted


def _attempt(problem: ClearingProblem, field: _Field, epsilon: int) -> tuple[Assigned, bool]:
    """Assign and repair. Takes what was dropped out of `field`; whether nothing was."""
    rows = np.repeat(np.arange(len(field.wanted)), field.wanted)
    solved = solve_assignment(problem.value[rows], field.allowed[rows], problem.capacity, epsilon)
    won = [(int(bid), int(ask)) for bid, ask in zip(rows, solved.ask_of, strict=True) if ask != UNASSIGNED]
    distinct = _separate_replicas(problem, field, won, solved.rent)
    complete = _drop_incomplete(problem, distinct)
    covered = _cover_providers(problem, complete, solved.rent)
    kept = sorted(_drop_incomplete(problem, covered))
    _narrow(problem, field, won, distinct, complete, covered)
    rent = solved.rent if kept == sorted(won) else _rents_after_repair(problem, kept, solved.rent)
    surplus = sum(int(problem.value[pair]) for pair in kept)
    return Assigned(kept, rent, surplus), len(won) == len(distinct) == len(complete) == len(covered) == len(kept)


def _narrow(
    problem: ClearingProblem, field: _Field, won: Pairs, distinct: Pairs, complete: Pairs, covered: Pairs
) -> None:
    displaced = Counter(bid for bid, _ in won) - Counter(bid for bid, _ in distinct)
    for bid, count in displaced.items():
        field.wanted[bid] -= count
    for bid in {bid for bid, _ in distinct} - {bid for bid, _ in complete}:
        field.wanted[bid] = 0
    provider = np.array([ask.ask.provider for ask in problem.snapshot.asks])
    for bid, ask in set(complete) - set(covered):
        field.allowed[bid] &= provider != provider[ask]


def _separate_replicas(problem: ClearingProblem, field: _Field, pairs: Pairs, rent: np.ndarray) -> Pairs:
    """Give replicas of one bid distinct providers: the second at a provider moves to its best idle ask, or out."""
    provider = [ask.ask.provider for ask in problem.snapshot.asks]
    kept: Pairs = []
    displaced: list[int] = []
    taken: dict[int, set[str]] = {}
    for bid, ask in pairs:
        if provider[ask] in taken.setdefault(bid, set()):
            displaced.append(bid)
            continue
        taken[bid].add(provider[ask])
        kept.append((bid, ask))
    free = problem.capacity.copy()
    for _, ask in kept:
        free[ask] -= 1
    for bid in displaced:
        choices = [
            (-int(problem.value[bid, ask]), ask)
            for ask in np.flatnonzero(field.allowed[bid] & (free > 0) & (problem.value[bid] >= rent))
            if provider[ask] not in taken[bid]
        ]
        if choices:
            ask = int(min(choices)[1])
            kept.append((bid, ask))
            taken[bid].add(provider[ask])
            free[ask] -= 1
    return kept


def _drop_incomplete(problem: ClearingProblem, pairs: Pairs) -> Pairs:
    """The contract opens a bid's replicas together, or those that are missing never."""
    counts = Counter(bid for bid, _ in pairs)
    return [pair for pair in pairs if counts[pair[0]] == problem.demand[pair[0]]]


def _cover_providers(problem: ClearingProblem, pairs: Pairs, rent: np.ndarray) -> Pairs:
    """A provider's stake must cover all its new leases together, and each ask's units allow all: the least valuable go.

    See `count_by_provider` for the units.
    """
    asks = problem.snapshot.asks
    left = {ask.ask.provider: ask.available_stake for ask in asks}
    leases: dict[str, int] = {}
    units: dict[str, int] = {}
    kept = set()
    for bid, ask in sorted(pairs, key=lambda pair: (-int(problem.value[pair]), pair)):
        provider, free = asks[ask].ask.provider, int(problem.capacity[ask])
        price = int(problem.costs.quote[bid, ask]) + int(rent[ask])
        count, allowed = leases.get(provider, 0) + 1, min(free, units.get(provider, free))
        if price <= left[provider] and count <= allowed:
            left[provider] -= price
            leases[provider], units[provider] = count, allowed
            kept.add((bid, ask))
    return [pair for pair in pairs if pair in kept]


def _rents_after_repair(problem: ClearingProblem, pairs: Pairs, rent: np.ndarray) -> np.ndarray:
    """Rents may only fall in a repair: never above the equilibrium's, and zero wherever a unit is idle."""
    used = np.bincount([ask for _, ask in pairs], minlength=len(problem.capacity))
    return np.where(used < problem.capacity, 0, rent)
