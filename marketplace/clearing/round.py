"""One round: snapshot in, matches at integer prices out."""

from dataclasses import dataclass

import numpy as np

from marketplace.clearing.certificate import Certificate, compute_certificate, verify_certificate
from marketplace.clearing.problem import ClearingProblem, build_problem
from marketplace.clearing.repair import assign
from marketplace.domain.book import BookSnapshot

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
    or not at all, which leaves the assignment market: those rounds are repaired (`marketplace.clearing.repair`), an
    order may then be rejected although it could have been served, but none is accepted at a loss. With
    `idle_weight_bps` envy-freeness holds within epsilon plus the difference in C_idle.
    """
    problem = build_problem(snapshot, parameters.idle_weight_bps)
    greatest = int(problem.value[problem.feasible].max(initial=0))
    assigned = assign(problem, parameters.epsilon or max(1, greatest // _EPSILON_SHARE))
    rent = assigned.rent
    certificate = compute_certificate(problem, assigned.pairs, rent)
    matches = tuple(_price(problem, bid, ask, rent) for bid, ask in assigned.pairs)
    verify_certificate(problem, assigned.pairs, [match.price for match in matches], rent, certificate)
    rents = {ask.ask_hash: int(price) for ask, price in zip(snapshot.asks, rent, strict=True)}
    return RoundResult(problem, matches, rents, certificate)


def _price(problem: ClearingProblem, bid: int, ask: int, rent: np.ndarray) -> PricedMatch:
    return PricedMatch(
        bid_hash=problem.snapshot.bids[bid].bid_hash,
        ask_hash=problem.snapshot.asks[ask].ask_hash,
        quote=int(problem.costs.quote[bid, ask]),
        rent=int(rent[ask]),
    )
