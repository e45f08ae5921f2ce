"""From the auction's assignment to one that also keeps what an auction does not know.

Replicas of one bid go to distinct providers and start all or not at all, and a provider's stake and units cover all
its new leases together. What an attempt has to drop is kept out of the next one: an order that cannot be served must
not hold the capacity of orders that can.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from marketplace.clearing.engine.auction import UNASSIGNED
from marketplace.clearing.engine.bounds import make_scratch
from marketplace.clearing.engine.one import find_distinct
from marketplace.clearing.engine.prices import start_prices
from marketplace.clearing.engine.solve import solve
from marketplace.clearing.engine.tables import with_bans
from marketplace.clearing.problem import ClearingProblem
from marketplace.clearing.replicas import IdleAsks, Match, Matches, has_enough_providers, separate_replicas, used_units

MAX_ATTEMPTS = 5
"""The last one is without the replicated bids that no attempt could serve: they shall not keep others out."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """Every lease, ascending; `rent` of a unit (A,), and `shadow` (A,), the price that bounds what is possible;
    micro-USDC."""

    matches: Matches
    rent: np.ndarray
    shadow: np.ndarray

    @property
    def surplus(self) -> int:
        """The objective reached."""
        return sum(match.value for match in self.matches)


@dataclass(slots=True)
class _Field:
    """Who still takes part: replicas of each bid (B,), and providers that a bid shall not go to."""

    wanted: np.ndarray
    banned: dict[int, set[int]] = field(default_factory=dict)


def assign(problem: ClearingProblem, epsilon_ppm: int) -> Assigned:
    """The best of a few attempts; of equally good ones the first. A bid that is alone takes what is best for it."""
    if len(problem.demand) == 1:
        return _assign_only(problem)
    taking_part = _Field(problem.demand.copy())
    replicated = np.flatnonzero(problem.demand > 1)
    if len(replicated):
        every_ask = IdleAsks(problem, problem.capacity.copy())
        hopeless = [bid for bid in replicated if not has_enough_providers(problem, every_ask, int(bid))]
        taking_part.wanted[hopeless] = 0
    best: Assigned | None = None
    for attempt in range(1, MAX_ATTEMPTS + 1):
        found, is_final = _attempt(problem, taking_part, epsilon_ppm)
        if best is None or found.surplus > best.surplus:
            best = found
        if is_final:
            break
        if attempt == MAX_ATTEMPTS - 1:
            served = {match.bid for match in best.matches}
            taking_part.wanted[[bid for bid in replicated if bid not in served]] = 0
    assert best is not None, "there is at least one attempt"
    return best


def _assign_only(problem: ClearingProblem) -> Assigned:
    """The round of one bid: nobody rivals it, so there are no rents, and each provider can take a lease of its own."""
    tables = problem.tables
    best = find_distinct(tables, 0, int(problem.demand[0]), start_prices(tables), make_scratch(tables), key=int)
    matches = sorted(Match(0, one.number, one.value // 2, one.units) for one in best)
    none = np.zeros(len(problem.capacity), dtype=np.int64)
    return Assigned(matches, none, none)


def _attempt(problem: ClearingProblem, taking_part: _Field, epsilon_ppm: int) -> tuple[Assigned, bool]:
    """Assign and repair. Takes what was dropped out of `taking_part`; whether nothing was."""
    rows = np.repeat(np.arange(len(taking_part.wanted)), taking_part.wanted)
    tables = with_bans(problem.tables, taking_part.banned)
    solved = solve(tables, rows, epsilon_ppm)
    outcome = zip(rows, solved.ask_of, solved.value, solved.units, strict=True)
    won = [Match(*map(int, each)) for each in outcome if each[1] != UNASSIGNED]
    distinct = separate_replicas(problem, taking_part.banned, won, solved.rent)
    complete = _drop_incomplete(problem, distinct)
    covered = _cover_providers(problem, complete, solved.rent)
    kept = sorted(_drop_incomplete(problem, covered))
    _narrow(problem, taking_part, won, distinct, complete, covered)
    rent = solved.rent if kept == sorted(won) else _rents_after_repair(problem, kept, solved.rent)
    shadow = solved.price if (solved.units > 1).any() else rent
    return Assigned(kept, rent, shadow), len(won) == len(distinct) == len(complete) == len(covered) == len(kept)


def _narrow(
    problem: ClearingProblem, taking_part: _Field, won: Matches, distinct: Matches, complete: Matches, covered: Matches
) -> None:
    displaced = Counter(match.bid for match in won) - Counter(match.bid for match in distinct)
    for bid, count in displaced.items():
        taking_part.wanted[bid] -= count
    for bid in {match.bid for match in distinct} - {match.bid for match in complete}:
        taking_part.wanted[bid] = 0
    for match in set(complete) - set(covered):
        taking_part.banned.setdefault(match.bid, set()).add(int(problem.provider[match.ask]))


def _drop_incomplete(problem: ClearingProblem, matches: Matches) -> Matches:
    """The contract opens a bid's replicas together, or those that are missing never."""
    counts = Counter(match.bid for match in matches)
    return [match for match in matches if counts[match.bid] == problem.demand[match.bid]]


def _cover_providers(problem: ClearingProblem, matches: Matches, rent: np.ndarray) -> Matches:
    """A provider's stake must cover all its new leases together, and each ask's units allow all: the least valuable go.

    See `count_by_provider` for the units.
    """
    left = dict(zip(problem.provider.tolist(), (ask.available_stake for ask in problem.snapshot.asks), strict=True))
    leases: dict[int, int] = {}
    units: dict[int, int] = {}
    kept = set()
    for match in sorted(matches, key=lambda match: (-match.value, match)):
        provider, free = int(problem.provider[match.ask]), int(problem.capacity[match.ask])
        price = problem.quote(match.bid, match.ask) + match.units * int(rent[match.ask])
        count, allowed = leases.get(provider, 0) + match.units, min(free, units.get(provider, free))
        if price <= left[provider] and count <= allowed:
            left[provider] -= price
            leases[provider], units[provider] = count, allowed
            kept.add(match)
    return [match for match in matches if match in kept]


def _rents_after_repair(problem: ClearingProblem, matches: Matches, rent: np.ndarray) -> np.ndarray:
    """Rents may only fall in a repair: never above the equilibrium's, and zero wherever a unit is idle."""
    return np.where(used_units(problem, matches) < problem.capacity, 0, rent)
