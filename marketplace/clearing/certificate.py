"""The certificate of a round: how far its surplus can be from the best possible, checkable without the auction.

For any rents >= 0 linear programming duality bounds the optimum of the assignment market from above:

    optimum <= sum_i demand_i * max(0, max_j (value[i, j] - rent[j])) + sum_j capacity_j * rent_j
"""

from dataclasses import dataclass

import numpy as np

from marketplace.clearing.problem import ClearingProblem
from marketplace.errors import CertificateRejected


@dataclass(frozen=True, slots=True)
class Certificate:
    """Surplus reached, dual bound on what is reachable, and epsilon; micro-USDC.

    `epsilon` is the most that any replica of any bid would gain by another ask at these rents: that of the auction at
    most, unless the round had to be repaired.
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


def compute_certificate(problem: ClearingProblem, pairs: list[tuple[int, int]], rent: np.ndarray) -> Certificate:
    """The certificate of an assignment given as (bid, ask) index pairs, one for each lease."""
    bound = sum(int(units) * int(price) for units, price in zip(problem.capacity, rent, strict=True))
    best = [0] * len(problem.demand)
    if problem.value.size:
        best = [int(one) for one in np.where(problem.feasible, problem.value - rent, 0).max(axis=1, initial=0)]
        bound += sum(int(count) * profit for count, profit in zip(problem.demand, best, strict=True))
    profits: list[list[int]] = [[] for _ in best]
    for bid, ask in pairs:
        profits[bid].append(int(problem.value[bid, ask]) - int(rent[ask]))
    left_out = [[0] if len(served) < count else [] for served, count in zip(profits, problem.demand, strict=True)]
    return Certificate(
        surplus=sum(int(problem.value[bid, ask]) for bid, ask in pairs),
        bound=bound,
        epsilon=max(
            (most - min(own + zero) for most, own, zero in zip(best, profits, left_out, strict=True)), default=0
        ),
    )


def count_by_provider(problem: ClearingProblem, pairs: list[tuple[int, int]]) -> tuple[dict[str, int], dict[str, int]]:
    """Leases of each provider in these pairs, and how many it may have: the least of the free units of its asks there.

    The contract counts a provider's leases against the ask of the one that it opens; up to the least, any order does.
    """
    leases: dict[str, int] = {}
    units: dict[str, int] = {}
    for _, ask in pairs:
        provider, free = problem.snapshot.asks[ask].ask.provider, int(problem.capacity[ask])
        leases[provider] = leases.get(provider, 0) + 1
        units[provider] = min(free, units.get(provider, free))
    return leases, units


def verify_certificate(
    problem: ClearingProblem,
    pairs: list[tuple[int, int]],
    prices: list[int],
    rent: np.ndarray,
    certificate: Certificate,
) -> None:
    """Check a round from its numbers alone. Raises CertificateRejected naming the condition that does not hold."""
    _require(bool((rent >= 0).all()), "a rent is negative")
    used = np.zeros(len(problem.capacity), dtype=np.int64)
    filled: dict[int, list[str]] = {}
    for (bid, ask), price in zip(pairs, prices, strict=True):
        placed_bid, placed_ask = problem.snapshot.bids[bid], problem.snapshot.asks[ask]
        quote = int(problem.costs.quote[bid, ask])
        _require(bool(problem.feasible[bid, ask]), f"bid {bid} may not go to ask {ask}")
        _require(price == quote + int(rent[ask]), f"the price of bid {bid} is not quote plus rent")
        _require(quote <= price <= placed_bid.bid.max_price, f"the price of bid {bid} leaves [quote, maxPrice]")
        used[ask] += 1
        filled.setdefault(bid, []).append(placed_ask.ask.provider)
    _require(bool((used <= problem.capacity).all()), "an ask has more leases than free units")
    _require(bool((rent[used < problem.capacity] == 0).all()), "an ask with an idle unit has a rent")
    for bid, providers in filled.items():
        _require(len(providers) == int(problem.demand[bid]), f"bid {bid} has not as many leases as replicas")
        _require(len(set(providers)) == len(providers), f"two replicas of bid {bid} share a provider")
    leases, units = count_by_provider(problem, pairs)
    for provider, count in leases.items():
        _require(count <= units[provider], f"{provider} has more leases than an ask of it allows")
    recomputed = compute_certificate(problem, pairs, rent)
    _require(recomputed == certificate, f"surplus, bound or epsilon are {recomputed}, not {certificate}")


def _require(holds: bool, violated: str) -> None:
    if not holds:
        raise CertificateRejected(f"The round's certificate does not hold: {violated}.", violated=violated)
