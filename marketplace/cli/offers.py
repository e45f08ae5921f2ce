"""What a quote says, for a person: who can run it, at which price, and what stands in the others' way."""

import re
from collections import Counter
from typing import Any

from rich.console import Console
from rich.markup import escape

from marketplace.cli.lines import grams_text, print_lines, steering_of
from marketplace.cli.output import amount, fuel_speed, short, table, usdc
from marketplace.protocol.units import format_usdc

_PRICE = re.compile(r"price: (\d+) micro-USDC, above the cap of (\d+)")
"""How the market says that a node's price is above the cap."""
_WORTH = re.compile(
    r"worth: (\d+) and (\d+) micro-USDC that preferences and idle capacity weigh, above the cap of (\d+)"
)
"""How it says so of a price that is not, but what steers besides."""


def feasible(offers: dict[str, Any]) -> list[dict[str, Any]]:
    """Offers that can run the job, first those that the auction would prefer: by price and what steers besides."""
    return sorted(
        (each for each in offers["offers"] if each["feasible"]),
        key=lambda each: int(each["quote"]["total"]) + steering_of(each["quote"]),
    )


def price_now(offers: dict[str, Any]) -> int | None:
    """What one replica would lock if the round closed now, micro-USDC; None where nobody can run it."""
    return int(offers["price"]) if offers.get("price") is not None else None


def reasons_against(offers: dict[str, Any]) -> list[str]:
    """Why the other nodes cannot, each reason once, with how many have it."""
    unable = [each for each in offers["offers"] if not each["feasible"]]
    counts = Counter(
        plain_reason(reason) for each in unable for reason in each["reasons"] if not _PRICE.fullmatch(reason)
    )
    found = [reason if count == len(unable) else f"{reason} ({count} of them)" for reason, count in counts.items()]
    above = prices_above_cap(offers)
    if above:
        first, last = (format_usdc(price) for price, _ in (above[0], above[-1]))
        prices = first if first == last else f"{first} to {last}"
        found.append(f"price: {prices} USDC, above your cap of {usdc(above[0][1])}")
    return found


def prices_above_cap(offers: dict[str, Any]) -> list[tuple[int, int]]:
    """(price, cap) of those that would run it for more than the cap, cheapest first; micro-USDC."""
    alone = [each["reasons"][0] for each in offers["offers"] if len(each["reasons"]) == 1]
    return sorted((int(found[1]), int(found[2])) for found in map(_PRICE.fullmatch, alone) if found)


def print_offers(offers: dict[str, Any], console: Console) -> None:
    """The offers as a table: what each node would charge for everything reserved; the best one line by line."""
    able = feasible(offers)
    steers = any(steering_of(each["quote"]) for each in offers["offers"])
    numbers = ("machine", "fuel", "data", "at most", *(["steers"] if steers else []), "g CO2e")
    shown = table("provider", "node", *numbers, "", title="Offers, amounts in USDC", right=numbers)
    for each in able:
        mark = "← best" if each is able[0] else ""
        shown.add_row(short(each["provider"]), _node(each), *_amounts(each["quote"], steers), mark)
    for each in (each for each in offers["offers"] if not each["feasible"]):
        too_dear = all(_PRICE.fullmatch(one) or _WORTH.fullmatch(one) for one in each["reasons"])
        why = "above your cap" if too_dear else escape("; ".join(map(plain_reason, each["reasons"])))
        amounts = _amounts(each["quote"], steers) if too_dear else "—" * len(numbers)
        shown.add_row(short(each["provider"]), _node(each), *amounts, why, style="dim")
    if offers["offers"]:
        console.print(shown)
    else:
        console.print("No provider offers anything here at the moment.")
    if able:
        console.print()
        print_lines(able[0]["quote"], console)
    price = price_now(offers)
    if price is not None:
        console.print(
            f"\nPrice now: [b]{usdc(price)}[/b] for everything reserved; what the job does not use is not charged."
        )
    elif offers["offers"]:
        console.print("\nNobody can run this now, as the last column says.")


def plain_reason(reason: str) -> str:
    """A reason of the clearing without its brackets, money with its unit."""
    stake = re.fullmatch(r"stake: (\d+) needed, (-?\d+) offered", reason)
    if stake:
        return f"stake: {usdc(stake[1])} needed to cover the cap, {usdc(stake[2])} free"
    price = _PRICE.fullmatch(reason)
    if price:
        return f"price: {usdc(price[1])}, above your cap of {usdc(price[2])}"
    worth = _WORTH.fullmatch(reason)
    if worth:
        return f"price: {usdc(worth[1])}, and {usdc(worth[2])} that steer: above your cap of {usdc(worth[3])}"
    return reason.replace("[]", "none").replace("['", "").replace("']", "").replace("', '", ", ")


def _amounts(quote: dict[str, Any], steers: bool) -> list[str]:
    machine = int(quote["gpu"]) + int(quote["vcpu"]) + int(quote["memory"])
    amounts = [amount(each) for each in (machine, quote["fuel"], quote["egress"], quote["total"])]
    return [*amounts, *([amount(steering_of(quote))] if steers else []), grams_text(quote)]


def _node(offer: dict[str, Any]) -> str:
    parts = [offer.get("region"), f"{offer['vcpus']} vCPU" if offer.get("vcpus") else None]
    speed = fuel_speed(offer.get("benchmark"))
    parts.append(f"{speed} Gfuel/s" if speed else None)
    return ", ".join(str(part) for part in parts if part) or "—"
