"""Public facts on regions that price what nobody charges: latency, transfer prices, grid intensity, power.

Everything is an integer. A round's transcript names these tables by `digest`: with others it does not verify.
"""

from functools import cache
from typing import NamedTuple

from marketplace.domain.atlas import places, power, transfer
from marketplace.protocol.canonical import json_digest

WITHIN_MS = 2
"""Within a region, also one that the tables lack."""
UNKNOWN_MS = 500
"""Beyond every time in the table: what a place that nobody knows is taken to be away, where time has a price."""


class Region(NamedTuple):
    """Where a region is: its cloud, empty for none, and the metropolitan area."""

    cloud: str
    metro: str


@cache
def _regions() -> dict[str, Region]:
    named = {
        name: Region(cloud, metro)
        for cloud, listed in places.REGIONS.items()
        for name, _, metro in (entry.partition(":") for entry in listed.split())
    }
    return {metro: Region("", metro) for metro in places.METROS} | named


@cache
def _round_trips() -> dict[tuple[str, str], int]:
    names = list(places.METROS)
    pairs = ((a, b) for i, a in enumerate(names) for b in names[: i + 1])
    half = dict(zip(pairs, map(int, places.ROUND_TRIPS.split()), strict=True))
    return half | {(b, a): ms for (a, b), ms in half.items()}


def find_region(name: str) -> Region | None:
    """The region of this name, None where the tables do not have it."""
    return _regions().get(name)


def latency_ms(one: str, other: str) -> int | None:
    """Milliseconds there and back between two regions by name; None where the tables lack one of them."""
    if one == other:
        return WITHIN_MS
    a, b = find_region(one), find_region(other)
    return None if a is None or b is None else _round_trips()[a.metro, b.metro]


def transfer_price(source: str, target: str) -> int:
    """What a cloud takes to move a GB from one region to another, micro-USDC."""
    return 0 if source == target else transfer.transfer_price(find_region(source), find_region(target))


def grid_intensity(region: str) -> int | None:
    """Grams of CO2e a kWh of the region's grid, None where nobody knows."""
    found = find_region(region)
    return places.METROS[found.metro][2] if found else None


@cache
def dirtiest_grid() -> int:
    """The greatest intensity of the table."""
    return max(grams for _, _, grams in places.METROS.values())


def pue_per_mille(region: str) -> int:
    """Watts that a data centre there draws for a thousand of its machines."""
    found = find_region(region)
    return power.PUE_PER_MILLE.get(found.cloud if found else "", power.PUE_ELSEWHERE)


@cache
def digest() -> str:
    """The name of all these tables."""
    return json_digest(
        {
            "regions": {name: list(region) for name, region in _regions().items()},
            "intensities": {name: grams for name, (_, _, grams) in places.METROS.items()},
            "roundTrips": places.ROUND_TRIPS.split(),
            "transfer": {cloud: list(prices) for cloud, prices in transfer.LISTS.items()},
            "gpuWatts": power.GPU_WATTS,
            "vcpuMilliwatts": power.VCPU_MILLIWATTS,
            "memoryMilliwattsPerGb": power.MEMORY_MILLIWATTS_PER_GB,
            "pue": power.PUE_PER_MILLE | {"": power.PUE_ELSEWHERE},
            "withinMs": WITHIN_MS,
            "unknownMs": UNKNOWN_MS,
        }
    )
