"""Seeded markets of any size, as the engine's tables: shapes of jobs from a production trace where it is at hand.

GPU models, their memory and price levels are those of public rental catalogues (USD an hour); what nodes can do and
what jobs ask for besides is drawn. About a tenth of all pairs are feasible.
"""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marketplace.clearing.engine.bounds import EVERYWHERE
from marketplace.clearing.engine.tables import (
    DIVISORS,
    AskTable,
    BidTable,
    Tables,
    Terms,
    lay_out,
    make_bids,
)
from scripts.toolchain import ROOT

USDC = 1_000_000
DATA = Path(os.environ.get("HIVE_BENCH_DATA", ROOT.parent / "shared" / "data"))
"""Where the trace lies, if it does: `openb_pod_list_default.csv` of hkust-adsl/kubernetes-scheduler-simulator."""
PODS = "openb_pod_list_default.csv"
MODELS = (
    # name, share of nodes, memory GB, USD an hour
    ("none", 0.18, 0, 0.0), ("T4", 0.08, 16, 0.12), ("P100", 0.04, 16, 0.10), ("V100-16", 0.05, 16, 0.15),
    ("V100-32", 0.05, 32, 0.25), ("A10", 0.06, 24, 0.22), ("L4", 0.06, 24, 0.30), ("RTX3090", 0.09, 24, 0.17),
    ("RTX4090", 0.12, 24, 0.38), ("A40", 0.03, 48, 0.40), ("L40S", 0.05, 48, 0.60), ("A100-40", 0.03, 40, 0.75),
    ("A100-80", 0.06, 80, 1.10), ("H100", 0.06, 80, 2.00), ("H200", 0.02, 141, 2.60), ("RTX5090", 0.02, 32, 0.48),
)  # fmt: skip
COUNTS = (1, 2, 4, 8)
REGIONS, EUROPE, AMERICA = 40, 16, 28
"""Regions below `EUROPE` are European, below `AMERICA` American, the others elsewhere."""
FEATURES = (1.0, 0.7, 0.35, 0.25, 0.6, 0.3)
"""Share of nodes with each of six abilities: containers, gVisor, microVMs, TEE, AVX-512, NVLink."""
WANTED = (1.0, 0.3, 0.1, 0.06, 0.1, 0.0)
"""Share of jobs that need them."""
_SLOT_VCPUS = 8
_KITS = len(MODELS) * len(COUNTS)
_KIT_AT, _REGION_AT = 8, 8 + _KITS
_WORDS = -(-(_REGION_AT + REGIONS) // 32)


@dataclass(frozen=True)
class Market:
    """Bids and asks by columns, and laid out; `source` says where the shapes of jobs come from."""

    asks: AskTable
    kit: np.ndarray
    bids: BidTable
    source: str

    def lay_out(self) -> Tables:
        """What a round begins with."""
        typical = np.maximum(1, (self.bids.weights.astype(np.float64).mean(axis=0) * 1_000).astype(np.int64))
        none = np.zeros((1, REGIONS), dtype=np.int64)
        return Tables(*lay_out(self.kit, self.asks, typical), self.bids, Terms(none, 0))


def draw_market(seed: int, bids: int, asks: int, *, units: int = 1, in_slots: bool = False) -> Market:
    """A heterogeneous market: each ask is of one to `units` equal machines, or of one `in_slots` of a GPU or 8 vCPUs,
    of which a job takes as many as it needs."""
    draw = np.random.default_rng(seed)
    kit, table = _draw_asks(draw, asks, units, in_slots)
    shapes, source = _shapes(draw, bids)
    return Market(table, kit, _draw_bids(draw, *shapes), source)


def _draw_asks(draw: np.random.Generator, count: int, units: int, in_slots: bool) -> tuple[np.ndarray, AskTable]:
    share = np.array([model[1] for model in MODELS])
    model = draw.choice(len(MODELS), count, p=share / share.sum())
    size = np.where(model == 0, 0, draw.choice(len(COUNTS), count, p=[0.45, 0.2, 0.15, 0.2]))
    gpus = np.where(model == 0, 0, np.array(COUNTS)[size])
    vcpus = np.where(
        model == 0, draw.choice([8, 16, 32, 64, 128], count), np.maximum(8, gpus * draw.choice([8, 12, 16, 24], count))
    )
    memory_mb = vcpus * draw.choice([2, 4, 8], count, p=[0.2, 0.5, 0.3]) * 1_000
    region = draw.choice(REGIONS, count, p=draw.dirichlet(np.full(REGIONS, 2.0)))
    rates = [
        np.array([model[3] for model in MODELS])[model] * draw.lognormal(0, 0.25, count),
        0.012 * draw.lognormal(0, 0.3, count),
        0.002 * draw.lognormal(0, 0.3, count),
        np.zeros(count),
        draw.choice([0.0, 0.01, 0.05, 0.09], count),
        np.zeros(count),
    ]
    bits = np.zeros((count, _WORDS), dtype=np.uint32)
    for feature, with_it in enumerate(FEATURES):
        _set(bits, draw.random(count) >= with_it, feature)
    slots = np.where(gpus > 0, gpus, vcpus // _SLOT_VCPUS) if in_slots else np.ones(count, dtype=np.int64)
    alike = draw.integers(1, units + 1, count)
    kit = model * len(COUNTS) + size
    for number in range(_KITS):
        _set(bits, kit == number, _KIT_AT + number)
    for number in range(REGIONS):
        _set(bits, region == number, _REGION_AT + number)
    return kit, AskTable(
        rates=(np.stack(rates) * USDC).astype(np.int64),
        minimum=np.zeros(count, dtype=np.int64),
        share=np.stack([vcpus, memory_mb, gpus]).astype(np.int64) // slots,
        numbers=(draw.beta(8, 2, count) * 1_000).astype(np.int32)[None],
        bits=np.ascontiguousarray(bits.T),
        place=region.astype(np.int32),
        provider=np.arange(count, dtype=np.int32),
        capacity=slots if in_slots else alike,
        stake=np.full(count, 1 << 60),
    )


def _set(bits: np.ndarray, which: np.ndarray, number: int) -> None:
    bits[which, number // 32] |= np.uint32(1 << number % 32)


Shapes = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""GPUs, vCPUs, MB and seconds of jobs."""


def _shapes(draw: np.random.Generator, count: int) -> tuple[Shapes, str]:
    if not (DATA / PODS).exists():
        gpus = draw.choice([0, 1, 2, 4, 8], count, p=[0.13, 0.8, 0.03, 0.02, 0.02])
        vcpus = draw.integers(1, 13, count) * np.maximum(1, gpus)
        return (
            gpus,
            vcpus,
            vcpus * draw.integers(1, 7, count) * 1_000,
            _bounded(draw.lognormal(6.5, 2, count)),
        ), "drawn"
    with (DATA / PODS).open() as file:
        pods = list(csv.DictReader(file))
    ended = [pod for pod in pods if pod["scheduled_time"] and pod["deletion_time"]]
    picked, lasted = (draw.integers(0, len(some), count) for some in (pods, ended))
    gpus = np.array([int(pod["num_gpu"]) for pod in pods])[picked]
    vcpus = np.array([-(-int(pod["cpu_milli"]) // 1_000) for pod in pods])[picked]
    memory = np.array([int(pod["memory_mib"]) for pod in pods])[picked]
    seconds = np.array([float(pod["deletion_time"]) - float(pod["scheduled_time"]) for pod in ended])[lasted]
    vcpus = np.minimum(np.maximum(vcpus, 1), np.where(gpus > 0, gpus * 16, 64))
    memory = np.minimum(np.maximum(memory, 512), vcpus * 6_000)
    return (gpus, vcpus, memory, _bounded(seconds)), f"{PODS} of Alibaba's GPU trace of 2023"


def _bounded(seconds: np.ndarray) -> np.ndarray:
    return np.clip(seconds, 60, 72 * 3_600).astype(np.int64)


def _draw_bids(
    draw: np.random.Generator, gpus: np.ndarray, vcpus: np.ndarray, memory_mb: np.ndarray, seconds: np.ndarray
) -> BidTable:
    count = len(gpus)
    egress_mb = np.where(draw.random(count) < 0.5, draw.lognormal(0, 1.3, count) * 1_000, 0).astype(np.int64)
    amounts = np.stack(
        [gpus * seconds, vcpus * seconds, memory_mb * seconds, np.zeros_like(gpus), egress_mb, seconds], axis=1
    ).astype(np.int64)
    hours = seconds / 3_600
    typical = hours * (gpus * 0.33 + vcpus * 0.012 + memory_mb / 1_000 * 0.002) + egress_mb / 1_000 * 0.03
    forbidden, places = _draw_wants(draw, gpus)
    reputation = np.where(draw.random(count) < 0.5, draw.choice([500, 700, 800, 900], count), 0)
    return make_bids(
        whole=amounts // DIVISORS,
        part=amounts % DIVISORS,
        limit=(typical * 1.25 * draw.lognormal(0, 0.6, count) * USDC).astype(np.int64),
        wanted=np.stack([vcpus, memory_mb, gpus], axis=1),
        needs=reputation[:, None],
        forbidden=forbidden,
        places=places,
    )


def _draw_wants(draw: np.random.Generator, gpus: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Models, memory, abilities and regions that jobs insist on: what they forbid, and where they may go."""
    count = len(gpus)
    share = np.array([model[1] for model in MODELS])[1:]
    memory = np.array([model[2] for model in MODELS])
    any_model = (draw.random(count) < 0.6) | (gpus == 0)
    named = np.zeros((count, len(MODELS)), dtype=bool)
    named[np.arange(count)[:, None], draw.choice(np.arange(1, len(MODELS)), (count, 3), p=share / share.sum())] = True
    named[any_model] = True
    least = np.minimum(
        np.where(gpus > 0, draw.choice([8, 16, 24, 40, 80], count, p=[0.25, 0.3, 0.25, 0.1, 0.1]), 0),
        np.where(named, memory, 0).max(axis=1),
    )
    forbidden = np.zeros((count, _WORDS), dtype=np.uint32)
    for feature, wanted in enumerate(WANTED):
        _set(forbidden, draw.random(count) < wanted, feature)
    for kit in range(_KITS):
        model, size = divmod(kit, len(COUNTS))
        has = COUNTS[size] if model else 0
        _set(forbidden, ~named[:, model] | (gpus > has) | ((gpus > 0) & (memory[model] < least)), _KIT_AT + kit)
    kind, home = draw.random(count), draw.integers(0, REGIONS, count)
    places = np.zeros(count, dtype=np.uint64)
    for region in range(REGIONS):
        fits = (kind >= 0.4) | ((kind < 0.15) & (region < EUROPE))
        fits |= (kind >= 0.15) & (kind < 0.25) & (EUROPE <= region < AMERICA)
        fits |= (kind >= 0.25) & (kind < 0.32) & (region >= AMERICA)
        fits |= (kind >= 0.32) & (kind < 0.4) & (region == home)
        _set(forbidden, ~fits, _REGION_AT + region)
        places |= np.where(fits, np.uint64(1 << region), np.uint64(0))
    return forbidden, np.where(kind >= 0.4, EVERYWHERE, places)
