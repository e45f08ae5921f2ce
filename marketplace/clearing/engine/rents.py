"""The lowest prices that support the assignment, and what they certify.

The auction's own prices are what rows *would* have paid. What they are charged is the lowest vector that leaves
nobody better off elsewhere by more than epsilon: the least fixed point of

    units[i, l] * rent[l] >= value[i, l] - profit[i] - epsilon_i
    profit[i]  =  value[i, a(i)] - units[i, a(i)] * rent[a(i)]   of assigned rows,  0 of rows left out

Where each row takes one unit it exists, because the auction's prices satisfy it, and lies below them. This is the
renters' optimum of the core (Shapley & Shubik 1971; Demange, Gale & Sotomayor 1986): without scarcity there is no rent.
Where rows take several it need not exist: then a rent rises no further than those at the ask can bear, and stays zero
where a unit is idle; who would have paid more there is left out although it would (EUPHEMIA: paradoxically rejected).

From zero upwards: a row that would rather be elsewhere raises the rent there, whoever is there looks again. First at
the asks that it knows; only when that has come to rest at all others, which seldom finds any.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from marketplace.clearing.engine.auction import MOST_DOUBLINGS, UNASSIGNED
from marketplace.clearing.engine.heap import Found
from marketplace.clearing.engine.prices import Prices, renew_bounds, set_price
from marketplace.clearing.engine.search import find_best
from marketplace.clearing.engine.value import OUT_OF_REACH
from marketplace.jit import INNER, KERNEL

AT_A_TIME = 8
"""Better asks that a row takes note of in one search."""


class Rents(NamedTuple):
    """What units cost while rents rise; half micro-USDC."""

    seen: Prices
    """What searches see: the rent, or out of reach where it rises no further."""
    charged: np.ndarray
    """(A,) int64: the rent."""
    most: np.ndarray
    """(A,) int64: what those at the ask can bear; 0 where a unit is idle."""
    work: np.ndarray
    """(2,) int64: how often the epsilons were doubled, and raises left until the next time. After the last doubling no
    rent is raised: who envies then does so by as much as the certificate says."""


@njit(**KERNEL)
def most_bearable(rows, holders, capacity, most):
    """The most that each ask's units can cost with no row there at a loss, and none with an idle unit; into `most`."""
    for ask in range(capacity.shape[0]):
        if capacity[ask] == 0 or holders.taken[ask] < capacity[ask]:
            continue
        least = np.int64(OUT_OF_REACH)
        for spot in range(holders.start[ask], holders.start[ask] + holders.size[ask]):
            row = holders.row[spot]
            least = min(least, rows.value_of[row] // rows.units_of[row])
        most[ask] = least


@njit(**INNER)
def enough_for(rows, row, rents):
    """What an ask must leave a row for it to go there: more than where it is, and than epsilon. Half micro-USDC."""
    profit = np.int64(0)
    if rows.ask_of[row] != UNASSIGNED:
        profit = rows.value_of[row] - rows.units_of[row] * rents.charged[rows.ask_of[row]]
    return profit + (rows.epsilon[row] << rents.work[0])


@njit(**KERNEL)
def raise_known(tables, rows, first_rows, holders, rents, unsure, work_factor):
    """Raise `rents` until none of the rows would rather be at an ask that it knows, beginning with these rows.

    Marks as `unsure` (R,) whose own rent has risen: asks that it does not know may be better now.
    """
    count = rows.bid.shape[0]
    charged, most, seen, known, work = rents.charged, rents.most, rents.seen.exact, rows.known, rents.work
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
        enough = enough_for(rows, row, rents)
        for n in range(rows.count[row]):
            ask, units = known.ask[row, n], known.units[row, n]
            more = known.value[row, n] - enough
            if more <= units * seen[ask]:
                continue
            needed = (more + units - 1) // units
            is_over = work[0] > MOST_DOUBLINGS
            set_price(rents.seen, ask, np.int64(OUT_OF_REACH) if is_over or needed > most[ask] else needed)
            needed = charged[ask] if is_over else min(needed, most[ask])
            work[1] -= 1
            if work[1] == 0:
                work[0] += 1
                work[1] = work_factor * (count + charged.shape[0])
            if needed <= charged[ask]:
                continue
            charged[ask] = needed
            start = holders.start[ask]
            for spot in range(start, start + holders.size[ask]):
                holder = holders.row[spot]
                unsure[holder] = True
                if not queued[holder]:
                    queued[holder] = True
                    place = first + size
                    queue[place if place < count else place - count] = holder
                    size += 1
    renew_bounds(tables, rents.seen)


@njit(**KERNEL)
def look_for_better(tables, rows, which, rents, scratch, unsure):
    """Take note of asks where these rows would rather be; a row that finds none is sure, until its own rent rises."""
    known, room = rows.known, rows.known.net.shape[1]
    room_for = np.empty((4, AT_A_TIME), dtype=np.int64)
    net, ask, value, units = room_for[0], room_for[1], room_for[2], room_for[3]
    for row in which:
        enough = enough_for(rows, row, rents)
        better, _ = find_best(tables, rows.bid[row], rents.seen, enough, scratch, Found(net, ask, value, units))
        unsure[row] = better > 0
        first = min(rows.count[row], room - better)
        for n in range(better):
            known.ask[row, first + n], known.value[row, first + n] = ask[n], value[n]
            known.units[row, first + n] = units[n]
        rows.count[row] = first + better


@njit(**KERNEL)
def best_nets(tables, which, floors, rents, scratch, out):
    """For each bid of `which` the most that any ask leaves it at these rents, or what `floors` says it has, into `out`.

    Half micro-USDC.
    """
    room = np.empty((4, 1), dtype=np.int64)
    net, ask, value, units = room[0], room[1], room[2], room[3]
    for bid in which:
        better, _ = find_best(tables, bid, rents, floors[bid], scratch, Found(net, ask, value, units))
        out[bid] = net[0] if better else floors[bid]
