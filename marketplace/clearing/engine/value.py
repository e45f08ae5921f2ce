"""What a bid is worth at an ask, in integers: formula 4.1, as `marketplace.protocol.metering` computes it."""

import numpy as np
from numba import njit

from marketplace.clearing.engine.tables import DIVISORS, GPUS, GREATEST_HOURLY, MINIMUM, PLACE, PROVIDER, STAKE
from marketplace.jit import INNER

CUT = 1 << 52
"""Values beyond this (4.5 billion USDC) count as equal: prices still hold."""
_PER_HOUR, _, _PER_GB_HOUR, _PER_GFUEL, _PER_GB, _ = (int(one) for one in DIVISORS)
_UP = np.float32(1 + 2**-19)


@njit(**INNER)
def line_cost(whole, part, rate, divisor):
    """`ceil((whole * divisor + part) * rate / divisor)` without overflow where the result has none."""
    if part == 0 or rate == 0:
        return whole * rate
    times, rest = rate // divisor, rate % divisor
    return whole * rate + part * times + (part * rest + divisor - 1) // divisor


@njit(**INNER)
def quote_of(tables, bid, ask):
    """What the ask's rates come to for the bid, micro-USDC."""
    whole, part, record = tables.bids.whole, tables.bids.part, tables.asks.record
    total = line_cost(whole[bid, 0], part[bid, 0], record[ask, 0], _PER_HOUR)
    total += line_cost(whole[bid, 1], part[bid, 1], record[ask, 1], _PER_HOUR)
    total += line_cost(whole[bid, 2], part[bid, 2], record[ask, 2], _PER_GB_HOUR)
    total += line_cost(whole[bid, 3], part[bid, 3], record[ask, 3], _PER_GFUEL)
    total += line_cost(whole[bid, 4], part[bid, 4], record[ask, 4], _PER_GB)
    return max(total, record[ask, MINIMUM])


@njit(**INNER)
def idle_cost(tables, bid, ask):
    """C_idle: what the lease leaves unused, micro-USDC."""
    bids, record = tables.bids, tables.asks.record
    cost = line_cost(bids.whole[bid, 5], bids.part[bid, 5], record[ask, 5], _PER_HOUR)
    stranded, weight = record[ask, GPUS] - bids.gpus[bid], tables.terms.stranded_weight_bps
    if weight > 0 and stranded > 0:
        rate = min(record[ask, 0], GREATEST_HOURLY)
        hourly = min(line_cost(bids.whole[bid, 5], bids.part[bid, 5], rate, _PER_HOUR), GREATEST_HOURLY)
        cost += stranded * hourly * weight // 10_000
    return cost


@njit(**INNER)
def is_banned(bids, bid, provider):
    """Whether the bid shall not go to this provider, whatever it offers."""
    for place in range(bids.banned_from[bid], bids.banned_to[bid]):  # noqa: SIM110 (no generators in kernels)
        if bids.banned[place] == provider:
            return True
    return False


@njit(**INNER)
def value_of(tables, bid, ask):
    """`2 * (maxPrice - quote - C_idle - preferences) + 1`, or -1 where the pair is not feasible.

    In half micro-USDC, each pair worth one half more: a trade that leaves nobody a surplus still beats none. Only for
    pairs that `rule_out` left, with a floor that is not above maxPrice: quotes of others may not fit into 64 bits.
    """
    bids, record = tables.bids, tables.asks.record
    if bids.limit[bid] > record[ask, STAKE] or is_banned(bids, bid, record[ask, PROVIDER]):
        return -1
    value = bids.limit[bid] - quote_of(tables, bid, ask)
    if value < 0:
        return -1
    value -= idle_cost(tables, bid, ask) + tables.terms.preferences[bids.preference[bid], record[ask, PLACE]]
    return 2 * min(value, CUT) + 1 if value >= 0 else -1


@njit(**INNER)
def ceiling_of(tables, bid, threshold):
    """No ask whose cost in floats, price included, is above this leaves the bid more than `threshold`."""
    room = tables.bids.limit[bid] + 1 - threshold // 2
    return np.float32(max(room, 0)) * _UP + np.float32(1e-30)
