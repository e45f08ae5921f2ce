"""One round: snapshot in, matches at integer prices out."""

from dataclasses import dataclass

import numpy as np

from marketplace.clearing.certificate import Certificate, compute_certificate, verify_certificate
from marketplace.clearing.problem import ClearingProblem, build_problem
from marketplace.clearing.repair import assign
from marketplace.clearing.replicas import Match, Matches
from marketplace.domain.book import BookSnapshot


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a round is cleared with.

    `epsilon_ppm`: by how much a renter might do better elsewhere, in millionths of the most that any node is worth to
    it. `stranded_weight_bps`: how much of what a stranded GPU would earn counts as a cost of placing a job.
    `standing_weight_bps`: how much of what a node's free units cost their provider does. A tenth decides between nodes
    that cost about as much; more of it would keep jobs from empty nodes that several of them together could fill.
    """

    epsilon_ppm: int = 500
    stranded_weight_bps: int = 0
    standing_weight_bps: int = 1_000


@dataclass(frozen=True, slots=True)
class PricedMatch:
    """One lease to be opened: `price = quote + rent`, micro-USDC."""

    bid_hash: str
    ask_hash: str
    quote: int
    units: int
    """Units of the ask that the lease takes."""
    rent: int
    """Of all of them."""

    @property
    def price(self) -> int:
        """What the lease locks."""
        return self.quote + self.rent


@dataclass(frozen=True, slots=True)
class RoundResult:
    """The outcome of a round: `assigned` by numbers of orders in the snapshot; `rents` of a unit by ask hash, and
    `shadow_prices` that the certificate's bound is of, where they are others; micro-USDC."""

    problem: ClearingProblem
    assigned: Matches
    matches: tuple[PricedMatch, ...]
    rents: dict[str, int]
    shadow_prices: dict[str, int]
    certificate: Certificate


def clear_round(snapshot: BookSnapshot, parameters: Parameters = Parameters()) -> RoundResult:
    """Clear a snapshot.

    Where each bid takes one unit the result is an equilibrium within epsilon: individually rational for both sides,
    budget balanced, envy-free, idle units without rent. Bids that take several units of an ask, and replicas of one
    bid, which must have distinct providers and start together or not at all, leave the assignment market: those rounds
    are repaired (`marketplace.clearing.engine.rents`, `marketplace.clearing.repair`), an order may then be rejected
    although it could have been served, but none is accepted at a loss. A renter's preferences are part of what a node
    is worth to it; C_idle is not, so that envy-freeness holds within epsilon plus the difference in C_idle.
    """
    problem = build_problem(snapshot, parameters.stranded_weight_bps, parameters.standing_weight_bps)
    assigned = assign(problem, parameters.epsilon_ppm)
    rent, shadow = assigned.rent, assigned.shadow
    certificate = compute_certificate(problem, assigned.matches, rent, shadow)
    matches = tuple(_price(problem, match, rent) for match in assigned.matches)
    verify_certificate(problem, assigned.matches, [match.price for match in matches], rent, certificate, shadow)
    rents = _by_hash(snapshot, rent)
    shadows = {} if (shadow == rent).all() else _by_hash(snapshot, shadow)
    return RoundResult(problem, assigned.matches, matches, rents, shadows, certificate)


def _by_hash(snapshot: BookSnapshot, prices: np.ndarray) -> dict[str, int]:
    return {ask.ask_hash: int(price) for ask, price in zip(snapshot.asks, prices, strict=True)}


def _price(problem: ClearingProblem, match: Match, rent: np.ndarray) -> PricedMatch:
    return PricedMatch(
        bid_hash=problem.snapshot.bids[match.bid].bid_hash,
        ask_hash=problem.snapshot.asks[match.ask].ask_hash,
        quote=problem.quote(match.bid, match.ask),
        units=match.units,
        rent=match.units * int(rent[match.ask]),
    )
