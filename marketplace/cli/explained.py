"""An explanation of the auction's decision about one bid, for a person."""

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.markup import escape

from marketplace.cli.offers import plain_reason
from marketplace.cli.output import amount, clock_time, short, table, usdc

CONSTRAINTS = {
    "cpuFeatures": "CPU features",
    "vcpus": "vCPUs",
    "memoryMb": "MB of memory",
    "diskMb": "MB of disk",
    "gpus": "GPUs",
    "freeGpus": "free GPUs",
    "carbon": "g CO2 per kWh",
    "latency": "latency",
    "privacyZones": "privacy zones",
    "privateJobs": "private jobs",
    "promisedSandbox": "promised sandbox",
    "tee": "trusted execution",
    "reputation": "settled leases",
    "deadline": "end of the run",
    "distinctProvider": "distinct providers",
    "stake": "stake",
}
"""Constraint names of the clearing as a person says them."""
SHOWN: dict[str, Callable[[Any], str]] = {"stake": usdc, "deadline": lambda seconds: clock_time(int(seconds))}
"""How their values are shown where they are not plain numbers and words."""


def obstacle_text(obstacle: dict[str, Any]) -> str:
    """What stands in one node's way: `vCPUs: 8 needed, 2 offered`."""
    return "; ".join(_constraint_text(each) for each in obstacle["constraints"])


def print_explanation(found: dict[str, Any], console: Console) -> None:
    """Why matched or not, at which price, who else could have, who could not, what would help."""
    console.print(escape(str(found["reason"])), style="bold")
    offers = [*found.get("chosen", ()), *found.get("runnersUp", ())]
    steers = any(map(_steering, offers))
    numbers = ("machine", "fuel", "data", "rent", "price", *(["steers"] if steers else []))
    if offers:
        shown = table("provider", *numbers, "", title="Who could, amounts in USDC", right=numbers)
        for each in offers:
            amounts = (
                int(each["gpu"]) + int(each["vcpu"]) + int(each["memory"]),
                each["fuel"],
                each["egress"],
                each["rent"],
                each["price"],
                *([_steering(each)] if steers else []),
            )
            mark = "← chosen" if each in found["chosen"] else ("" if each["withinMaxPrice"] else "above your cap")
            shown.add_row(short(each["provider"]), *map(amount, amounts), mark)
        console.print()
        console.print(shown)
    if found.get("rentReason"):
        console.print(f"\n{escape(found['rentReason'])}")
    if found.get("obstacles"):
        shown = table("provider", "what stands in the way", title="Who could not")
        for each in found["obstacles"]:
            shown.add_row(short(each["provider"]), escape(obstacle_text(each)))
        console.print()
        console.print(shown)
    for suggestion in found.get("suggestions", ()):
        console.print(f"→ {escape(plain_reason(suggestion))}", style="cyan")


def _steering(offer: dict[str, Any]) -> int:
    """What C_idle and the renter's preferences weigh there, micro-USDC: compared, never charged."""
    return int(offer.get("worthFrom", offer["price"])) - int(offer["price"])


def _constraint_text(constraint: dict[str, Any]) -> str:
    name = CONSTRAINTS.get(constraint["name"], constraint["name"])
    values = (constraint["needed"], constraint["offered"])
    needed, offered = map(SHOWN.get(constraint["name"], _plain), values)
    return f"{name}: {needed} needed, {offered} offered"


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "/".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
