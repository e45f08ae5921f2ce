"""From a finished run to its usage report. Pure.

Energy is what was measured; where processors or GPUs tell nothing, the model that the auction prices carbon by
(`marketplace.domain.atlas.power`), over what the job used, or else reserved, for as long as it ran. A sum with a
modelled part is modelled. Grams are always modelled: energy, times the data centre's overhead, times the grams a kWh
that the node states, or else those of its region's grid, or else of the dirtiest grid of the table.
"""

import math
from dataclasses import dataclass
from typing import Self

from agent.work import Execution
from marketplace.domain import atlas
from marketplace.domain.atlas.power import compute_carbon_mg, compute_millijoules, gpu_milliwatts, vcpu_milliwatts
from marketplace.protocol.enums import FigureOrigin
from marketplace.protocol.messages import Bid
from marketplace.protocol.profile import NodeProfile
from marketplace.protocol.units import BYTES_PER_MB
from marketplace.protocol.usage import UsageReport

Figure = tuple[int, FigureOrigin]
_MILLI = 1_000


@dataclass(frozen=True, slots=True)
class Site:
    """What a machine draws and emits: milliwatts of one vCPU and one GPU, grams a kWh, overhead per mille."""

    vcpu: int
    gpu: int
    grams_per_kwh: int
    pue_per_mille: int

    @classmethod
    def of(cls, profile: NodeProfile) -> Self:
        """By a node's profile, as the auction sees it."""
        stated, known = profile.carbon_grams_per_kwh, atlas.grid_intensity(profile.region)
        grid = atlas.dirtiest_grid() if known is None else known
        return cls(
            vcpu=vcpu_milliwatts(profile.cpu.architecture),
            gpu=max((gpu_milliwatts(gpu.model) for gpu in profile.gpus), default=0),
            grams_per_kwh=grid if stated is None else stated,
            pue_per_mille=atlas.pue_per_mille(profile.region),
        )


def build_report(lease_id: str, bid: Bid, execution: Execution, site: Site) -> UsageReport:
    """What the run took. Milliseconds, millijoules and milligrams are rounded up."""
    usage = execution.usage
    energy, origin = compute_energy(bid, execution, site)
    grams = compute_carbon_mg(energy, site.grams_per_kwh, site.pue_per_mille)
    figures: dict[str, Figure | None] = {
        "cpu_milliseconds": _measured(usage.cpu_seconds, _MILLI),
        "peak_memory_bytes": _measured(_peak_memory(bid, execution)),
        "gpu_milliseconds": _measured(_gpu_seconds(bid, execution), _MILLI),
        "gpu_peak_memory_bytes": _measured(usage.gpu_peak_memory_bytes),
        "ingress_bytes": _measured(usage.ingress_bytes),
        "egress_bytes": (execution.egress_bytes, FigureOrigin.MEASURED),
        "energy_millijoules": (energy, origin),
        "carbon_milligrams": (grams, FigureOrigin.MODELLED),
    }
    known = {name: figure for name, figure in figures.items() if figure is not None}
    return UsageReport.of(lease_id, execution.result_digest, known)


def compute_energy(bid: Bid, execution: Execution, site: Site) -> Figure:
    """Millijoules of processors, memory and GPUs, and whether all of them were measured."""
    usage, wall_ms = execution.usage, math.ceil(execution.wall_seconds * _MILLI)
    energy, origin = 0, FigureOrigin.MEASURED
    if usage.cpu_joules is not None:
        energy += math.ceil(usage.cpu_joules * _MILLI)
    else:
        vcpu_ms = bid.vcpus * wall_ms if usage.cpu_seconds is None else math.ceil(usage.cpu_seconds * _MILLI)
        peak = _peak_memory(bid, execution)
        memory_mb = bid.memory_mb if peak is None else math.ceil(peak / BYTES_PER_MB)
        energy += compute_millijoules(
            vcpu=site.vcpu, vcpu_ms=vcpu_ms, gpu=0, gpu_ms=0, memory_mb_ms=memory_mb * wall_ms
        )
        origin = FigureOrigin.MODELLED
    if usage.gpu_joules is not None:
        return energy + math.ceil(usage.gpu_joules * _MILLI), origin
    if not bid.gpus:
        return energy, origin
    board = compute_millijoules(vcpu=0, vcpu_ms=0, gpu=site.gpu, gpu_ms=bid.gpus * wall_ms, memory_mb_ms=0)
    return energy + board, FigureOrigin.MODELLED


def _peak_memory(bid: Bid, execution: Execution) -> float | None:
    """At most what is reserved: a container's group also holds pages that its sandbox adds, for `/in` and `/out`."""
    return _at_most(execution.usage.peak_memory_bytes, bid.memory_mb * BYTES_PER_MB)


def _gpu_seconds(bid: Bid, execution: Execution) -> float | None:
    """At most what the run's own time has: the driver's percentages are of the moments before it looks."""
    return _at_most(execution.usage.gpu_seconds, bid.gpus * math.ceil(execution.wall_seconds))


def _at_most(value: float | None, most: int) -> float | None:
    return None if value is None else min(value, most)


def _measured(value: float | None, factor: int = 1) -> Figure | None:
    return None if value is None else (math.ceil(value * factor), FigureOrigin.MEASURED)
