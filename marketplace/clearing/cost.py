"""Formula 4.1, the cost engine: what every job costs on every node, exactly, in integer micro-USDC.

    C_total(J, t) = sum_j [ C_comp(j, t) + C_data(j, t) + C_idle(t) ]

C_comp + C_data is what an ask's signed rates quote for a bid (`marketplace.protocol.metering`), and what the contract
recomputes. C_idle is the opportunity cost of what the lease would strand: the GPUs of its units that a job leaves
unused, at the ask's own rate, times a weight. It steers placement and is never charged.
"""

from marketplace.clearing.engine.tables import GREATEST_HOURLY
from marketplace.protocol.metering import Rates, Resources
from marketplace.protocol.units import BPS, SECONDS_PER_HOUR, ceil_div


def compute_idle_cost(reserved: Resources, rates: Rates, given_gpus: int, stranded_weight_bps: int) -> int:
    """C_idle of a lease, micro-USDC.

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
