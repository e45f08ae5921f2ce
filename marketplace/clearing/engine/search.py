"""What one bid looks for among all asks: the few that leave it most, exactly, without looking at the others.

Costs in floats say where not to look. Those that they do not exclude wait in a list; once twice as many wait as are
looked for, what is known of half of them excludes the others, which need not be computed exactly.
"""

import numpy as np
from numba import njit

from marketplace.clearing.engine.bounds import (
    bound_blocks,
    bound_chunks,
    excludes,
    least_floor,
    rule_out,
    take_cheapest,
    write_floors,
)
from marketplace.clearing.engine.heap import keep_best, select
from marketplace.clearing.engine.tables import BLOCK, CHUNK, LIMIT, NEVER, PART, PROVIDER
from marketplace.clearing.engine.value import CUT, ceiling_of, is_banned, units_of, value_of
from marketplace.jit import INNER, KERNEL

_UP = np.float32(1 + 2**-17)


@njit(**INNER)
def _most_rounded(record, bid):
    """More than what rounding up adds to what the bid costs: each line with a rest less than 1 micro-USDC."""
    most = np.int64(1)
    for line in range(LIMIT - PART):
        most += record[bid, PART + line] != 0
    return np.float32(most)


@njit(**INNER)
def _dearest_place(preferences, row):
    """The most that this row's preferences add to a cost."""
    most = np.int64(0)
    if row > 0:
        for place in range(preferences.shape[1]):
            most = max(most, preferences[row, place])
    return np.float32(most)


@njit(**KERNEL)
def find_best(tables, bid, prices, threshold, scratch, found):
    """The asks that leave the bid most at these prices, and more than `threshold`; at most as many as `found` holds.

    Returns (count, unseen): `found` is filled to `count`, in no order; no other ask leaves more than `unseen`. What an
    ask leaves is its value less the price of as many units as the bid takes there.
    """
    bound_chunks(tables, bid, prices, scratch)
    bids, floors, preferences = tables.bids, tables.floors, tables.terms.preferences
    limit, is_barred = bids.record[bid, LIMIT], bids.banned_to[bid] > bids.banned_from[bid]
    rates, price_floors, w = floors.of_asks, prices.floors, bids.weights
    weights = (w[bid, 0], w[bid, 1], w[bid, 2], w[bid, 3], w[bid, 4], w[bid, 5])
    # Where nothing else is in play a cost in floats tells what an ask leaves, but for rounding.
    is_plain = not is_barred and tables.terms.stranded_weight_bps == 0 and limit <= min(tables.asks.least_stake, CUT)
    more = _most_rounded(bids.record, bid) + _dearest_place(preferences, bids.preference[bid])
    more = more if is_plain and tables.asks.is_whole else NEVER
    costs, waiting, waiting_costs = scratch.costs, scratch.waiting, scratch.waiting_costs
    count, waits, width = np.int64(0), np.int64(0), found.net.shape[0]
    enough = 2 * width
    ceiling = ceiling_of(limit, threshold)
    scratch.seen[0] += 1
    while True:
        chunk = take_cheapest(scratch, ceiling)
        if chunk < 0:
            known = _level(tables.asks.capacity, prices, scratch, waits, width, more)
            return _weigh(tables, bid, prices, scratch, waits, min(ceiling, known), threshold, count, found)
        scratch.seen[1] += 1
        bound_blocks(tables, bid, chunk, prices, scratch.blocks)
        for place in range(CHUNK):
            if scratch.blocks[place] > ceiling or excludes(floors, bids, bid, chunk, place):
                continue
            scratch.seen[2] += 1
            block = chunk * CHUNK + place
            write_floors(rates, price_floors, weights, block, costs)
            if least_floor(costs) > ceiling:
                continue
            rule_out(floors, bids, bid, block, costs)
            for n in range(BLOCK):
                cost = costs[n]
                if cost > ceiling:
                    continue
                waiting[waits], waiting_costs[waits] = block * BLOCK + n, cost
                waits += 1
            if waits <= min(enough, waiting.shape[0] - BLOCK):
                continue
            known = _level(tables.asks.capacity, prices, scratch, waits, width, more)
            ceiling = known if known < ceiling else ceiling
            waits = _drop(waiting, waiting_costs, waits, ceiling)
            enough = waits + width
            if waits > waiting.shape[0] - 2 * BLOCK:
                count, threshold = _weigh(tables, bid, prices, scratch, waits, ceiling, threshold, count, found)
                ceiling = min(ceiling, ceiling_of(limit, threshold))
                waits, enough = np.int64(0), 2 * width


@njit(**KERNEL)
def _level(capacity, prices, scratch, waits, width, more):
    """What `width` of those that wait cost at most, where each costs less than `more` above its floor; else NEVER."""
    if waits <= width or more == NEVER:
        return NEVER
    at_most, exact = scratch.at_most, prices.exact
    for n in range(waits):
        ask = scratch.waiting[n]
        # Several units with a price may cost more than it: then some must be taken from whoever has them.
        is_known = exact[ask] == 0 or capacity[ask] == 1
        at_most[n] = (scratch.waiting_costs[n] + more) * _UP if is_known else NEVER
    return select(at_most, waits, width)


@njit(**INNER)
def _drop(waiting, costs, waits, ceiling):
    """Forget what waits and is excluded by now. How many still wait."""
    kept = 0
    for n in range(waits):
        if costs[n] <= ceiling:
            waiting[kept], costs[kept] = waiting[n], costs[n]
            kept += 1
    return kept


@njit(**KERNEL)
def _weigh(tables, bid, prices, scratch, waits, ceiling, threshold, count, found):
    """Compute exactly what waits and is not excluded, and keep the best. The new count, and what is to be beaten."""
    bids, wish, record = tables.bids, tables.bids.record, tables.asks.record
    preferences, row, weight_bps = tables.terms.preferences, bids.preference[bid], tables.terms.stranded_weight_bps
    is_barred = bids.banned_to[bid] > bids.banned_from[bid]
    net_at, ask_at, value_at, units_at = found.net, found.ask, found.value, found.units
    waiting, waiting_costs, exact_prices, capacity = (
        scratch.waiting, scratch.waiting_costs, prices.exact, tables.asks.capacity
    )  # fmt: skip
    # Read first, in a loop that decides nothing, asks come into the cache beside each other, not one after the other.
    # What they add up to is written down only so that the compiler leaves the loop in.
    touched = np.int64(0)
    for n in range(waits):
        if waiting_costs[n] <= ceiling:
            touched |= record[waiting[n], 0] | record[waiting[n], PROVIDER] | exact_prices[waiting[n]]
    scratch.seen[4] = touched
    for n in range(waits):
        if waiting_costs[n] > ceiling:
            continue
        scratch.seen[3] += 1
        ask = waiting[n]
        units = units_of(wish, record, bid, ask)
        value = value_of(wish, record, preferences, row, weight_bps, bid, ask, units)
        net = value - units * exact_prices[ask]
        if value < 0 or net <= threshold or units > capacity[ask]:
            continue
        if is_barred and is_banned(bids, bid, record[ask, PROVIDER]):
            continue
        count = keep_best(net_at, ask_at, value_at, units_at, count, (net, ask, value, units))
        if count == net_at.shape[0]:
            threshold = net_at[0]
    return count, threshold
