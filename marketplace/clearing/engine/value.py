"""What a bid is worth at an ask, in integers: formula 4.1, as `marketplace.protocol.metering` computes it."""

import numpy as np
from numba import njit

from marketplace.clearing.engine.tables import (
    DIVISORS,
    GREATEST_HOURLY,
    LIMIT,
    MINIMUM,
    PART,
    PLACE,
    SHARE,
    SHARES,
    STAKE,
    WANTED,
    WHOLE,
)
from marketplace.jit import INNER

CUT = 1 << 44
"""Values beyond this (17 million USDC) count as equal: prices still hold, and fit for 2^16 units, which no ask has."""
OUT_OF_REACH = 1 << 46
"""Half micro-USDC: a unit at this price is worth it to nobody."""
_GPUS = SHARES.index("gpus")
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
def quote_of(wish, record, bid, ask):
    """What the ask's rates come to for the bid, micro-USDC."""
    total = line_cost(wish[bid, WHOLE + 0], wish[bid, PART + 0], record[ask, 0], _PER_HOUR)
    total += line_cost(wish[bid, WHOLE + 1], wish[bid, PART + 1], record[ask, 1], _PER_HOUR)
    total += line_cost(wish[bid, WHOLE + 2], wish[bid, PART + 2], record[ask, 2], _PER_GB_HOUR)
    total += line_cost(wish[bid, WHOLE + 3], wish[bid, PART + 3], record[ask, 3], _PER_GFUEL)
    total += line_cost(wish[bid, WHOLE + 4], wish[bid, PART + 4], record[ask, 4], _PER_GB)
    return max(total, record[ask, MINIMUM])


@njit(**INNER)
def units_of(wish, record, bid, ask):
    """How many units of the ask the bid takes: as many as its greatest need is unit's shares.

    Only for asks that have enough in all.
    """
    units = np.int64(1)
    for kind in range(len(SHARES)):
        share, wanted = record[ask, SHARE + kind], wish[bid, WANTED + kind]
        if wanted > share * units:
            units = (wanted + share - 1) // share
    return units


@njit(**INNER)
def stranded_cost(whole, part, rate, gpus, weight_bps):
    """What this many GPUs would have earned in the time, weighed, micro-USDC."""
    hourly = min(line_cost(whole, part, min(rate, GREATEST_HOURLY), _PER_HOUR), GREATEST_HOURLY)
    return gpus * hourly * weight_bps // 10_000


@njit(**INNER)
def idle_cost(wish, record, bid, ask, units, weight_bps):
    """C_idle: what the lease leaves unused of its units, micro-USDC."""
    whole, part = wish[bid, WHOLE + 5], wish[bid, PART + 5]
    cost = line_cost(whole, part, record[ask, 5], _PER_HOUR)
    stranded = units * record[ask, SHARE + _GPUS] - wish[bid, WANTED + _GPUS]
    if weight_bps > 0 and stranded > 0:
        cost += stranded_cost(whole, part, record[ask, 0], stranded, weight_bps)
    return cost


@njit(**INNER)
def value_of(wish, record, preferences, row, weight_bps, bid, ask, units):
    """`2 * (maxPrice - quote - C_idle - preferences) + 1`, or -1 where the price or the stake does not reach.

    In half micro-USDC, each pair worth one half more: a trade that leaves nobody a surplus still beats none. Only for
    pairs that nothing else forbids, with a floor that is not above maxPrice: quotes of others may not fit into 64 bits.

    `wish` and `record` are those of bids and asks. Arrays, not tables: each name for a part of a table would count
    references to all its arrays, which takes longer than the rest.
    """
    limit = wish[bid, LIMIT]
    value = limit - quote_of(wish, record, bid, ask)
    if value < 0 or limit > record[ask, STAKE]:
        return -1
    value -= idle_cost(wish, record, bid, ask, units, weight_bps) + preferences[row, record[ask, PLACE]]
    return 2 * min(value, CUT) + 1 if value >= 0 else -1


@njit(**INNER)
def is_banned(bids, bid, provider):
    """Whether the bid shall not go to this provider, whatever it offers."""
    for place in range(bids.banned_from[bid], bids.banned_to[bid]):  # noqa: SIM110 (no generators in kernels)
        if bids.banned[place] == provider:
            return True
    return False


@njit(**INNER)
def ceiling_of(limit, threshold):
    """No ask whose cost in floats, price included, is above this leaves a bid with this limit more than `threshold`."""
    room = limit + 1 - threshold // 2
    return np.float32(max(room, 0)) * _UP + np.float32(1e-30)
