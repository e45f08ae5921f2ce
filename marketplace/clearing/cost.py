"""Formula 4.1, the cost engine: what every job costs on every node, exactly, in integer micro-USDC.

    C_total(J, t) = sum_j [ C_comp(j, t) + C_data(j, t) + C_idle(t) ]

C_comp + C_data is what an ask's signed rates quote for a bid (`marketplace.protocol.metering`), and what the contract
recomputes. C_idle is the opportunity cost of what the lease would strand: the GPUs of a unit that a job leaves unused,
at the ask's own rate, times a weight. It steers placement and is never charged.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marketplace.protocol.metering import Rates, Resources
from marketplace.protocol.units import BPS, FUEL_PER_GFUEL, MB_PER_GB, SECONDS_PER_HOUR

_INT64_SAFE = 1 << 62


@dataclass(frozen=True, slots=True)
class CostMatrix:
    """Costs of B bids on A asks, each (B, A), micro-USDC; int64, or Python integers where int64 would not hold them."""

    gpu: np.ndarray
    vcpu: np.ndarray
    memory: np.ndarray
    fuel: np.ndarray
    egress: np.ndarray
    minimum: np.ndarray
    idle: np.ndarray

    @property
    def compute(self) -> np.ndarray:
        """C_comp."""
        return self.gpu + self.vcpu + self.memory + self.fuel

    @property
    def data(self) -> np.ndarray:
        """C_data."""
        return self.egress

    @property
    def quote(self) -> np.ndarray:
        """C_comp + C_data, raised to each ask's minimum charge."""
        return np.maximum(self.compute + self.data, self.minimum)


def compute_costs(
    reserved: Sequence[Resources], rates: Sequence[Rates], unit_gpus: Sequence[int], idle_weight_bps: int = 0
) -> CostMatrix:
    """Every bid's cost on every ask.

    Parameters
    ----------
    reserved
        (B,) what each bid reserves.
    rates
        (A,) each ask's rates, micro-USDC.
    unit_gpus
        (A,) GPUs of one unit of each ask.
    idle_weight_bps
        How much of a stranded GPU-hour counts as cost.

    Returns
    -------
    CostMatrix
        Equal, entry by entry, to `compute_quote(rates[a], reserved[b])`.
    """
    seconds = [one.seconds for one in reserved]
    hour, gb_hour = SECONDS_PER_HOUR, SECONDS_PER_HOUR * MB_PER_GB
    stranded = _outer([1] * len(reserved), list(unit_gpus), 1) - _outer([r.gpus for r in reserved], [1] * len(rates), 1)
    gpu_rates = [one.gpu_hour for one in rates]
    hourly = _outer(seconds, gpu_rates, hour)
    return CostMatrix(
        gpu=_outer([one.gpus * one.seconds for one in reserved], gpu_rates, hour),
        vcpu=_outer([one.vcpus * one.seconds for one in reserved], [one.vcpu_hour for one in rates], hour),
        memory=_outer([one.memory_mb * one.seconds for one in reserved], [one.gb_hour for one in rates], gb_hour),
        fuel=_outer([one.fuel for one in reserved], [one.gfuel for one in rates], FUEL_PER_GFUEL),
        egress=_outer([one.egress_mb for one in reserved], [one.egress_gb for one in rates], MB_PER_GB),
        minimum=_outer([1] * len(reserved), [one.minimum for one in rates], 1),
        idle=_product(np.maximum(stranded, 0), hourly, idle_weight_bps) // BPS,
    )


def _outer(amounts: list[int], prices: list[int], divisor: int) -> np.ndarray:
    """`ceil(amounts[b] * prices[a] / divisor)`, exact whatever the size."""
    largest = max(amounts, default=0) * max(prices, default=0) + divisor
    kind = np.int64 if largest < _INT64_SAFE else object
    product = np.multiply.outer(np.array(amounts, dtype=kind), np.array(prices, dtype=kind))
    return -(-product // divisor)


def _product(left: np.ndarray, right: np.ndarray, factor: int) -> np.ndarray:
    """`left * right * factor` of non-negative integers, exact whatever the size."""
    largest = int(left.max(initial=0)) * int(right.max(initial=0)) * factor
    return left * right * factor if largest < _INT64_SAFE else left.astype(object) * right * factor
