"""Units that gangs left idle at a price, for rows that were left out: what the auction's prices kept apart."""

import numpy as np
from numba import njit

from marketplace.clearing.engine.heap import Found
from marketplace.clearing.engine.holders import hold
from marketplace.clearing.engine.prices import renew_bounds, set_price
from marketplace.clearing.engine.search import find_best
from marketplace.clearing.engine.value import OUT_OF_REACH
from marketplace.jit import KERNEL


@njit(**KERNEL)
def take_leftovers(tables, rows, which, closed, holders, scratch):
    """Each of the rows `which`, in this order, takes the best of what is free, if it is worth anything to it.

    `tables` have as capacity what is free, which this changes; `closed` prices are out of reach where nothing is.
    Returns the holders.
    """
    room = np.empty((4, 1), dtype=np.int64)
    net, ask, value, units = room[0], room[1], room[2], room[3]
    free = tables.asks.capacity
    for row in which:
        count, _ = find_best(tables, rows.bid[row], closed, 0, scratch, Found(net, ask, value, units))
        if count == 0:
            continue
        there = ask[0]
        holders = hold(holders, there, np.int64(0), row, units[0])
        rows.ask_of[row], rows.value_of[row], rows.units_of[row] = there, value[0], units[0]
        free[there] -= units[0]
        if free[there] == 0:
            set_price(closed, there, np.int64(OUT_OF_REACH))
            renew_bounds(tables, closed)
    return holders
