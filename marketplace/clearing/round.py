"""One round: snapshot in, matches at integer prices out."""

from dataclasses import dataclass

import numpy as np

from marketplace.clearing.auction import UNASSIGNED, solve_assignment
from marketplace.clearing.certificate import Certificate, compute_certificate, verify_certificate
from marketplace.clearing.problem import ClearingProblem, build_problem
from marketplace.domain.book import BookSnapshot

MAX_PASSES = 16
"""How often a round is cleared again without bids that got only some of their replicas: bounds hostile markets."""
_EPSILON_SHARE = 20_000


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a round is cleared with. `epsilon` 0 means: the greatest value in the round divided by 20,000."""

    epsilon: int = 0
    idle_weight_bps: int = 0


@dataclass(frozen=True, slots=True)
class PricedMatch:
    """One lease to be opened: `price = quote + rent`, micro-USDC."""

    bid_hash: str
    ask_hash: str
    quote: int
    rent: int

    @property
    def price(self) -> int:
        """What the lease locks."""
        return self.quote + self.rent


@dataclass(frozen=True, slots=True)
class RoundResult:
    """The outcome of a round; `rents` by ask hash, micro-USDC."""

    problem: ClearingProblem
    matches: tuple[PricedMatch, ...]
    rents: dict[str, int]
    certificate: Certificate


def clear_round(snapshot: BookSnapshot, parameters: Parameters = Parameters()) -> RoundResult:
    """Clear a snapshot.

    Without replicas the result is an equilibrium within epsilon: individually rational for both sides, budget
    balanced, envy-free, idle units without rent. Replicas of one bid must have distinct providers and start together
    or not at all, which leaves the assignment market: bids that get only some of theirs make way, the least valuable
    first, and the round is cleared again without them. A bid may then be rejected although it could have been served,
    but none is accepted at a loss, and none holds units that it does not use. With `idle_weight_bps` envy-freeness
    holds within epsilon plus the difference in C_idle.
    """
    problem = build_problem(snapshot, parameters.idle_weight_bps)
    entered = _servable(problem)
    for _ in range(MAX_PASSES):
        pairs, rent, epsilon = _assign(problem, entered, parameters)
        incomplete = _incomplete(problem, pairs)
        if not incomplete:
            break
        worth = problem.value.max(axis=1, where=problem.feasible, initial=0)
        last = sorted(incomplete, key=lambda bid: (int(worth[bid]), -bid))
        entered[last[: (len(last) + 1) // 2]] = False
    else:
        pairs = [pair for pair in pairs if pair[0] not in incomplete]
        rent = _rents_after_repair(problem, pairs, rent)
    certificate = compute_certificate(problem, pairs, rent, epsilon)
    matches = tuple(_price(problem, bid, ask, rent) for bid, ask in sorted(pairs))
    verify_certificate(problem, sorted(pairs), [match.price for match in matches], rent, certificate)
    rents = {ask.ask_hash: int(price) for ask, price in zip(snapshot.asks, rent, strict=True)}
    return RoundResult(problem, matches, rents, certificate)


def _servable(problem: ClearingProblem) -> np.ndarray:
    """(B,) bool: bids that as many providers as they have replicas could serve, were they alone."""
    providers = [ask.ask.provider for ask in problem.snapshot.asks]
    open_to = problem.feasible & (problem.capacity > 0)
    able = [len({providers[ask] for ask in np.flatnonzero(row)}) for row in open_to]
    return np.array(able, dtype=np.int64) >= np.maximum(problem.demand, 1)


def _assign(
    problem: ClearingProblem, entered: np.ndarray, parameters: Parameters
) -> tuple[list[tuple[int, int]], np.ndarray, int]:
    """(bid, ask) pairs of the bids that entered, one a replica, with the rents (A,) and the epsilon kept."""
    rows = np.repeat(np.arange(len(problem.demand)), np.where(entered, problem.demand, 0))
    value, feasible = problem.value[rows], problem.feasible[rows]
    epsilon = parameters.epsilon or max(1, int(value[feasible].max(initial=0)) // _EPSILON_SHARE)
    solved = solve_assignment(value, feasible, problem.capacity, epsilon)
    pairs = [(int(bid), int(ask)) for bid, ask in zip(rows, solved.ask_of, strict=True) if ask != UNASSIGNED]
    repaired = _cover_providers(problem, _repair_replicas(problem, pairs, solved.rent), solved.rent)
    rent = solved.rent if repaired == pairs else _rents_after_repair(problem, repaired, solved.rent)
    return repaired, rent, solved.epsilon


def _incomplete(problem: ClearingProblem, pairs: list[tuple[int, int]]) -> list[int]:
    """Bids that got some of their replicas, not all."""
    counts = np.bincount([bid for bid, _ in pairs], minlength=len(problem.demand))
    return [int(bid) for bid in np.flatnonzero((counts > 0) & (counts < problem.demand))]


def _price(problem: ClearingProblem, bid: int, ask: int, rent: np.ndarray) -> PricedMatch:
    return PricedMatch(
        bid_hash=problem.snapshot.bids[bid].bid_hash,
        ask_hash=problem.snapshot.asks[ask].ask_hash,
        quote=int(problem.costs.quote[bid, ask]),
        rent=int(rent[ask]),
    )


def _repair_replicas(problem: ClearingProblem, pairs: list[tuple[int, int]], rent: np.ndarray) -> list[tuple[int, int]]:
    """Give replicas of one bid distinct providers: the second at a provider moves to its best idle ask, or out."""
    provider = [ask.ask.provider for ask in problem.snapshot.asks]
    kept: list[tuple[int, int]] = []
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
            for ask in np.flatnonzero(problem.feasible[bid] & (free > 0) & (problem.value[bid] >= rent))
            if provider[ask] not in taken[bid]
        ]
        if choices:
            ask = int(min(choices)[1])
            kept.append((bid, ask))
            taken[bid].add(provider[ask])
            free[ask] -= 1
    return kept


def _cover_providers(problem: ClearingProblem, pairs: list[tuple[int, int]], rent: np.ndarray) -> list[tuple[int, int]]:
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


def _rents_after_repair(problem: ClearingProblem, pairs: list[tuple[int, int]], rent: np.ndarray) -> np.ndarray:
    """Rents may only fall in a repair: never above the equilibrium's, and zero wherever a unit is idle."""
    used = np.bincount([ask for _, ask in pairs], minlength=len(problem.capacity))
    return np.where(used < problem.capacity, 0, rent)
