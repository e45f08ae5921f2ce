"""The market: is it there, is it of the same chain, what does it sell at, and what time does it think it is."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from statistics import median
from typing import Any

import httpx

from agent.doctor.finding import Finding, failed, warned, well
from marketplace.client import MarketClient
from marketplace.errors import MalformedMessage, MarketError
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.messages import Bid
from marketplace.protocol.metering import Rates, Resources, compute_quote
from marketplace.protocol.units import format_usdc

MAX_CLOCK_SKEW_SECONDS = 60
LOOK_BACK_ROUNDS = 100
"""Of the latest rounds, those are looked for in which something was sold."""
TRANSCRIPTS = 3
"""So many of them are read: each has the whole book."""
_TIMEOUT = 5
_NTP = "Set the clock (NTP): orders, heartbeats and deadlines are judged by it."


@dataclass(frozen=True, slots=True)
class Sale:
    """A bid that a round matched: what it reserved, and its price, micro-USDC."""

    resources: Resources
    price: int


@dataclass(frozen=True, slots=True)
class MarketView:
    """What the market told."""

    url: str
    health: dict[str, Any]
    skew: float | None
    """Seconds that this machine's clock is ahead of the market's (negative: behind); None where it does not say."""
    sales: tuple[Sale, ...] = ()
    caps: tuple[int, ...] = ()
    """The most that each bid of the same rounds, sold or not, would pay, micro-USDC."""
    trouble: str = ""
    """Why sales and caps are not known; empty where they are."""
    judged: tuple[str, ...] | None = None
    """Sandboxes that enough oracles have, by digest; None where the market does not say."""


def look_at_market(url: str, clock: Callable[[], float]) -> MarketView:
    """Raises ServiceUnavailable where it does not answer, MalformedMessage where what answers is no market."""
    with MarketClient(url, timeout=_TIMEOUT) as client:
        health = client.health()
        try:
            int(health["chainId"]), str(health["escrow"])
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedMessage("the market's health", f"lacks or garbles {error}") from error
        view = MarketView(url, health, read_skew(client.base_url, clock), judged=_look_at_oracles(client))
        try:
            sales, caps = _look_at_rounds(client)
        except MarketError as error:
            return replace(view, trouble=error.message)
        return replace(view, sales=sales, caps=caps)


def _look_at_oracles(client: MarketClient) -> tuple[str, ...] | None:
    try:
        return tuple(map(str, client.oracle_members()["judgedSandboxes"]))
    except (MarketError, KeyError, TypeError):
        return None


def read_skew(url: str, clock: Callable[[], float]) -> float | None:
    """Seconds that `clock` is ahead of what the market writes into its answers; None where it writes nothing."""
    sent = clock()
    try:
        answer = httpx.get(f"{url}/health", timeout=_TIMEOUT)
        theirs = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (httpx.HTTPError, KeyError, ValueError):
        return None
    return (sent + clock()) / 2 - theirs


def _look_at_rounds(client: MarketClient) -> tuple[tuple[Sale, ...], tuple[int, ...]]:
    try:
        rounds = [each["number"] for each in client.rounds(limit=LOOK_BACK_ROUNDS) if each["matched"]]
        return read_sales([client.transcript(number) for number in rounds[:TRANSCRIPTS]])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedMessage("the market's rounds", f"lack or garble {error}") from error


def read_sales(transcripts: list[dict[str, Any]]) -> tuple[tuple[Sale, ...], tuple[int, ...]]:
    """What rounds sold, and the caps of all their bids. Raises KeyError, MalformedMessage."""
    sales: list[Sale] = []
    caps: dict[str, int] = {}
    for document in transcripts:
        bids = {bid.struct_hash(): bid for bid in (Bid.parse(one["bid"]) for one in document["bids"])}
        sales += [Sale(bids[one["bidHash"]].resources, int(one["price"])) for one in document["matches"]]
        caps |= {bid_hash: bid.max_price for bid_hash, bid in bids.items()}
    return tuple(sales), tuple(caps.values())


def check_market(view: MarketView, domain: Domain | None) -> Finding:
    """Whether it is of the chain and the contracts that this machine follows; `domain` None where those are unknown."""
    chain, escrow = int(view.health["chainId"]), str(view.health["escrow"])
    if domain is not None and chain != domain.chain_id:
        return failed("market", f"{view.url} is of chain {chain}, your address book of {domain.chain_id}", _OTHER)
    if domain is not None and escrow.lower() != domain.escrow.lower():
        return failed("market", f"{view.url} has the escrow {escrow}, your address book {domain.escrow}", _OTHER)
    if view.health.get("status") != "ok":
        return warned("market", f"{view.url} does not reach its chain", "Nothing can be leased until it does; wait.")
    return well("market", f"{view.url}, chain {chain}")


_OTHER = "Take the market of your contracts (--url), or the contracts of this market (--address-book)."


def check_market_clock(view: MarketView) -> Finding:
    """This machine's clock against the market's, both ways."""
    if view.skew is None:
        return well("clock of the market", "it does not say its time")
    ahead = round(view.skew)
    if abs(ahead) <= MAX_CLOCK_SKEW_SECONDS:
        return well("clock of the market", f"within {max(1, abs(ahead))} s")
    return failed("clock of the market", f"this machine is {abs(ahead)} s {'ahead' if ahead > 0 else 'behind'}", _NTP)


def check_rates(view: MarketView, rates: Rates, gpus: int) -> Finding:
    """What the latest rounds sold at, against what this machine would have asked for the same."""
    if view.trouble:
        return warned("rates", f"cannot be compared: {view.trouble}", "Try again; the market's rounds tell its prices.")
    sales = [sale for sale in view.sales if sale.resources.gpus <= gpus]
    if not sales:
        return well("rates", "no sale in the latest rounds to compare with")
    quotes = [compute_quote(rates, sale.resources).total for sale in sales]
    dearer = sum(quote > sale.price for quote, sale in zip(quotes, sales, strict=True))
    typical = format_usdc(round(median(sale.price for sale in sales)))
    own = format_usdc(round(median(quotes)))
    found = f"dearer than {dearer} of the last {len(sales)} sales: median {own} USDC, they {typical} USDC"
    if 2 * dearer > len(sales):
        return warned("rates", found, "Who asks more than rounds clear at gets nothing: lower them where you can.")
    return well("rates", found)


def check_judged(view: MarketView, own: str) -> Finding:
    """Whether the committee has this machine's sandbox; `own` is its digest, empty where it is not offered."""
    name = "oracles' sandbox"
    if not own:
        return well(name, "of no matter: no sandbox is offered here whose jobs are run again")
    if not view.judged:
        return well(name, "the market does not say of enough oracles which they have")
    if own in view.judged:
        return well(name, "enough of them have this machine's")
    theirs = ", ".join(digest[:10] for digest in view.judged)
    return warned(name, f"they have {theirs}, this machine {own[:10]}: it gets no jobs that are run again", _VERSIONS)


_VERSIONS = "Install the release that the oracles have; on another kind of processor offer what is not run again."


def examine_market(
    view: MarketView | MarketError, domain: Domain | None, rates: Rates, gpus: int, sandbox: str
) -> list[Finding]:
    """Every check of the market; one, failed, where it could not be looked at. `sandbox` is that of `check_judged`."""
    if isinstance(view, MarketError):
        return [failed("market", view.message, "Check the address (--url, COMPUTEHIVE_URL).")]
    return [
        check_market(view, domain),
        check_market_clock(view),
        check_judged(view, sandbox),
        check_rates(view, rates, gpus),
    ]
