"""The market's nodes: machines of a production cluster, each in the region and at the price of a listed instance.

A node is sold in slots: one GPU with its share of the machine's vCPUs and memory; a node without GPUs in slots of as
many vCPUs as the instance has. A slot costs what the instance costs a GPU. Which instance with the node's GPU model
that is, is drawn: every source that lists the model alike often, but for the single cloud, whose prices nobody
undercuts by asking the same.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from scripts.bench.clearing.markets import DATA
from scripts.bench.tco.offers import MODELS, REFERENCE, Offer, watts_of

NODE_LIST = "openb_node_list_all_node.csv"
_MODEL_OF = {"": "", "T4": "T4", "P100": "P100", "V100M16": "V100M16", "V100M32": "V100M32", "A10": "A10"}
MODEL_OF = {name: MODELS.index(model) for name, model in (_MODEL_OF | {"G2": "A10", "G3": "A100"}).items()}
"""The trace's names. It does not say what G2 and G3 are; read as the GPUs that AWS sells as G5 (A10G) and P4 (A100)."""
_DRAWN = (
    ("G2", 8, 96, 393_216, 549), ("T4", 2, 96, 524_288, 404), ("", 0, 32, 262_144, 162), ("", 0, 96, 524_288, 145),
    ("P100", 2, 16, 122_880, 134), ("V100M16", 4, 32, 131_072, 55), ("G3", 8, 128, 786_432, 39),
    ("V100M32", 8, 96, 786_432, 30),
)  # fmt: skip
"""Model, GPUs, vCPUs, MiB, how many: the cluster's mix in short, for where its list is not at hand."""
RECLAIMS_EVERY_S = 24 * 3_600
"""How often a provider takes back what runs at a preemptible price, on the average: an assumption."""


@dataclass(frozen=True)
class Nodes:
    """N nodes by columns, int64 each unless said otherwise; per slot where that matters. Money is micro-USDC."""

    model: np.ndarray
    zone: np.ndarray
    slots: np.ndarray
    vcpus: np.ndarray
    memory_mb: np.ndarray
    price: np.ndarray
    """An hour of one slot."""
    preemptible: np.ndarray
    """The same for jobs that may be stopped; the plain price where none is listed."""
    is_reclaimed: np.ndarray
    """(N,) bool: whether it stops them ever."""
    grams: np.ndarray
    """Milligrams of CO2 an hour of one slot."""
    source: str

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def gpu_slots(self) -> int:
        """GPUs of all nodes."""
        return int(self.slots[self.model > 0].sum())


class Machine(NamedTuple):
    """Of the cluster: which of `MODELS`, how many GPUs, vCPUs, MiB."""

    model: int
    gpus: int
    vcpus: int
    memory_mib: int


def draw_nodes(seed: int, offers: list[Offer], gpu_slots: int) -> Nodes:
    """Nodes of the cluster, in an order of chance, until they have this many GPUs."""
    draw = np.random.default_rng(seed)
    machines, source = _machines()
    others = [offer for offer in offers if offer.source != REFERENCE]
    picked: list[tuple[Offer, Machine, int]] = []
    gpus = 0
    for at in draw.permutation(len(machines)):
        machine = machines[at]
        offer = _resemble(draw, [offer for offer in others if offer.model == machine.model])
        slots = machine.gpus or max(1, machine.vcpus // offer.vcpus)
        gpus += machine.gpus
        picked.append((offer, machine, slots))
        if gpus >= gpu_slots:
            break
    return _by_columns(picked, source)


def reclaims_of(seed: int, nodes: Nodes, until_s: int) -> list[tuple[int, int]]:
    """When which node takes back its slots from preemptible jobs: (second, node), in order; a Poisson process each."""
    draw = np.random.default_rng(seed)
    events = []
    for node in np.flatnonzero(nodes.is_reclaimed):
        at = draw.exponential(RECLAIMS_EVERY_S)
        while at < until_s:
            events.append((int(at), int(node)))
            at += draw.exponential(RECLAIMS_EVERY_S)
    return sorted(events)


def _machines() -> tuple[list[Machine], str]:
    if not (DATA / NODE_LIST).exists():
        kinds = [Machine(MODEL_OF[name], *numbers) for name, *numbers, many in _DRAWN for _ in range(many)]
        return kinds, "its most frequent machines"
    with (DATA / NODE_LIST).open() as file:
        lines = list(csv.DictReader(file))
    machines = [
        Machine(MODEL_OF[line["model"]], int(line["gpu"]), int(line["cpu_milli"]) // 1_000, int(line["memory_mib"]))
        for line in lines
    ]
    return machines, f"{NODE_LIST} of Alibaba's GPU trace of 2023"


def _resemble(draw: np.random.Generator, offers: list[Offer]) -> Offer:
    sources = sorted({offer.source for offer in offers})
    source = sources[draw.integers(len(sources))]
    of_source = [offer for offer in offers if offer.source == source]
    return of_source[draw.integers(len(of_source))]


def _by_columns(picked: list[tuple[Offer, Machine, int]], source: str) -> Nodes:
    def column(value: Callable[[Offer, Machine, int], int]) -> np.ndarray:
        return np.array([value(*one) for one in picked], dtype=np.int64)

    vcpus = column(lambda _, machine, slots: machine.vcpus // slots)
    return Nodes(
        model=column(lambda offer, *_: offer.model),
        zone=column(lambda offer, *_: offer.zone),
        slots=column(lambda *one: one[2]),
        vcpus=vcpus,
        memory_mb=column(lambda _, machine, slots: machine.memory_mib * 1_048_576 // 1_000_000 // slots),
        price=column(lambda offer, *_: offer.price),
        preemptible=column(lambda offer, *_: offer.price if offer.preemptible is None else offer.preemptible),
        is_reclaimed=np.array([offer.preemptible is not None for offer, *_ in picked]),
        grams=column(lambda offer, *_: offer.grams_per_kwh) * watts_of(column(lambda offer, *_: offer.model), vcpus),
        source=source,
    )
