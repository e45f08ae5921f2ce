"""Why an ask got a bid of its round or not, for the provider: what stood in the way, and what would have won it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from marketplace.clearing.breakdown import break_down
from marketplace.clearing.explain import Offer, price_offer
from marketplace.clearing.round import RoundResult
from marketplace.domain.book import PlacedAsk, PlacedBid
from marketplace.domain.constraints import Facts, Unit, violations
from marketplace.protocol.units import format_usdc


class Fate(StrEnum):
    """What became of a bid at one ask."""

    WON = "won"
    UNFIT = "unfit"
    """A hard constraint: no price would have helped."""
    DEAR = "dear"
    """The ask's own rates come to more than the bid allows."""
    STEERED = "steered"
    """The price is within the bid's limit, and with its preferences and idle capacity it is not."""
    FULL = "full"
    """The ask's units went to bids that are worth more: its rent shuts this one out."""
    BEATEN = "beaten"
    """Another ask was better for the bid."""
    LEFT = "left"
    """It could have been served here, and was not: a tie, or replicas that must start together."""


@dataclass(frozen=True, slots=True)
class BidView:
    """One bid as one ask saw it. Micro-USDC; `quote` and `price` are None where a constraint forbids the pair."""

    bid_hash: str
    ask_hash: str
    renter: str
    fate: Fate
    reason: str
    max_price: int
    quote: int | None
    price: int | None
    undercut: int | None
    """For DEAR and BEATEN: by how much lower the quote would have had to be, at this round's prices."""
    constraints: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A JSON object; amounts are decimal strings."""
        return {
            "bidHash": self.bid_hash,
            "askHash": self.ask_hash,
            "renter": self.renter,
            "fate": self.fate.value,
            "reason": self.reason,
            "maxPrice": str(self.max_price),
            "quote": _text(self.quote),
            "price": _text(self.price),
            "undercut": _text(self.undercut),
            "constraints": list(self.constraints),
        }


def explain_ask(result: RoundResult, ask_hash: str) -> list[BidView]:
    """Every bid of the round as this ask saw it, in the order of the round; empty where the ask took no part."""
    snapshot = result.problem.snapshot
    own = next((ask for ask in snapshot.asks if ask.ask_hash == ask_hash), None)
    if own is None:
        return []
    by_hash = {ask.ask_hash: ask for ask in snapshot.asks}
    winners: dict[str, list[PlacedAsk]] = {}
    for match in result.matches:
        winners.setdefault(match.bid_hash, []).append(by_hash[match.ask_hash])
    return [_view(result, placed, own, winners.get(placed.bid_hash, [])) for placed in snapshot.bids]


def _view(result: RoundResult, placed: PlacedBid, own: PlacedAsk, winners: list[PlacedAsk]) -> BidView:
    broken = violations(placed, own, result.problem.snapshot.now)
    if broken:
        return _unfit(placed, own, broken)
    offer, *others = _offers(result, placed, [own, *winners])
    fate, undercut = _judge(offer, others, placed.bid.max_price)
    return BidView(
        bid_hash=placed.bid_hash,
        ask_hash=own.ask_hash,
        renter=placed.bid.renter,
        fate=fate,
        reason=_REASONS[fate].format(
            price=format_usdc(offer.price),
            quote=format_usdc(offer.quote),
            rent=format_usdc(offer.rent),
            cap=format_usdc(placed.bid.max_price),
            weight=format_usdc(offer.worth_from - offer.price),
            undercut=format_usdc(undercut or 0),
        ),
        max_price=placed.bid.max_price,
        quote=offer.quote,
        price=offer.price,
        undercut=undercut,
    )


_REASONS = {
    Fate.WON: "Won at {price} USDC: your rates come to {quote}, the scarcity rent is {rent}.",
    Fate.DEAR: "Your rates come to {quote} USDC, the bid allows {cap}: {undercut} less would have been within it.",
    Fate.STEERED: "{price} USDC are within the {cap} that the bid allows, but the renter's preferences and the capacity"
    " left idle weigh {weight} more here.",
    Fate.FULL: "Your units went to bids that are worth more: with their rent of {rent} USDC this one would pay {price}"
    " here.",
    Fate.BEATEN: "Another node was better for it: at this round's prices your quote of {quote} USDC would have had to"
    " be {undercut} lower.",
    Fate.LEFT: "It could have been served here as well: a tie within the round's tolerance, or replicas"
    " that start together or not at all.",
}


def _unfit(placed: PlacedBid, own: PlacedAsk, broken: dict[str, Facts]) -> BidView:
    facts = tuple({"name": name, "needed": pair[0], "offered": pair[1]} for name, pair in broken.items())
    return BidView(
        bid_hash=placed.bid_hash,
        ask_hash=own.ask_hash,
        renter=placed.bid.renter,
        fate=Fate.UNFIT,
        reason=f"This node cannot serve it: {', '.join(broken)}.",
        max_price=placed.bid.max_price,
        quote=None,
        price=None,
        undercut=None,
        constraints=facts,
    )


def _offers(result: RoundResult, placed: PlacedBid, asks: list[PlacedAsk]) -> Iterator[Offer]:
    for ask, lines in zip(asks, break_down(placed, asks, result.problem), strict=True):
        rent = Unit.of(ask).count_for(placed.bid) * result.rents[ask.ask_hash]
        yield price_offer(placed.bid.max_price, ask, lines, rent)


def _judge(own: Offer, winners: list[Offer], cap: int) -> tuple[Fate, int | None]:
    """What became of it, and the undercut. `winners` are the offers that the bid was matched with.

    Of several, replicas, the dearest would have been replaced. What an ask's rent adds cannot be undercut: the rent is
    what other bids leave of its units' worth.
    """
    if any(each.ask_hash == own.ask_hash for each in winners):
        return Fate.WON, None
    dearest = max((each.worth_from for each in winners), default=None)
    if own.quote > cap:
        return Fate.DEAR, own.quote - cap
    if dearest is not None and own.rent == 0 and own.worth_from > dearest:
        return Fate.BEATEN, own.worth_from - dearest
    if own.rent:  # an idle unit has none
        return Fate.FULL, None
    return (Fate.LEFT if own.within_max_price else Fate.STEERED), None


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)
