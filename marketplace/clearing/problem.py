"""A snapshot as arrays: values, quotes, and for every pair of bid and ask each constraint that forbids it, by name."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from marketplace.clearing.cost import CostMatrix, compute_costs
from marketplace.domain.book import BookSnapshot, PlacedAsk, PlacedBid
from marketplace.protocol.jobspec import RuntimeProgram
from marketplace.protocol.profile import NodeProfile

_INT64_SAFE = 1 << 52
"""Values beyond this (4.5 billion USDC) are cut: prices still hold, the objective treats them as equal."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What one unit of an ask has: the node's totals divided by the ask's units."""

    vcpus: int
    memory_mb: int
    gpus: int

    @classmethod
    def of(cls, placed: PlacedAsk) -> "Unit":
        profile, units = placed.profile, max(1, placed.ask.units)
        return cls(max(1, profile.cpu.cores // units), profile.memory_mb // units, len(profile.gpus) // units)


Check = Callable[[PlacedBid, PlacedAsk, Unit, int], tuple[object, object] | None]
"""(what the bid needs, what the ask has) where the constraint is violated, else None."""


def _below(needed: int, offered: int) -> tuple[object, object] | None:
    return (needed, offered) if needed > offered else None


def _one_of(wanted: tuple[str, ...], offered: str) -> tuple[object, object] | None:
    return (list(wanted), offered) if wanted and offered not in wanted else None


def _runtime(bid: PlacedBid, profile: NodeProfile) -> tuple[object, object] | None:
    program = bid.job_spec.program
    if not isinstance(program, RuntimeProgram) or profile.runtimes.get(program.name) == program.digest:
        return None
    return f"{program.name} {program.digest[:10]}", sorted(profile.runtimes)


def _gpus(bid: PlacedBid, ask: PlacedAsk) -> tuple[object, object] | None:
    needs = bid.job_spec.requirements
    if not (bid.bid.gpus or needs.gpu_models or needs.min_gpu_memory_mb):
        return None
    fitting = [
        gpu
        for gpu in ask.profile.gpus
        if (not needs.gpu_models or gpu.model in needs.gpu_models) and gpu.memory_mb >= needs.min_gpu_memory_mb
    ]
    model = " or ".join(needs.gpu_models) or "any model"
    memory = f", {needs.min_gpu_memory_mb} MB or more each" if needs.min_gpu_memory_mb else ""
    wanted = f"{max(1, bid.bid.gpus)} of {model}{memory}"
    if len(fitting) // max(1, ask.ask.units) >= max(1, bid.bid.gpus):
        return None
    return wanted, [gpu.model for gpu in ask.profile.gpus]


def _carbon(bid: PlacedBid, ask: PlacedAsk) -> tuple[object, object] | None:
    ceiling, actual = bid.job_spec.requirements.max_carbon_grams_per_kwh, ask.profile.carbon_grams_per_kwh
    if ceiling is None or (actual is not None and actual <= ceiling):
        return None
    return ceiling, actual


def _features(bid: PlacedBid, ask: PlacedAsk) -> tuple[object, object] | None:
    missing = sorted(set(bid.job_spec.requirements.cpu_features) - set(ask.profile.cpu.features))
    return (missing, "not offered") if missing else None


CONSTRAINTS: dict[str, Check] = {
    "sandbox": lambda bid, ask, unit, now: _one_of(ask.profile.sandboxes, bid.job_spec.sandbox),
    "runtime": lambda bid, ask, unit, now: _runtime(bid, ask.profile),
    "region": lambda bid, ask, unit, now: _one_of(bid.job_spec.requirements.regions, ask.profile.region),
    "architecture": lambda bid, ask, unit, now: _one_of(
        bid.job_spec.requirements.architectures, ask.profile.cpu.architecture
    ),
    "cpuFeatures": lambda bid, ask, unit, now: _features(bid, ask),
    "vcpus": lambda bid, ask, unit, now: _below(bid.bid.vcpus, unit.vcpus),
    "memoryMb": lambda bid, ask, unit, now: _below(bid.bid.memory_mb, unit.memory_mb),
    "diskMb": lambda bid, ask, unit, now: _below(bid.job_spec.requirements.min_disk_mb, ask.profile.disk_mb),
    "gpus": lambda bid, ask, unit, now: _gpus(bid, ask),
    "carbon": lambda bid, ask, unit, now: _carbon(bid, ask),
    "reputation": lambda bid, ask, unit, now: _below(bid.job_spec.requirements.min_settled_leases, ask.settled_leases),
    "deadline": lambda bid, ask, unit, now: _below(now + bid.bid.duration_seconds, bid.bid.deadline),
    "stake": lambda bid, ask, unit, now: _below(bid.bid.max_price, ask.available_stake),
}
"""Every hard constraint but the price, in the order in which they are reported."""


@dataclass(frozen=True, slots=True)
class ClearingProblem:
    """A round in numbers. B bids and A asks in the snapshot's order.

    `value` (B, A) int64 is `maxPrice - quote - C_idle`, micro-USDC; `feasible` (B, A) bool says that no constraint
    forbids the pair and that the quote is within maxPrice; `capacity` (A,) int64 free units; `demand` (B,) int64
    replicas.
    """

    snapshot: BookSnapshot
    costs: CostMatrix
    value: np.ndarray
    feasible: np.ndarray
    capacity: np.ndarray
    demand: np.ndarray


def build_problem(snapshot: BookSnapshot, idle_weight_bps: int = 0) -> ClearingProblem:
    """The arrays of a snapshot."""
    units = [Unit.of(ask) for ask in snapshot.asks]
    costs = compute_costs(
        [one.bid.resources for one in snapshot.bids],
        [one.ask.rates for one in snapshot.asks],
        [unit.gpus for unit in units],
        idle_weight_bps,
    )
    limits = np.array([one.bid.max_price for one in snapshot.bids], dtype=object).reshape(-1, 1)
    shape = (len(snapshot.bids), len(snapshot.asks))
    surplus = limits - costs.quote
    value = np.clip(surplus - costs.idle, -_INT64_SAFE, _INT64_SAFE).astype(np.int64).reshape(shape)
    allowed = np.array(
        [[not _is_forbidden(bid, ask, unit, snapshot.now) for ask, unit in zip(snapshot.asks, units, strict=True)]
         for bid in snapshot.bids], dtype=bool,
    ).reshape(shape)  # fmt: skip
    affordable = (surplus >= 0).astype(bool).reshape(shape)
    return ClearingProblem(
        snapshot=snapshot,
        costs=costs,
        value=value,
        feasible=allowed & affordable & (value >= 0),
        capacity=np.array([one.free_units for one in snapshot.asks], dtype=np.int64),
        demand=np.array([one.bid.replicas for one in snapshot.bids], dtype=np.int64),
    )


def _is_forbidden(bid: PlacedBid, ask: PlacedAsk, unit: Unit, now: int) -> bool:
    return any(check(bid, ask, unit, now) is not None for check in CONSTRAINTS.values())


def violations(bid: PlacedBid, ask: PlacedAsk, now: int) -> dict[str, tuple[object, object]]:
    """Every constraint that forbids this pair: name -> (needed, offered)."""
    unit = Unit.of(ask)
    found = {name: check(bid, ask, unit, now) for name, check in CONSTRAINTS.items()}
    return {name: pair for name, pair in found.items() if pair is not None}
