"""The demand: jobs of a production trace in the order and at the times in which they came, and what each would cost
on demand in a single cloud.
"""

import csv
from dataclasses import dataclass, replace

import numpy as np

from scripts.bench.clearing.markets import DATA, PODS
from scripts.bench.tco.nodes import MODEL_OF
from scripts.bench.tco.offers import MODELS, REFERENCE, ZONES, Offer, watts_of

DAY_S = 24 * 3_600
STEADY_FROM_S = 9_600_000
"""The trace's last 38 days have all jobs but 19. They are replayed in a day; the 19 come at its start."""
LONGEST_S = DAY_S
"""Longer jobs are counted as this long."""
BATCH_WAITS_S = 6 * 3_600
"""How long best-effort jobs may wait where time is flexible."""
NAMES_MODELS = 0.338
"""Share of GPU jobs that name models: 2,388 of 7,064 in `openb_pod_list_gpuspec33.csv` of the same trace."""
NAMED = (
    ("T4", 1_291), ("G2", 331), ("P100", 279), ("V100M16|V100M32", 163), ("P100|V100M16|V100M32", 103), ("G3", 86),
    ("G2|P100|T4|V100M16|V100M32", 39), ("P100|T4|V100M16|V100M32", 33), ("A10|G2|T4|V100M16|V100M32", 27),
    ("V100M32", 20), ("A10|T4", 6), ("P100|V100M16", 4), ("T4|V100M16|V100M32", 3), ("V100M16", 3),
)  # fmt: skip
"""What they name, and how many do, there."""
_ANY_GPU = (1 << len(MODELS)) - 2
_V100 = (1 << MODELS.index("V100M16")) | (1 << MODELS.index("V100M32"))


@dataclass(frozen=True)
class Flexibility:
    """What renters leave open: `pinned` share of jobs that stay in their own zone, whether best-effort jobs may wait,
    and whether they may be stopped for a preemptible price."""

    pinned: float = 0.4
    waits: bool = True
    preemptible: bool = False


@dataclass(frozen=True)
class Jobs:
    """J jobs by columns, in the order of arrival; int64 each unless said otherwise."""

    arrives_s: np.ndarray
    seconds: np.ndarray
    slots: np.ndarray
    """GPUs; 1 where it needs none."""
    vcpus: np.ndarray
    """In each slot."""
    memory_mb: np.ndarray
    models: np.ndarray
    """Mask of `MODELS` that will do."""
    zones: np.ndarray
    """Mask of `ZONES` that will do."""
    patience_s: np.ndarray
    """How long after it came it may begin; 0: in the next round, or on demand."""
    is_preemptible: np.ndarray
    """(J,) bool."""
    on_demand: np.ndarray
    """Micro-USDC an hour of all its slots in the single cloud: what its renter is ready to pay."""
    on_demand_grams: np.ndarray
    """Milligrams of CO2 an hour there."""
    source: str

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def gpu_seconds(self) -> int:
        """What all of them ask for."""
        return int((self.slots * self.seconds)[self.models > 1].sum())

    def only(self, those: np.ndarray) -> "Jobs":
        """The jobs in this mask."""
        columns = {name: column[those] for name, column in vars(self).items() if isinstance(column, np.ndarray)}
        return replace(self, **columns)


def draw_jobs(seed: int, offers: list[Offer], flexibility: Flexibility, count: int | None = None) -> Jobs:
    """The trace's jobs, or every so many-th of them so that `count` are left; pinned zones and models are drawn."""
    draw = np.random.default_rng(seed)
    shape, source = _trace(draw)
    if count is not None:
        shape = shape[:, np.linspace(0, shape.shape[1] - 1, count).astype(np.int64)]
    arrives, seconds, gpus, vcpus, memory_mb, best_effort = shape
    total = len(gpus)
    slots = np.maximum(1, gpus)
    names = draw.random(total) < NAMES_MODELS
    share = np.array([many for _, many in NAMED], dtype=float)
    named = np.array([_mask(text) for text, _ in NAMED])[draw.choice(len(NAMED), total, p=share / share.sum())]
    home = np.int64(1) << draw.choice(len(ZONES), total)
    is_pinned = draw.random(total) < flexibility.pinned
    vcpus, memory_mb = -(-vcpus // slots), -(-memory_mb // slots)
    models = np.where(gpus == 0, 1, np.where(names, named, _ANY_GPU))
    zones = np.where(is_pinned, home, (1 << len(ZONES)) - 1)
    prices, grams = _on_demand(offers, slots, vcpus, memory_mb, models, zones)
    return Jobs(
        arrives_s=arrives,
        seconds=seconds,
        slots=slots,
        vcpus=vcpus,
        memory_mb=memory_mb,
        models=models,
        zones=zones,
        patience_s=np.where((best_effort > 0) & flexibility.waits, BATCH_WAITS_S, 0),
        is_preemptible=(best_effort > 0) & flexibility.preemptible,
        on_demand=prices,
        on_demand_grams=grams,
        source=source,
    )


def _mask(text: str) -> int:
    return sum(1 << model for model in {MODEL_OF[name] for name in text.split("|")})


def _trace(draw: np.random.Generator) -> tuple[np.ndarray, str]:
    """(6, J): arrival within a day, seconds, GPUs, vCPUs, MB, whether best effort; by arrival."""
    if not (DATA / PODS).exists():
        return _drawn(draw, 7_000), "drawn"
    with (DATA / PODS).open() as file:
        pods = [pod for pod in csv.DictReader(file) if pod["scheduled_time"] and pod["deletion_time"]]
    came = np.array([float(pod["creation_time"]) for pod in pods])
    steady = np.maximum(0, came - STEADY_FROM_S)
    lasted = np.array([float(pod["deletion_time"]) - float(pod["scheduled_time"]) for pod in pods])
    columns = [
        steady / steady.max() * (DAY_S - 1),
        np.clip(lasted, 1, LONGEST_S),
        [int(pod["num_gpu"]) for pod in pods],
        [-(-int(pod["cpu_milli"]) // 1_000) for pod in pods],
        [int(pod["memory_mib"]) * 1_048_576 // 1_000_000 for pod in pods],
        [pod["qos"] == "BE" for pod in pods],
    ]
    table = np.array(columns).astype(np.int64)
    return table[:, np.argsort(table[0], kind="stable")], f"{PODS} of Alibaba's GPU trace of 2023"


def _drawn(draw: np.random.Generator, count: int) -> np.ndarray:
    """Shapes much like the trace's."""
    gpus = draw.choice([0, 1, 2, 4, 8], count, p=[0.13, 0.855, 0.005, 0.004, 0.006])
    vcpus = draw.choice([4, 8, 10, 12, 16, 19], count, p=[0.3, 0.15, 0.1, 0.35, 0.05, 0.05]) * np.maximum(1, gpus)
    best_effort = draw.random(count) < 0.41
    seconds = np.clip(draw.lognormal(np.where(best_effort, 5.9, 6.8), 1.9), 1, LONGEST_S)
    came = np.sort(draw.integers(0, DAY_S, count))
    return np.stack([came, seconds, gpus, vcpus, vcpus * draw.integers(2, 6, count) * 1_000, best_effort]).astype(
        np.int64
    )


def _on_demand(
    offers: list[Offer],
    slots: np.ndarray,
    vcpus: np.ndarray,
    memory_mb: np.ndarray,
    models: np.ndarray,
    zones: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The least that each job costs an hour in the single cloud, and its CO2 there.

    Where an instance is greater than the job, the job is charged for as many slots as it needs, not for all: the cloud
    would charge more. A job of more GPUs than an instance has is charged for several. What the cloud does not list
    (P100) it may replace by V100; 0 where nothing will do.
    """
    price = np.full(len(slots), np.iinfo(np.int64).max)
    grams = np.zeros(len(slots), dtype=np.int64)
    widened = np.where(models & (1 << MODELS.index("P100")), models | _V100, models)
    for offer in (offer for offer in offers if offer.source == REFERENCE):
        asked = np.maximum.reduce([slots, -(-vcpus * slots // offer.vcpus), -(-memory_mb * slots // offer.memory_mb)])
        fits = (widened >> offer.model & 1) * (zones >> offer.zone & 1) > 0
        fits &= (asked <= max(offer.slots, 1)) | ((slots > offer.slots) & (asked <= slots))
        better = fits & (asked * offer.price < price)
        price = np.where(better, asked * offer.price, price)
        grams = np.where(better, asked * watts_of(offer.model, offer.vcpus) * offer.grams_per_kwh, grams)
    return np.where(price == np.iinfo(np.int64).max, 0, price), grams
