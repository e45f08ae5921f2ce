"""Formula 4.1, the cost engine: what every job costs on every node, exactly, in integer micro-USDC.

    C_total(J, t) = sum_j [ C_comp(j, t) + C_data(j, t) + C_idle(t) ]

C_comp + C_data is what an ask's signed rates quote for a bid (`marketplace.protocol.metering`), and what the contract
recomputes. C_idle is idle capacity-hours times opportunity cost, of two kinds: GPUs of its units that the job leaves
unused, at the ask's own rate, and units of the node that stay free beside the lease, at their share of what the node
costs while it is on:

    stranded = unused GPUs of its units * gpuHourRate * hours * stranded weight
    standing = (free units - 1) / units * fixedCostPerHour * hours * standing weight

So the last unit of a busy node has no idle cost, and the first of an empty one the most. What data, latency and carbon
are worth to the renter besides is in `marketplace.clearing.wishes`. All of these steer placement and none is charged.
"""

from marketplace.clearing.engine.tables import GREATEST_HOURLY
from marketplace.domain.book import PlacedAsk
from marketplace.protocol.metering import Rates, Resources
from marketplace.protocol.units import BPS, SECONDS_PER_HOUR, ceil_div


def compute_idle_cost(reserved: Resources, rates: Rates, given_gpus: int, stranded_weight_bps: int) -> int:
    """C_idle of the GPUs that a lease strands, micro-USDC.

    Parameters
    ----------
    reserved, rates
        What the bid reserves, and the ask's rates.
    given_gpus
        GPUs of all units that the lease takes.
    stranded_weight_bps
        How much of what a stranded GPU would earn counts as cost. A GPU is taken to earn at most a million USDC an
        hour, and in one lease.
    """
    stranded = max(0, given_gpus - reserved.gpus)
    hourly = ceil_div(min(rates.gpu_hour, GREATEST_HOURLY) * reserved.seconds, SECONDS_PER_HOUR)
    return stranded * min(hourly, GREATEST_HOURLY) * stranded_weight_bps // BPS


def compute_standing_rate(placed: PlacedAsk, standing_weight_bps: int) -> int:
    """Micro-USDC an hour that a lease of this ask is charged nowhere and costs in the auction: units that stay free.

    As the book stands: units that the same round fills are counted as free.
    """
    units = max(1, placed.ask.units)
    free = min(units, placed.free_units) - 1
    return ceil_div(max(0, free) * placed.profile.fixed_cost_per_hour * standing_weight_bps, units * BPS)


def compute_standing_cost(reserved: Resources, hourly: int) -> int:
    """C_idle of the units that a lease leaves free, micro-USDC, at `compute_standing_rate`."""
    return ceil_div(hourly * reserved.seconds, SECONDS_PER_HOUR)
