"""An explanation of the auction's decision about one bid, for a person."""

from typing import Any

from rich.console import Console
from rich.markup import escape

from marketplace.cli.offers import plain_reason
from marketplace.cli.output import amount, short, table

CONSTRAINTS = {
    "cpuFeatures": "CPU features",
    "vcpus": "vCPUs",
    "memoryMb": "MB of memory",
    "diskMb": "MB of disk",
    "gpus": "GPUs",
    "carbon": "g CO2 per kWh",
    "reputation": "settled leases",
    "deadline": "end of the run (unix time)",
    "distinctProvider": "distinct providers",
    "stake": "stake in micro-USDC",
}
"""Constraint names of the clearing as a person says them."""


def obstacle_text(obstacle: dict[str, Any]) -> str:
    """What stands in one node's way: `vCPUs: 8 needed, 2 offered`."""
    return "; ".join(_constraint_text(each) for each in obstacle["constraints"])


def print_explanation(found: dict[str, Any], console: Console) -> None:
    """Why matched or not, at which price, who else could have, who could not, what would help."""
    console.print(escape(str(found["reason"])), style="bold")
    numbers = ("machine", "fuel", "data", "rent", "price")
    offers = [*found.get("chosen", ()), *found.get("runners_up", ())]
    if offers:
        shown = table("provider", *numbers, "", title="Who could, amounts in USDC", right=numbers)
        for each in offers:
            amounts = (
                int(each["gpu"]) + int(each["vcpu"]) + int(each["memory"]),
                each["fuel"],
                each["egress"],
                each["rent"],
                each["price"],
            )
            mark = "← chosen" if each in found["chosen"] else ("" if each["within_max_price"] else "above your cap")
            shown.add_row(short(each["provider"]), *map(amount, amounts), mark)
        console.print()
        console.print(shown)
    if found.get("obstacles"):
        shown = table("provider", "what stands in the way", title="Who could not")
        for each in found["obstacles"]:
            shown.add_row(short(each["provider"]), escape(obstacle_text(each)))
        console.print()
        console.print(shown)
    for suggestion in found.get("suggestions", ()):
        console.print(f"→ {escape(plain_reason(suggestion))}", style="cyan")


def _constraint_text(constraint: dict[str, Any]) -> str:
    name = CONSTRAINTS.get(constraint["name"], constraint["name"])
    return f"{name}: {_plain(constraint['needed'])} needed, {_plain(constraint['offered'])} offered"


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "/".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
