"""A quote line by line, for a person: Formula 4.1, what is charged and what only steers."""

from typing import Any

from rich.console import Console
from rich.markup import escape

from marketplace.cli.output import amount, table

_STEERS = (
    ("carbon", "carbon"),
    ("latency", "latency"),
    ("locality", "being elsewhere"),
    ("dataTransfer", "your cloud, for your data"),
)
"""Preferences, and what a person calls them."""


def steering_of(quote: dict[str, Any]) -> int:
    """What the auction adds to a price when it compares nodes, micro-USDC."""
    return int(quote.get("steering", {}).get("total", 0))


def grams_text(quote: dict[str, Any]) -> str:
    """Grams of CO2e that the job would cause there, in full time."""
    if "carbonMg" not in quote:
        return "—"
    grams = int(quote["carbonMg"]) / 1_000
    return f"{grams:.3g}" if grams < 100 else f"{grams:,.0f}"


def print_lines(quote: dict[str, Any], console: Console) -> None:
    """What an offer comes to: each line that is not zero, and its parts."""
    shown = table("", "the best, line by line", "USDC", "", right=("USDC",))
    shown.add_row("C_comp", "compute", amount(_compute(quote)), _parts(quote))
    shown.add_row("C_data", "data sent out", amount(quote["egress"]), "")
    if int(quote.get("minimumTopup", 0)):
        shown.add_row("", "up to the least charge", amount(quote["minimumTopup"]), "")
    shown.add_row(
        "", "[b]all that is reserved[/b]", f"[b]{amount(quote['total'])}[/b]", "and the rent, where nodes are scarce"
    )
    steering = quote.get("steering", {})
    if int(steering.get("cIdle", 0)):
        shown.add_row("C_idle", "capacity left idle", amount(steering["cIdle"]), "steers, is never charged")
    for name, words in _STEERS:
        if int(steering.get(name, 0)):
            shown.add_row("", words, amount(steering[name]), f"steers, is never charged{_fact(name, quote)}")
    console.print(shown)


def _compute(quote: dict[str, Any]) -> int:
    return sum(int(quote[name]) for name in ("gpu", "vcpu", "memory", "fuel"))


def _parts(quote: dict[str, Any]) -> str:
    names = (("gpu", "GPUs"), ("vcpu", "vCPUs"), ("memory", "memory"), ("fuel", "fuel"))
    return ", ".join(f"{words} {amount(quote[name])}" for name, words in names if int(quote[name]))


def _fact(name: str, quote: dict[str, Any]) -> str:
    if name == "carbon":
        return f": {grams_text(quote)} g CO2e"
    if name == "latency":
        times = {region: "unknown" if ms is None else f"{ms} ms" for region, ms in quote["latencyMs"].items()}
        return ": " + escape(", ".join(f"{ms} from {region}" for region, ms in times.items()))
    return ""
