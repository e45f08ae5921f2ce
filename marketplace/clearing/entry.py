"""At what price a bid would have come into a round: what advice to renters is made of.

In an assignment market at its lowest prices, what a winner pays does not depend on what it said it would pay at most
(Leonard 1983; Demange, Gale & Sotomayor 1986): it is the least with which it would have won. So one clearing with the
bid in it, at a limit that it does not reach, tells the price to enter, as far as epsilons allow; a second one, at that
price, that it is enough.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from marketplace.clearing.engine.tables import GREATEST, LIMIT
from marketplace.clearing.problem import build_problem
from marketplace.clearing.repair import assign
from marketplace.clearing.round import Parameters
from marketplace.clearing.transcript import read_snapshot
from marketplace.domain.book import BookSnapshot, PlacedAsk, PlacedBid
from marketplace.domain.constraints import Unit, is_allowed
from marketplace.protocol.metering import compute_quote
from marketplace.protocol.preferences import Preferences

FIRST_CAP, NEXT_CAP = 2, 4
"""A newcomer that does not say what it allows is taken to allow twice the cheapest quote that would do, then four times
more each time that it is left out: the less it allows, the finer is its epsilon, and the more stakes cover it."""
MOST_CAPS = 10
"""An absurd ask or bid shall not make the search for a price a long one."""
FINE_PPM = 20
"""Finer than a round's epsilon: lowest rents give way by epsilon at every step of a chain of competitors."""
PROOFS = (1_000, 1_001, 1_003, 1_010, 1_030, 1_100, 1_300, 2_000)
"""Thousandths of the price found that are tried, in a round as the market clears it, until one is enough."""
ROUND_PPM = Parameters().epsilon_ppm
_NAME = "~ newcomer {:03}"
"""In place of a newcomer's hash. Sorts after every hash: of equal bids those that were there go first."""


@dataclass(frozen=True, slots=True)
class PastRound:
    """A round as it was recorded: its orders, rents of a unit by ask, and of each provider the units that were leased
    and what the leases lock."""

    snapshot: BookSnapshot
    rents: Mapping[str, int]
    leased: Mapping[str, int]
    locked: Mapping[str, int]


def read_past_round(document: dict[str, Any]) -> PastRound:
    """The round of a transcript that was kept. Raises TranscriptMismatch where it is not well formed."""
    snapshot = read_snapshot(document)
    provider = {ask.ask_hash: ask.ask.provider for ask in snapshot.asks}
    leased: dict[str, int] = {}
    locked: dict[str, int] = {}
    for match in document["matches"]:
        who = provider[match["askHash"]]
        leased[who] = leased.get(who, 0) + int(match["units"])
        locked[who] = locked.get(who, 0) + int(match["price"])
    return PastRound(snapshot, {ask: int(rent) for ask, rent in document["rents"].items()}, leased, locked)


def cap_newcomer(wanted: PlacedBid, max_price: int, number: int = 0) -> PlacedBid:
    """The bid as it enters a round that it was not in, allowing this much."""
    bid = wanted.bid.model_copy(update={"max_price": max_price})
    return replace(wanted, bid=bid, bid_hash=_NAME.format(number))


def price_in_round(past: PastRound, wanted: PlacedBid) -> int | None:
    """What a replica of the bid would have had to allow in this round; None where no price would have done.

    As `price_each` says it.
    """
    offers = [ask for ask in past.snapshot.asks if is_allowed(wanted, ask, past.snapshot.now)]
    if len({ask.ask.provider for ask in offers}) < wanted.bid.replicas:
        return None
    known = _price_at_rents(past, wanted, offers)
    return known if known is not None else price_each(past.snapshot, [wanted])[0]


def _price_at_rents(past: PastRound, wanted: PlacedBid, offers: Sequence[PlacedAsk]) -> int | None:
    """The price to enter where the cheapest asks, rents included, stood idle: nobody is in the way there.

    None where something steers besides the price.
    """
    steers = any(ask.profile.fixed_cost_per_hour for ask in offers)
    if steers or wanted.job_spec.preferences != Preferences():
        return None
    cheapest: dict[str, tuple[int, str, PlacedAsk]] = {}
    units: dict[str, int] = {}
    for ask in past.snapshot.asks:
        units[ask.ask.provider] = min(ask.free_units, units.get(ask.ask.provider, ask.free_units))
    for ask in offers:
        taken = Unit.of(ask).count_for(wanted.bid)
        price = compute_quote(ask.ask.rates, wanted.bid.resources).total + taken * past.rents[ask.ask_hash]
        best = cheapest.setdefault(ask.ask.provider, (price, ask.ask_hash, ask))
        cheapest[ask.ask.provider] = min(best, (price, ask.ask_hash, ask), key=lambda one: one[:2])
    chosen = sorted(cheapest.values(), key=lambda one: one[:2])[: wanted.bid.replicas]
    price = chosen[-1][0]
    for _, _, ask in chosen:
        provider = ask.ask.provider
        left = units[provider] - past.leased.get(provider, 0)
        is_idle = Unit.of(ask).count_for(wanted.bid) <= left and past.rents[ask.ask_hash] == 0
        if not is_idle or ask.available_stake - past.locked.get(provider, 0) < price:
            return None
    return price


def price_each(snapshot: BookSnapshot, wanted: Sequence[PlacedBid]) -> list[int | None]:
    """For each of these bids, alone among the snapshot's orders, what a replica of it would have to allow.

    A bid that says what it allows has a price only where a stake covers that; one that allows 0 says nothing. The
    snapshot's tables are made once for all of them. What is returned has been tried: a bid that allows so much is
    filled in a round of these orders. None where no price would do, a million times the first one tried included.
    """
    quotes = [_quotes(snapshot, one) for one in wanted]
    able = [number for number, one in enumerate(wanted) if len(quotes[number]) >= one.bid.replicas]
    if not able:
        return [None] * len(wanted)
    rounds = _Rounds(snapshot, {number: wanted[number] for number in able})
    prices: list[int | None] = [None] * len(wanted)
    for number in able:
        cheapest = quotes[number][wanted[number].bid.replicas - 1]
        first = wanted[number].bid.max_price or FIRST_CAP * max(1, cheapest)
        prices[number] = _price(rounds, number, first, quotes[number][-1])
    return prices


def _price(rounds: "_Rounds", number: int, cap: int, dearest: int) -> int | None:
    greatest = min(NEXT_CAP**MOST_CAPS * cap, rounds.richest + dearest)
    found = rounds.clear(number, cap, FINE_PPM)
    while found is None and cap <= greatest:
        cap *= NEXT_CAP
        found = rounds.clear(number, cap, FINE_PPM)
    if found is None:
        return None
    if cap > NEXT_CAP * found:  # so much allowed, so coarse an epsilon
        closer = rounds.clear(number, FIRST_CAP * max(1, found), FINE_PPM)
        found = found if closer is None else min(found, closer)
    tried = (min(cap, found * proof // PROOFS[0]) for proof in PROOFS)
    return next((price for price in tried if rounds.clear(number, price, ROUND_PPM) is not None), cap)


def _quotes(snapshot: BookSnapshot, wanted: PlacedBid) -> list[int]:
    """The least quote of each provider that can serve the bid, ascending, micro-USDC."""
    least: dict[str, int] = {}
    for ask in snapshot.asks:
        if is_allowed(wanted, ask, snapshot.now):
            quote = compute_quote(ask.ask.rates, wanted.bid.resources).total
            least[ask.ask.provider] = min(quote, least.get(ask.ask.provider, quote))
    return sorted(least.values())


class _Rounds:
    """Rounds of the same orders with one newcomer each, which may allow this or that."""

    def __init__(self, snapshot: BookSnapshot, newcomers: Mapping[int, PlacedBid]) -> None:
        named = {number: cap_newcomer(one, 1, number) for number, one in newcomers.items()}
        together = BookSnapshot.of(snapshot.now, [*snapshot.bids, *named.values()], snapshot.asks)
        place = {one.bid_hash: index for index, one in enumerate(together.bids)}
        richest = max((one.bid.max_price for one in snapshot.bids), default=0)
        self.richest = richest * max((one.free_units for one in snapshot.asks), default=1)
        """More than the other bids together would give for the units that a newcomer may need."""
        self._problem = build_problem(together)
        self._bid = {number: place[one.bid_hash] for number, one in named.items()}
        self._incumbents = self._problem.demand.copy()
        self._incumbents[list(self._bid.values())] = 0

    def clear(self, number: int, cap: int, epsilon_ppm: int) -> int | None:
        """The most that a replica of this newcomer is charged if it allows `cap`; None where it is left out."""
        problem, bid = self._problem, self._bid[number]
        demand = self._incumbents.copy()
        demand[bid] = problem.demand[bid]
        problem.tables.bids.record[bid, LIMIT] = min(cap, GREATEST)
        assigned = assign(replace(problem, demand=demand), epsilon_ppm)
        own = [match for match in assigned.matches if match.bid == bid]
        prices = [problem.quote(bid, match.ask) + match.units * int(assigned.rent[match.ask]) for match in own]
        return max(prices) if len(prices) == demand[bid] else None
