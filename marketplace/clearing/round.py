"""One round: snapshot in, matches at integer prices out."""

from dataclasses import dataclass

import numpy as np

from marketplace.clearing.auction import UNASSIGNED, solve_assignment
from marketplace.clearing.certificate import Certificate, compute_certificate, verify_certificate
from marketplace.clearing.problem import ClearingProblem, build_problem
from marketplace.domain.book import BookSnapshot
from marketplace.protocol.enums import Verification

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
    balanced, envy-free, idle units without rent. Replicas of one bid must have distinct providers, which leaves the
    assignment market: those rounds are repaired greedily, an order may then be rejected although it could have been
    served, but none is accepted at a loss. With `idle_weight_bps` envy-freeness holds within epsilon plus the
    difference in C_idle.
    """
    problem = build_problem(snapshot, parameters.idle_weight_bps)
    rows = np.repeat(np.arange(len(snapshot.bids)), problem.demand)
    value, feasible = problem.value[rows], problem.feasible[rows]
    epsilon = parameters.epsilon or max(1, int(value[feasible].max(initial=0)) // _EPSILON_SHARE)
    solved = solve_assignment(value, feasible, problem.capacity, epsilon)
    pairs = [(int(bid), int(ask)) for bid, ask in zip(rows, solved.ask_of, strict=True) if ask != UNASSIGNED]
    repaired = _cover_stakes(problem, _repair_replicas(problem, pairs, solved.rent), solved.rent)
    rent = solved.rent
    if repaired != pairs:
        rent = _rents_after_repair(problem, repaired, rent)
    certificate = compute_certificate(problem, repaired, rent, solved.epsilon)
    matches = tuple(_price(problem, bid, ask, rent) for bid, ask in sorted(repaired))
    verify_certificate(problem, sorted(repaired), [match.price for match in matches], rent, certificate)
    rents = {ask.ask_hash: int(price) for ask, price in zip(snapshot.asks, rent, strict=True)}
    return RoundResult(problem, matches, rents, certificate)


def _price(problem: ClearingProblem, bid: int, ask: int, rent: np.ndarray) -> PricedMatch:
    return PricedMatch(
        bid_hash=problem.snapshot.bids[bid].bid_hash,
        ask_hash=problem.snapshot.asks[ask].ask_hash,
        quote=int(problem.costs.quote[bid, ask]),
        rent=int(rent[ask]),
    )


def _repair_replicas(
    problem: ClearingProblem, pairs: list[tuple[int, int]], rent: np.ndarray
) -> list[tuple[int, int]]:
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
    return _drop_incomplete_votes(problem, kept)


def _drop_incomplete_votes(problem: ClearingProblem, pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Replicas that vote on each other's result are worth nothing unless all of them run."""
    counts = np.bincount([bid for bid, _ in pairs], minlength=len(problem.demand))

    def is_complete(bid: int) -> bool:
        votes = problem.snapshot.bids[bid].bid.verification == Verification.REPLICATE
        return not votes or counts[bid] == problem.demand[bid]

    return [pair for pair in pairs if is_complete(pair[0])]


def _cover_stakes(
    problem: ClearingProblem, pairs: list[tuple[int, int]], rent: np.ndarray
) -> list[tuple[int, int]]:
    """A provider's stake must cover all its new leases together: the least valuable ones go."""
    asks = problem.snapshot.asks
    left = {ask.ask.provider: ask.available_stake for ask in asks}
    kept = set()
    for bid, ask in sorted(pairs, key=lambda pair: (-int(problem.value[pair]), pair)):
        price = int(problem.costs.quote[bid, ask]) + int(rent[ask])
        if price <= left[asks[ask].ask.provider]:
            left[asks[ask].ask.provider] -= price
            kept.add((bid, ask))
    remaining = [pair for pair in pairs if pair in kept]
    return remaining if len(remaining) == len(pairs) else _drop_incomplete_votes(problem, remaining)


def _rents_after_repair(problem: ClearingProblem, pairs: list[tuple[int, int]], rent: np.ndarray) -> np.ndarray:
    """Rents may only fall in a repair: never above the equilibrium's, and zero wherever a unit is idle."""
    used = np.bincount([ask for _, ask in pairs], minlength=len(problem.capacity))
    return np.where(used < problem.capacity, 0, rent)


