"""The lowest prices that support an assignment, and what they certify.

The auction's own prices are what rows *would* have paid. What they are charged is the lowest vector that leaves
nobody better off elsewhere by more than epsilon: the least fixed point of

    rent[l] >= value[i, l] - (value[i, a(i)] - rent[a(i)]) - epsilon_i   for assigned rows i
    rent[l] >= value[i, l] - epsilon_i                                   for rows left out

which exists because the auction's prices satisfy it, and lies below them. This is the renters' optimum of the core
(Shapley & Shubik 1971; Demange, Gale & Sotomayor 1986): without scarcity there is no rent.

From zero upwards: a row that would rather be elsewhere raises the rent there, whoever is there looks again.
"""

import numpy as np
from numba import njit

from marketplace.clearing.engine.auction import UNASSIGNED
from marketplace.clearing.engine.prices import set_price
from marketplace.clearing.engine.search import find_best
from marketplace.jit import KERNEL


@njit(**KERNEL)
def raise_rents(tables, rows, doubled, holders, rents, scratch):
    """Raise `rents` (half micro-USDC) to the fixed point. `doubled`: how often the auction doubled the epsilons."""
    count = rows.bid.shape[0]
    room = rows.candidate.shape[1]
    nets, found, values = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    queue = np.arange(count)
    queued = np.ones(count, dtype=np.bool_)
    first, size = 0, count
    while size > 0:
        row = queue[first]
        queued[row] = False
        first = first + 1 if first + 1 < count else 0
        size -= 1
        more = True
        while more:
            profit = np.int64(0)
            if rows.ask_of[row] != UNASSIGNED:
                profit = rows.value_of[row] - rents.exact[rows.ask_of[row]]
            enough = profit + (rows.epsilon[row] << doubled)
            better, _ = find_best(tables, rows.bid[row], rents, enough, scratch, nets, found, values)
            more = better == room
            for n in range(better):
                ask = found[n]
                set_price(tables, rents, ask, values[n] - enough)
                start = holders.start[ask]
                for spot in range(start, start + holders.size[ask]):
                    holder = holders.row[spot]
                    if not queued[holder]:
                        queued[holder] = True
                        place = first + size
                        queue[place if place < count else place - count] = holder
                        size += 1


@njit(**KERNEL)
def best_nets(tables, which, floors, rents, scratch, out):
    """For each bid of `which` the most that any ask leaves it at these rents, or what `floors` says it has, into `out`.

    Half micro-USDC.
    """
    nets, found, values = np.empty(1, np.int64), np.empty(1, np.int64), np.empty(1, np.int64)
    for bid in which:
        better, _ = find_best(tables, bid, rents, floors[bid], scratch, nets, found, values)
        out[bid] = nets[0] if better else floors[bid]
