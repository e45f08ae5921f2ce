"""At what price a bid would have come into a round: what advice to renters is made of.

In an assignment market at its lowest prices, what a winner pays does not depend on what it said it would pay at most
(Leonard 1983; Demange, Gale & Sotomayor 1986): it is the least with which it would have won. So one clearing with the
bid in it, at a limit that it does not reach, tells the price to enter, as far as epsilons allow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from marketplace.clearing.constraints import CONSTRAINTS, STAKE
from marketplace.clearing.problem import ClearingProblem, build_problem
from marketplace.clearing.repair import assign
from marketplace.clearing.transcript import read_snapshot
from marketplace.domain.book import BookSnapshot, PlacedAsk, PlacedBid
from marketplace.protocol.metering import compute_quote

FIRST_CAP, NEXT_CAP = 2, 4
"""A newcomer first allows twice the cheapest quote that would do, then four times more each time that it is not taken:
the less it allows, the finer is its epsilon, and the more stakes cover it."""
EPSILON_PPM = 20
"""Finer than a round's: lowest rents give way by epsilon at every step of a chain of competitors, and a price that is
told must be enough."""
_NAME = "~ newcomer {:03}"
"""In place of a newcomer's hash. Sorts after every hash: of equal bids those that were there go first."""


@dataclass(frozen=True, slots=True)
class PastRound:
    """A round as it was recorded: its orders, rents by ask, and of each provider the leases and what they lock."""

    snapshot: BookSnapshot
    rents: Mapping[str, int]
    leases: Mapping[str, int]
    locked: Mapping[str, int]


def read_past_round(document: dict[str, Any]) -> PastRound:
    """The round of a transcript that was kept. Raises TranscriptMismatch where it is not well formed."""
    snapshot = read_snapshot(document)
    provider = {ask.ask_hash: ask.ask.provider for ask in snapshot.asks}
    leases: dict[str, int] = {}
    locked: dict[str, int] = {}
    for match in document["matches"]:
        who = provider[match["askHash"]]
        leases[who] = leases.get(who, 0) + 1
        locked[who] = locked.get(who, 0) + int(match["price"])
    return PastRound(snapshot, {ask: int(rent) for ask, rent in document["rents"].items()}, leases, locked)


def cap_newcomer(wanted: PlacedBid, max_price: int, number: int = 0) -> PlacedBid:
    """The bid as it enters a round that it was not in, allowing this much."""
    bid = wanted.bid.model_copy(update={"max_price": max_price})
    return replace(wanted, bid=bid, bid_hash=_NAME.format(number))


def can_serve(wanted: PlacedBid, ask: PlacedAsk, now: int) -> bool:
    """Whether nothing but price and stake speaks against the pair."""
    return all(one.check(wanted, ask, now) is None for one in CONSTRAINTS if one is not STAKE)


def price_in_round(past: PastRound, wanted: PlacedBid) -> int | None:
    """What a replica of the bid would have had to allow in this round; None where no price would have done."""
    offers = [ask for ask in past.snapshot.asks if can_serve(wanted, ask, past.snapshot.now)]
    if len({ask.ask.provider for ask in offers}) < wanted.bid.replicas:
        return None
    known = _price_at_rents(past, wanted, offers)
    return known if known is not None else price_each(past.snapshot, [wanted])[0]


def _price_at_rents(past: PastRound, wanted: PlacedBid, offers: Sequence[PlacedAsk]) -> int | None:
    """The price to enter where the cheapest asks, rents included, stood idle: nobody is in the way there."""
    cheapest: dict[str, tuple[int, str, PlacedAsk]] = {}
    units: dict[str, int] = {}
    for ask in past.snapshot.asks:
        units[ask.ask.provider] = min(ask.free_units, units.get(ask.ask.provider, ask.free_units))
    for ask in offers:
        price = compute_quote(ask.ask.rates, wanted.bid.resources).total + past.rents[ask.ask_hash]
        best = cheapest.setdefault(ask.ask.provider, (price, ask.ask_hash, ask))
        cheapest[ask.ask.provider] = min(best, (price, ask.ask_hash, ask), key=lambda one: one[:2])
    chosen = sorted(cheapest.values(), key=lambda one: one[:2])[: wanted.bid.replicas]
    price = chosen[-1][0]
    for _, _, ask in chosen:
        provider = ask.ask.provider
        is_idle = past.leases.get(provider, 0) < units[provider] and past.rents[ask.ask_hash] == 0
        if not is_idle or ask.available_stake - past.locked.get(provider, 0) < price:
            return None
    return price


def price_each(snapshot: BookSnapshot, wanted: Sequence[PlacedBid]) -> list[int | None]:
    """For each of these bids, alone among the snapshot's orders, what a replica of it would have to allow.

    The snapshot's tables are made once for all of them. None where no price that asks' stakes cover would do. Where
    stakes are scarce, less than what is returned may do, and what is returned does.
    """
    prices: list[int | None] = [None] * len(wanted)
    quotes = [_quotes(snapshot, one) for one in wanted]
    richest = max((one.bid.max_price for one in snapshot.bids), default=0)
    caps = {
        number: FIRST_CAP * max(1, able[wanted[number].bid.replicas - 1])
        for number, able in enumerate(quotes)
        if len(able) >= wanted[number].bid.replicas
    }
    while caps:
        newcomers = {number: cap_newcomer(wanted[number], cap, number) for number, cap in caps.items()}
        for number, price in _clear_each(snapshot, newcomers).items():
            prices[number] = price
        caps = {
            number: cap * NEXT_CAP
            for number, cap in caps.items()
            if prices[number] is None and cap <= richest + quotes[number][-1]
        }
    return prices


def _quotes(snapshot: BookSnapshot, wanted: PlacedBid) -> list[int]:
    """The least quote of each provider that can serve the bid, ascending, micro-USDC."""
    least: dict[str, int] = {}
    for ask in snapshot.asks:
        if can_serve(wanted, ask, snapshot.now):
            quote = compute_quote(ask.ask.rates, wanted.bid.resources).total
            least[ask.ask.provider] = min(quote, least.get(ask.ask.provider, quote))
    return sorted(least.values())


def _clear_each(snapshot: BookSnapshot, newcomers: Mapping[int, PlacedBid]) -> dict[int, int | None]:
    """The price of each newcomer, by its number, in a round without the others."""
    if not newcomers:
        return {}
    together = BookSnapshot.of(snapshot.now, [*snapshot.bids, *newcomers.values()], snapshot.asks)
    problem = build_problem(together)
    place = {one.bid_hash: index for index, one in enumerate(together.bids)}
    numbers = {number: place[one.bid_hash] for number, one in newcomers.items() if one.bid_hash in place}
    own = np.array(sorted(numbers.values()), dtype=np.int64)
    return {number: _clear_one(problem, own, bid) for number, bid in numbers.items()}


def _clear_one(problem: ClearingProblem, newcomers: np.ndarray, bid: int) -> int | None:
    demand = problem.demand.copy()
    demand[newcomers] = 0
    demand[bid] = problem.demand[bid]
    assigned = assign(replace(problem, demand=demand), EPSILON_PPM)
    prices = [
        problem.quote(bid, match.ask) + int(assigned.rent[match.ask]) for match in assigned.matches if match.bid == bid
    ]
    return max(prices) if len(prices) == problem.demand[bid] else None
