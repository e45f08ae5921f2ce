"""What a quote says, for a person: who can run it, at which price, and what stands in the others' way."""

import re
from typing import Any

from rich.console import Console
from rich.markup import escape

from marketplace.cli.output import amount, short, table, usdc


def feasible(offers: dict[str, Any]) -> list[dict[str, Any]]:
    """Offers that can run the job, cheapest first."""
    return sorted((each for each in offers["offers"] if each["feasible"]), key=lambda each: int(each["quote"]["total"]))


def price_now(offers: dict[str, Any]) -> int | None:
    """What one replica would lock if the round closed now, micro-USDC; None where nobody can run it."""
    return int(offers["price"]) if offers.get("price") is not None else None


def reasons_against(offers: dict[str, Any]) -> list[str]:
    """Why the other nodes cannot, each reason once."""
    found = (reason for each in offers["offers"] if not each["feasible"] for reason in each["reasons"])
    return list(dict.fromkeys(map(plain_reason, found)))


def print_offers(offers: dict[str, Any], console: Console) -> None:
    """The offers as a table: what each node would charge for everything reserved."""
    able = feasible(offers)
    numbers = ("machine", "fuel", "data", "at most")
    shown = table("provider", "node", *numbers, "", title="Offers, amounts in USDC", right=numbers)
    for each in able:
        quote = each["quote"]
        machine = int(quote["gpu"]) + int(quote["vcpu"]) + int(quote["memory"])
        amounts = map(amount, (machine, quote["fuel"], quote["egress"], quote["total"]))
        shown.add_row(short(each["provider"]), _node(each), *amounts, "← best" if each is able[0] else "")
    for each in (each for each in offers["offers"] if not each["feasible"]):
        why = escape("; ".join(map(plain_reason, each["reasons"])))
        shown.add_row(short(each["provider"]), _node(each), *"————", why, style="dim")
    if offers["offers"]:
        console.print(shown)
    else:
        console.print("No provider offers anything here at the moment.")
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
    return reason.replace("[]", "none").replace("['", "").replace("']", "").replace("', '", ", ")


def _node(offer: dict[str, Any]) -> str:
    parts = [offer.get("region"), f"{offer['vcpus']} vCPU" if offer.get("vcpus") else None]
    return ", ".join(str(part) for part in parts if part) or "—"
