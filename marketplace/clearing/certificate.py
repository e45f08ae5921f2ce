"""The certificate of a round: how far its surplus can be from the best possible, checkable without the auction.

For any rents >= 0 linear programming duality bounds the optimum of the assignment market from above:

    optimum <= sum_i demand_i * max(0, max_j (value[i, j] - units[i, j] * rent[j])) + sum_j capacity_j * rent_j

Where every lease takes one unit the rents that are charged bound well. Where some take several, they are kept low for
those who would else be at a loss, and the auction's own prices, which nobody is charged, bound better.
"""

from dataclasses import dataclass

import numpy as np

from marketplace.clearing.engine.solve import best_profits
from marketplace.clearing.problem import ClearingProblem
from marketplace.clearing.replicas import Matches
from marketplace.errors import CertificateRejected


@dataclass(frozen=True, slots=True)
class Certificate:
    """Surplus reached, dual bound on what is reachable, and epsilon; micro-USDC.

    `epsilon` is the most that any replica of any bid would gain by another ask at these rents: that of the auction at
    most, unless a bid took several units or the round had to be repaired.
    """

    surplus: int
    bound: int
    epsilon: int

    @property
    def gap(self) -> int:
        """What a perfect round could add at most."""
        return self.bound - self.surplus

    @property
    def ratio(self) -> float:
        """Surplus as a share of the bound, for people."""
        return self.surplus / self.bound if self.bound else 1.0


def compute_certificate(
    problem: ClearingProblem, matches: Matches, rent: np.ndarray, shadow: np.ndarray | None = None
) -> Certificate:
    """The certificate of an assignment at these rents of a unit (A,), bounded at these shadow prices if they differ."""
    shadow = rent if shadow is None else shadow
    profits: dict[int, list[int]] = {}
    for match in matches:
        profits.setdefault(match.bid, []).append(match.value - match.units * int(rent[match.ask]))
    floors = np.zeros(len(problem.demand), dtype=np.int64)
    worst = np.zeros(len(problem.demand), dtype=np.int64)
    for bid, own in profits.items():
        floors[bid] = max(0, *own)
        worst[bid] = min(own) if len(own) == problem.demand[bid] else min(0, *own)
    best = best_profits(problem.tables, floors, rent)
    most = best if (shadow == rent).all() else best_profits(problem.tables, np.zeros_like(floors), shadow)
    return Certificate(
        surplus=sum(match.value for match in matches),
        bound=_total(problem.capacity, shadow) + _total(problem.demand, most),
        epsilon=int((best - worst).max(initial=0)),
    )


def _total(counts: np.ndarray, amounts: np.ndarray) -> int:
    """`sum(counts * amounts)`, exact whatever the size."""
    some = np.flatnonzero(amounts)
    return sum(int(count) * int(amount) for count, amount in zip(counts[some], amounts[some], strict=True))


def count_by_provider(problem: ClearingProblem, matches: Matches) -> tuple[dict[int, int], dict[int, int]]:
    """Units that each provider's leases take, and how many they may: the least of the free units of its asks there.

    The contract counts a provider's leases against the ask of the one that it opens; up to the least, any order does.
    """
    leases: dict[int, int] = {}
    units: dict[int, int] = {}
    for match in matches:
        provider, free = int(problem.provider[match.ask]), int(problem.capacity[match.ask])
        leases[provider] = leases.get(provider, 0) + match.units
        units[provider] = min(free, units.get(provider, free))
    return leases, units


def verify_certificate(
    problem: ClearingProblem,
    matches: Matches,
    prices: list[int],
    rent: np.ndarray,
    certificate: Certificate,
    shadow: np.ndarray | None = None,
) -> None:
    """Check a round from its orders and numbers alone. Raises CertificateRejected naming what does not hold."""
    _require(bool((rent >= 0).all()), "a rent is negative")
    _require(shadow is None or bool((shadow >= 0).all()), "a shadow price is negative")
    used = np.zeros(len(problem.capacity), dtype=np.int64)
    filled: dict[int, list[int]] = {}
    for match, price in zip(matches, prices, strict=True):
        bid, ask = match.bid, match.ask
        quote = problem.quote(bid, ask)
        _require(problem.value(bid, ask) == match.value, f"bid {bid} may not go to ask {ask}, or not at that value")
        _require(problem.units(bid, ask) == match.units, f"bid {bid} does not take {match.units} units of ask {ask}")
        _require(price == quote + match.units * int(rent[ask]), f"the price of bid {bid} is not quote plus rent")
        _require(match.value >= match.units * int(rent[ask]), f"bid {bid} is at a loss at ask {ask}")
        limit = problem.snapshot.bids[bid].bid.max_price
        _require(quote <= price <= limit, f"the price of bid {bid} leaves [quote, maxPrice]")
        used[ask] += match.units
        filled.setdefault(bid, []).append(int(problem.provider[ask]))
    _require(bool((used <= problem.capacity).all()), "an ask's leases take more units than are free")
    _require(bool((rent[used < problem.capacity] == 0).all()), "an ask with an idle unit has a rent")
    for bid, providers in filled.items():
        _require(len(providers) == int(problem.demand[bid]), f"bid {bid} has not as many leases as replicas")
        _require(len(set(providers)) == len(providers), f"two replicas of bid {bid} share a provider")
    leases, units = count_by_provider(problem, matches)
    for provider, count in leases.items():
        _require(count <= units[provider], "a provider's leases take more units than an ask of it allows")
    recomputed = compute_certificate(problem, matches, rent, shadow)
    _require(recomputed == certificate, f"surplus, bound or epsilon are {recomputed}, not {certificate}")


def _require(holds: bool, violated: str) -> None:
    if not holds:
        raise CertificateRejected(f"The round's certificate does not hold: {violated}.", violated=violated)
