"""The lowest prices that support an assignment, and what they certify.

The auction's own prices are what rows *would* have paid. What they are charged is the lowest vector that leaves
nobody better off elsewhere by more than epsilon: the least fixed point of

    rent[l] >= value[i, l] - (value[i, a(i)] - rent[a(i)]) - epsilon_i   for assigned rows i
    rent[l] >= value[i, l] - epsilon_i                                   for rows left out

which exists because the auction's prices satisfy it, and lies below them. This is the renters' optimum of the core
(Shapley & Shubik 1971; Demange, Gale & Sotomayor 1986): without scarcity there is no rent.

From zero upwards: a row that would rather be elsewhere raises the rent there, whoever is there looks again. First at
the asks that it knows; only when that has come to rest at all others, which seldom finds any.
"""

import numpy as np
from numba import njit

from marketplace.clearing.engine.auction import UNASSIGNED
from marketplace.clearing.engine.prices import set_price
from marketplace.clearing.engine.search import find_best
from marketplace.jit import INNER, KERNEL

AT_A_TIME = 8
"""Better asks that a row takes note of in one search."""


@njit(**INNER)
def enough_for(rows, row, doubled, rents):
    """What an ask must leave a row for it to go there: more than where it is, and than epsilon. Half micro-USDC."""
    profit = np.int64(0)
    if rows.ask_of[row] != UNASSIGNED:
        profit = rows.value_of[row] - rents.exact[rows.ask_of[row]]
    return profit + (rows.epsilon[row] << doubled)


@njit(**KERNEL)
def raise_known(tables, rows, first_rows, doubled, holders, rents, unsure):
    """Raise `rents` until none of the rows would rather be at an ask that it knows, beginning with these rows.

    Marks as `unsure` (R,) whose own rent has risen: asks that it does not know may be better now.
    """
    count = rows.bid.shape[0]
    queue, queued = np.empty(count, dtype=np.int64), np.zeros(count, dtype=np.bool_)
    first, size = 0, first_rows.shape[0]
    for n in range(size):
        queue[n] = first_rows[n]
        queued[queue[n]] = True
    while size > 0:
        row = queue[first]
        queued[row] = False
        first = first + 1 if first + 1 < count else 0
        size -= 1
        enough = enough_for(rows, row, doubled, rents)
        for n in range(rows.count[row]):
            ask = rows.candidate[row, n]
            needed = rows.value[row, n] - enough
            if needed <= rents.exact[ask]:
                continue
            set_price(tables, rents, ask, needed)
            start = holders.start[ask]
            for spot in range(start, start + holders.size[ask]):
                holder = holders.row[spot]
                unsure[holder] = True
                if not queued[holder]:
                    queued[holder] = True
                    place = first + size
                    queue[place if place < count else place - count] = holder
                    size += 1


@njit(**KERNEL)
def look_for_better(tables, rows, which, doubled, rents, scratch, unsure):
    """Take note of asks where these rows would rather be; a row that finds none is sure, until its own rent rises."""
    nets, found, values = np.empty(AT_A_TIME, np.int64), np.empty(AT_A_TIME, np.int64), np.empty(AT_A_TIME, np.int64)
    room = rows.candidate.shape[1]
    for row in which:
        enough = enough_for(rows, row, doubled, rents)
        better, _ = find_best(tables, rows.bid[row], rents, enough, scratch, nets, found, values)
        unsure[row] = better > 0
        first = min(rows.count[row], room - better)
        for n in range(better):
            rows.candidate[row, first + n], rows.value[row, first + n] = found[n], values[n]
        rows.count[row] = first + better


@njit(**KERNEL)
def best_nets(tables, which, floors, rents, scratch, out):
    """For each bid of `which` the most that any ask leaves it at these rents, or what `floors` says it has, into `out`.

    Half micro-USDC.
    """
    nets, found, values = np.empty(1, np.int64), np.empty(1, np.int64), np.empty(1, np.int64)
    for bid in which:
        better, _ = find_best(tables, bid, rents, floors[bid], scratch, nets, found, values)
        out[bid] = nets[0] if better else floors[bid]
