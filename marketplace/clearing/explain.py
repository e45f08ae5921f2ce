"""Why a bid was matched or not: its price line by line, the runners-up, what was infeasible, what would help."""

from dataclasses import asdict, dataclass
from typing import Any

from pydantic.alias_generators import to_camel

from marketplace.clearing.breakdown import Breakdown, break_down
from marketplace.clearing.round import RoundResult
from marketplace.domain.book import PlacedAsk
from marketplace.domain.constraints import Unit, violations
from marketplace.errors import NotFound
from marketplace.protocol.units import format_usdc

MAX_ALTERNATIVES = 5
_IGNORED = (
    " Its preferences did not count: this round's book had more different ones than fit, of bids that offer more."
)


@dataclass(frozen=True, slots=True)
class Offer:
    """One ask as this bid sees it: line items, rent and price in micro-USDC; and what steers and is not charged.

    `worth_from` is the least maximum price at which the bid would have it: the price, C_idle and its own preferences.
    """

    ask_hash: str
    provider: str
    gpu: int
    vcpu: int
    memory: int
    fuel: int
    egress: int
    quote: int
    rent: int
    price: int
    idle: int
    carbon: int
    latency: int
    locality: int
    data_transfer: int
    worth_from: int
    carbon_mg: int
    within_max_price: bool

    def to_json(self) -> dict[str, Any]:
        """A JSON object, amounts as decimal strings."""
        return {
            to_camel(name): value if isinstance(value, bool) else str(value) for name, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One ask that cannot serve this bid, and each constraint that says so: name, what is needed, what is there."""

    ask_hash: str
    provider: str
    constraints: tuple[dict[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {"askHash": self.ask_hash, "provider": self.provider, "constraints": list(self.constraints)}


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything there is to say about one bid in one round."""

    bid_hash: str
    matched: bool
    reason: str
    rent_reason: str
    """Why the price has a scarcity rent, or none; empty where there is no price."""
    chosen: tuple[Offer, ...]
    runners_up: tuple[Offer, ...]
    obstacles: tuple[Obstacle, ...]
    suggestions: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """A JSON object; amounts are micro-USDC in decimal strings."""
        return {
            "bidHash": self.bid_hash,
            "matched": self.matched,
            "reason": self.reason,
            "rentReason": self.rent_reason,
            "chosen": [offer.to_json() for offer in self.chosen],
            "runnersUp": [offer.to_json() for offer in self.runners_up],
            "obstacles": [obstacle.to_json() for obstacle in self.obstacles],
            "suggestions": list(self.suggestions),
        }


def explain_bid(result: RoundResult, bid_hash: str) -> Explanation:
    """Explain a bid that took part in the round. Raises NotFound."""
    snapshot = result.problem.snapshot
    index = next((i for i, one in enumerate(snapshot.bids) if one.bid_hash == bid_hash), None)
    if index is None:
        raise NotFound("bid in this round", bid_hash)
    placed = snapshot.bids[index]
    obstacles, offers = [], []
    for ask, lines in zip(snapshot.asks, break_down(placed, snapshot.asks, result.problem), strict=True):
        broken = violations(placed, ask, snapshot.now)
        if broken:
            facts = tuple({"name": name, "needed": pair[0], "offered": pair[1]} for name, pair in broken.items())
            obstacles.append(Obstacle(ask.ask_hash, ask.ask.provider, facts))
        else:
            units = Unit.of(ask).count_for(placed.bid)
            offers.append(price_offer(placed.bid.max_price, ask, lines, units * result.rents[ask.ask_hash]))
    chosen_asks = {match.ask_hash for match in result.matches if match.bid_hash == bid_hash}
    chosen = tuple(offer for offer in offers if offer.ask_hash in chosen_asks)
    others = sorted((o for o in offers if o.ask_hash not in chosen_asks), key=lambda o: (o.worth_from, o.ask_hash))
    return Explanation(
        bid_hash=bid_hash,
        matched=bool(chosen),
        reason=_reason(placed.bid.max_price, placed.bid.replicas, chosen, others, obstacles)
        + (_IGNORED if result.problem.steering.ignored[index] else ""),
        rent_reason=_rent_reason(chosen),
        chosen=chosen,
        runners_up=tuple(others[:MAX_ALTERNATIVES]),
        obstacles=tuple(obstacles),
        suggestions=_suggestions(placed.bid.max_price, chosen, others, obstacles),
    )


def price_offer(max_price: int, ask: PlacedAsk, lines: Breakdown, rent: int) -> Offer:
    """An ask as a bid of `max_price` sees it; `rent` is that of all the units it would take, micro-USDC."""
    quote = lines.quote
    worth_from = quote.total + rent + lines.steering
    return Offer(
        ask_hash=ask.ask_hash,
        provider=ask.ask.provider,
        gpu=quote.gpu,
        vcpu=quote.vcpu,
        memory=quote.memory,
        fuel=quote.fuel,
        egress=quote.egress,
        quote=quote.total,
        rent=rent,
        price=quote.total + rent,
        idle=lines.idle,
        carbon=lines.carbon,
        latency=lines.latency,
        locality=lines.locality,
        data_transfer=lines.transfer,
        worth_from=worth_from,
        carbon_mg=lines.carbon_mg,
        within_max_price=worth_from <= max_price,
    )


def _reason(
    max_price: int, replicas: int, chosen: tuple[Offer, ...], others: list[Offer], obstacles: list[Obstacle]
) -> str:
    if chosen:
        prices = ", ".join(f"{format_usdc(offer.price)} USDC" for offer in chosen)
        return f"Matched: {len(chosen)} of {replicas} wanted, at {prices}."
    if not others and not obstacles:
        return "Not matched: nobody offers anything at the moment."
    if not others:
        names = sorted({fact["name"] for obstacle in obstacles for fact in obstacle.constraints})
        return f"Not matched: no node can serve this job ({', '.join(names)})."
    providers = len({offer.provider for offer in others})
    if providers < replicas:
        return (
            f"Not matched: its {replicas} replicas need as many providers and start together or not at all;"
            f" {providers} could serve it."
        )
    if not any(offer.within_max_price for offer in others):
        if others[0].price <= max_price:
            weight = others[0].worth_from - others[0].price
            return (
                f"Not matched: the best node costs {format_usdc(others[0].price)} USDC, and your own preferences "
                f"and the capacity left idle weigh {format_usdc(weight)} USDC more there: together more "
                f"than the {format_usdc(max_price)} USDC that the bid allows."
            )
        return (
            f"Not matched: the lowest price that would have won is {format_usdc(others[0].worth_from)} USDC, "
            f"the bid allows {format_usdc(max_price)} USDC."
        )
    return "Not matched: every node it could use went to bids worth more."


def _rent_reason(chosen: tuple[Offer, ...]) -> str:
    if not chosen:
        return ""
    rent = max(offer.rent for offer in chosen)
    if rent == 0:
        return (
            "The scarcity rent is 0: no other bid of the round competed for this capacity, so what the provider's own "
            "rates come to is the whole price."
        )
    return (
        f"The scarcity rent is {format_usdc(rent)} USDC: other bids wanted the same capacity, and this is the least at "
        "which none of them would rather have it."
    )


def _suggestions(
    max_price: int, chosen: tuple[Offer, ...], others: list[Offer], obstacles: list[Obstacle]
) -> tuple[str, ...]:
    if chosen:
        return ()
    found = []
    if others and others[0].worth_from > max_price:
        found.append(f"Raise the maximum price to {format_usdc(others[0].worth_from)} USDC.")
    single = [obstacle.constraints[0] for obstacle in obstacles if len(obstacle.constraints) == 1]
    for fact in {fact["name"]: fact for fact in single}.values():
        found.append(f"Relax {fact['name']}: you ask for {fact['needed']}, a node offers {fact['offered']}.")
    return tuple(found)
