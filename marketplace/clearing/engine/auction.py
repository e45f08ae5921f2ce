"""Bertsekas' forward auction for the assignment market, in integers, over candidates that are looked up when needed.

    maximise    sum_i value[i, a(i)]     over assignments a of rows to asks (or to nothing, value 0)
    subject to  at most capacity[j] rows at ask j

A row is one replica of a bid. Each unassigned row bids for the ask that is best for it at current prices and raises
that unit's price until it is within epsilon of the row's second choice (which may be to stay out). Prices start at
zero and only rise, and a unit that got a bid stays assigned: so idle units keep price zero, and with every row within
epsilon of its best choice the assignment is within the sum of the epsilons of the optimum (Bertsekas 1988,
complementary slackness).

A row knows a handful of candidates and that no other ask left it more than so much when it looked. Prices only rise,
so that stays true; when the best of its candidates leaves less than that, the row looks again, for more of them.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from marketplace.clearing.engine.holders import evict_lowest, hold, lowest_level, next_lowest_level
from marketplace.clearing.engine.prices import set_price
from marketplace.clearing.engine.search import find_best
from marketplace.jit import INNER, KERNEL

UNASSIGNED = -1
FEWEST, MOST = 16, 32
"""How many candidates a row looks for first, and at most."""
AT_ONCE = 512
"""Rows that look again together, so that several threads can."""
MOST_DOUBLINGS = 12
"""After which an epsilon of 500 millionths is twice what its row can gain: nobody is outbid again and again."""
WORK_FACTOR = 400
"""Bids per row and ask before every epsilon is doubled: bounds the work of adversarial markets."""


class Rows(NamedTuple):
    """R rows and what each knows: the first `count` of its candidates; all other asks leave it at most `unseen`."""

    bid: np.ndarray
    """(R,) int64."""
    epsilon: np.ndarray
    """(R,) int64, half micro-USDC."""
    ask_of: np.ndarray
    """(R,) int64: where it is, or UNASSIGNED."""
    value_of: np.ndarray
    """(R,) int64, half micro-USDC: what that is worth to it without the price."""
    candidate: np.ndarray
    """(R, MOST) int64 asks."""
    value: np.ndarray
    """(R, MOST) int64, half micro-USDC."""
    count: np.ndarray
    """(R,) int64."""
    unseen: np.ndarray
    """(R,) int64, half micro-USDC."""
    width: np.ndarray
    """(R,) int64: how many it looks for the next time."""


class Queue(NamedTuple):
    """Rows without an ask: `size[0]` that are to bid, the last one first, and `size[1]` that are to look again."""

    waiting: np.ndarray
    starved: np.ndarray
    size: np.ndarray
    work: np.ndarray
    """(2,) int64: how often the epsilons were doubled, and bids left until the next time."""


@njit(**INNER)
def look(tables, rows, row, prices, scratch, nets):
    """Find a row's candidates at these prices."""
    width = rows.width[row]
    count, unseen = find_best(
        tables, rows.bid[row], prices, 0, scratch, nets[:width], rows.candidate[row], rows.value[row]
    )
    rows.count[row], rows.unseen[row] = count, unseen
    rows.width[row] = min(2 * width, rows.candidate.shape[1])


@njit(**KERNEL)
def look_all(tables, rows, which, prices, scratch):
    """Find the candidates of several rows."""
    nets = np.empty(rows.candidate.shape[1], dtype=np.int64)
    for row in which:
        look(tables, rows, row, prices, scratch, nets)


@njit(**INNER)
def _choose(rows, row, prices):
    """The best net, which candidate leaves it, and the second best net."""
    best, second, place = np.int64(-1), np.int64(-1), -1
    for n in range(rows.count[row]):
        net = rows.value[row, n] - prices.exact[rows.candidate[row, n]]
        if net > best:
            best, second, place = net, best, n
        elif net > second:
            second = net
    return best, second, place


@njit(**KERNEL)
def bid_all(tables, rows, queue, prices, holders, scratch, work_factor):
    """Rows bid until each has an ask or wants none any more, or until `AT_ONCE` want to look again.

    Returns the holders of the units; `queue` says who is left.
    """
    asks = tables.asks.ask.shape[0]
    capacity = tables.asks.capacity
    nets = np.empty(rows.candidate.shape[1], dtype=np.int64)
    waiting, starved = queue.waiting, queue.starved
    while True:
        if queue.size[0] == 0:
            if queue.size[1] == 0 or queue.size[1] > 32:
                return holders
            while queue.size[1] > 0:
                queue.size[1] -= 1
                look(tables, rows, starved[queue.size[1]], prices, scratch, nets)
                waiting[queue.size[0]] = starved[queue.size[1]]
                queue.size[0] += 1
        queue.size[0] -= 1
        row = waiting[queue.size[0]]
        best, second, place = _choose(rows, row, prices)
        if rows.unseen[row] > max(best, 0):
            starved[queue.size[1]] = row
            queue.size[1] += 1
            if queue.size[1] == starved.shape[0]:
                return holders
            continue
        if best <= 0:
            continue  # prices only rise: this row stays out for good
        ask, value = rows.candidate[row, place], rows.value[row, place]
        next_level = next_lowest_level(holders, ask, capacity[ask])
        if next_level >= 0:
            second = max(second, value - next_level)
        second = max(second, rows.unseen[row], 0)
        level = prices.exact[ask] + min(best, best - second + (rows.epsilon[row] << queue.work[0]))
        if holders.size[ask] == capacity[ask]:
            evicted = evict_lowest(holders, ask, level, row)
            rows.ask_of[evicted] = UNASSIGNED
            waiting[queue.size[0]] = evicted
            queue.size[0] += 1
        else:
            holders = hold(holders, ask, level, row)
        rows.ask_of[row], rows.value_of[row] = ask, value
        if holders.size[ask] == capacity[ask]:
            set_price(tables, prices, ask, lowest_level(holders, ask))
        queue.work[1] -= 1
        if queue.work[1] == 0 and queue.work[0] < MOST_DOUBLINGS:
            queue.work[0] += 1
            queue.work[1] = work_factor * (rows.bid.shape[0] + asks)
