"""`--need` and `--prefer` of `hive quote` and `hive run`: what a node must be, and what a renter would rather have."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marketplace.errors import InputError
from marketplace.protocol.units import parse_usdc

if TYPE_CHECKING:
    from marketplace.protocol.jobspec import Requirements
    from marketplace.protocol.preferences import Preferences

NEEDS = {
    "arch": ("architectures", "x86_64"),
    "cpu": ("cpuFeatures", "avx2"),
    "gpu": ("gpuModels", "NVIDIA L4"),
    "privacy": ("privacyZones", "eu-gdpr"),
    "tee": ("tees", "tdx"),
    "zone": ("zones", "a"),
    "rack": ("racks", "7"),
}
"""Lists: each use adds one. Of `privacy` and `cpu` a node needs all, of the others one."""
NUMBERS = {
    "carbon": ("maxCarbonGramsPerKwh", "100"),
    "disk": ("minDiskMb", "10000"),
    "gpu-memory": ("minGpuMemoryMb", "40000"),
    "settled": ("minSettledLeases", "10"),
}
WISHES = {
    "carbon": "carbon=0.10, USDC for a kg of CO2e",
    "latency": "latency=REGION:0.0001, USDC for a millisecond",
    "zone": "zone=NAME:0.02, USDC",
    "rack": "rack=NAME:0.02, USDC",
    "data": "data=REGION:5000, MB that lie there",
}
NeedOption = Annotated[
    list[str] | None,
    typer.Option(
        "--need",
        help="What a node must have: "
        + ", ".join(f"{name}={example}" for name, (_, example) in (NEEDS | NUMBERS).items())
        + ", latency=REGION:30 (ms), mig (a part of a GPU will do); may be repeated.",
    ),
]
PreferOption = Annotated[
    list[str] | None,
    typer.Option(
        "--prefer",
        help="What is worth something to you and is never charged: "
        + "; ".join(WISHES.values())
        + "; may be repeated.",
    ),
]


def parse_needs(given: Sequence[str] | None, regions: Sequence[str] | None) -> "Requirements":
    """Requirements from `NAME=VALUE`. Raises InputError naming the one that is wrong, and what is known."""
    from marketplace.protocol.jobspec import Requirements

    document: dict[str, Any] = {"regions": list(regions or ())}
    for entry in given or ():
        name, _, value = entry.partition("=")
        if name == "mig" and not value:
            document["mig"] = True
        elif name == "latency":
            region, number = _pair("--need", entry, value, "latency=REGION:30")
            limit = {"fromRegion": region, "maxMs": _integer("--need", entry, number)}
            document.setdefault("maxLatency", []).append(limit)
        elif name in NEEDS and value:
            document.setdefault(NEEDS[name][0], []).append(value)
        elif name in NUMBERS and value:
            document[NUMBERS[name][0]] = _integer("--need", entry, value)
        else:
            known = ", ".join([*NEEDS, *NUMBERS, "latency", "mig"])
            raise InputError(f"--need {entry!r} is nothing that a node can have.", hint=f"NAME=VALUE, of {known}.")
    return _checked(Requirements, document, "--need")


def parse_preferences(given: Sequence[str] | None) -> "Preferences":
    """Preferences from `NAME=VALUE`. Raises InputError naming the one that is wrong, and what is known."""
    from marketplace.protocol.preferences import Preferences

    document: dict[str, Any] = {}
    for entry in given or ():
        name, _, value = entry.partition("=")
        if name not in WISHES or not value:
            raise InputError(f"--prefer {entry!r} is no preference.", hint=f"One of {'; '.join(WISHES.values())}.")
        if name == "carbon":
            document["carbonPricePerKg"] = parse_usdc(value)
            continue
        place, number = _pair("--prefer", entry, value, WISHES[name])
        if name == "data":
            wish = {"region": place, "mb": _integer("--prefer", entry, number)}
        elif name == "latency":
            wish = {"fromRegion": place, "pricePerMs": parse_usdc(number)}
        else:
            wish = {name: place, "worth": parse_usdc(number)}
        document.setdefault({"zone": "locality", "rack": "locality"}.get(name, name), []).append(wish)
    return _checked(Preferences, document, "--prefer")


def _pair(option: str, entry: str, value: str, example: str) -> tuple[str, str]:
    first, colon, second = value.rpartition(":")
    if not colon or not first or not second:
        raise InputError(f"{option} {entry!r} lacks a part.", hint=f"Expected {example}.")
    return first, second


def _integer(option: str, entry: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise InputError(f"{option} {entry!r}: {text!r} is not a whole number.")
    return int(text)


def _checked(kind: "type[Requirements] | type[Preferences]", document: dict[str, Any], option: str) -> Any:
    try:
        return kind.model_validate(document)
    except ValueError as error:
        first = error.errors(include_url=False)[0]  # type: ignore[attr-defined]
        raise InputError(f"{option}: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error
