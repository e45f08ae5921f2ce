"""Advice for a person. To a renter: chances at a price, and what to ask for less of. To a provider: what to ask."""

import shlex
from typing import Any

from rich.console import Console
from rich.markup import escape

from marketplace.cli.output import amount, clock_time, table, usdc

OPTIONS = {
    "requirements.regions": "--region",
    "network": "--network",
    "network.hosts": "--network",
    "memoryMb": "--memory",
    "vcpus": "--vcpus",
    "gpus": "--gpus",
    "maxPrice": "--max-price",
}
"""What options of `hive quote` and `hive run` change; the rest is said as fields of the job specification."""


def print_advice(found: dict[str, Any], console: Console) -> None:
    """How likely, at which price, and the cheapest changes."""
    console.print("\nAdvice", style="bold")
    console.print(_chances(found))
    levels = [level for level in found["levels"] if level["price"] is not None]
    if levels:
        shown = table("enough in", "USDC", right=("USDC",))
        for level in levels:
            shown.add_row(f"{level['share']:.0%} of rounds", amount(level["price"]))
        console.print(shown)
    for level in found["levels"]:
        if level["price"] is None and found["history"]["rounds"]:
            console.print(_unknown(level, found["history"]))
    if found["relaxations"]:
        console.print()
        console.print(_cheaper(found))
    else:
        console.print("Nothing that could be asked for less of would make it cheaper now.")


def _chances(found: dict[str, Any]) -> str:
    history, chance = found["history"], found["chance"]
    if not history["rounds"]:
        return "No round is recorded yet: nothing can be said about chances."
    span = f"the last {history['rounds']} rounds (since {clock_time(int(history['since']))})"
    if chance is None:
        return f"Nobody can run this now; in {history['servable']} of {span} somebody could have."
    return (
        f"{usdc(chance['price'])} would have been enough in {chance['filled']} of {span}:"
        f" between {chance['low']:.0%} and {chance['high']:.0%} of the time, if rounds go on like that."
    )


def _unknown(level: dict[str, Any], history: dict[str, Any]) -> str:
    share = f"{level['share']:.0%}"
    if history["rounds"] < level["roundsNeeded"]:
        return f"A price for {share} of rounds cannot be told from fewer than {level['roundsNeeded']} rounds."
    return f"No price would have been enough in {share} of rounds: nobody could have run it in the others."


def _cheaper(found: dict[str, Any]) -> Any:
    shown = table("change", "USDC", "saves", "say", title="What would make it cheaper", right=("USDC", "saves"))
    for each in found["relaxations"]:
        saving = "—"
        if each["saving"] is not None:
            saving = f"−{int(each['saving']) / int(found['price']):.1%}"
        says = " and ".join([each["says"][0], *(one[0].lower() + one[1:] for one in each["says"][1:])])
        shown.add_row(escape(says), amount(each["price"]), saving, escape(_typed(each["changes"])))
    return shown


def _typed(changes: dict[str, Any]) -> str:
    """What to type: options where there are any, else fields of the job specification."""
    return " ".join(_option(path, value) for path, value in changes.items())


def _option(path: str, value: Any) -> str:
    option = OPTIONS.get(path)
    if option is None:
        return f"{path} = {value!r}"
    if isinstance(value, list) or value is None:
        return " ".join(f"{option} {shlex.quote(str(each))}" for each in value or ()) or f"without {option}"
    return f"{option} {amount(value) if path == 'maxPrice' else value}"


RATE_NAMES = {"minimum": "minimum_charge"}
"""Settings of rates that are not called as the rate is."""


def print_markups(found: dict[str, Any], console: Console) -> None:
    """What each markup brought, and which to ask."""
    numbers = ("markup", "hours", "leases", "income an hour", "best", "cheaper asks")
    shown = table(*numbers, "", title="Your own leases, by markup on your rates; USDC above them", right=numbers)
    for each in found["markups"]:
        mark = "← advised" if each["markup"] == found["advised"] else ""
        shown.add_row(
            f"{each['markup']:g}", f"{each['hours']:.1f}", f"{each['leases']:.1f}", amount(each["income"]),
            f"{each['chanceBest']:.0%}", _cheaper_asks(each, found), mark,
        )  # fmt: skip
    console.print(shown)
    if all(each["income"] is None for each in found["markups"]):
        console.print(
            "\nNo markup has stood long enough yet: nothing is known, and your rates are advised as they are."
        )
    else:
        console.print(f"\n{found['advised']:g} times your rates has earned most of what was tried:")
        for name, rate in found["rates"].items():
            console.print(f"  COMPUTEHIVE_AGENT_{RATE_NAMES.get(name, f'{name}_rate').upper()}={rate}", soft_wrap=True)
    if found["automatic"]:
        console.print(f"The daemon chooses by itself (now {found['markup']:g}), never below your rates.")
    else:
        console.print(
            "COMPUTEHIVE_AGENT_AUTO_PRICE=true lets the daemon try markups by itself, never below your rates."
        )


def _cheaper_asks(each: dict[str, Any], found: dict[str, Any]) -> str:
    return "—" if each["cheaper"] is None else f"{each['cheaper']} of {found['asks']}"
