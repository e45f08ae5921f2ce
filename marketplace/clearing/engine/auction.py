"""Bertsekas' forward auction for the assignment market, in integers, over candidates that are looked up when needed.

    maximise    sum_i value[i, a(i)]     over assignments a of rows to asks (or to nothing, value 0)
    subject to  sum of units[i, j] over the rows at ask j  <=  capacity[j]

A row is one replica of a bid. Each unassigned row bids for the ask that is best for it at current prices and raises
the price of its units until it is within epsilon of the row's second choice (which may be to stay out). Prices start
at zero and only rise. Where each row takes one unit, a unit that got a bid stays assigned: so idle units keep price
zero, and with every row within epsilon of its best choice the assignment is within the sum of the epsilons of the
optimum (Bertsekas 1988, complementary slackness).

A row that takes several units (a gang) pays for each what the last one costs that must be given up for it. Those who
had to go may leave units idle at a price: who wants them at that price gets them, in the auction or after it
(`engine.leftovers`). How far that is from the optimum the certificate says.

A row knows a handful of candidates, best first, and that no other ask left it more than so much when it looked. Prices
only rise, so that stays true; when the best of its candidates leaves less than that, the row looks again, for more.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from marketplace.clearing.engine.heap import Found, sort_best_first
from marketplace.clearing.engine.holders import evict_lowest, hold, level_beyond, lowest_level
from marketplace.clearing.engine.prices import renew_bounds, set_price
from marketplace.clearing.engine.search import find_best
from marketplace.jit import INNER, KERNEL

UNASSIGNED = -1
FEWEST, MOST = 16, 128
"""How many candidates a row looks for first, and at most."""
WIDER = 4
"""How many times as many the next time."""
AT_ONCE = 512
"""Rows that look again together, so that several threads can."""
MOST_DOUBLINGS = 12
"""After which an epsilon of 500 millionths is twice what its row can gain: nobody is outbid again and again."""
UNSORTED = 16
"""Rows at an ask among which a gang finds those that must go in the time of one bid."""
WORK_FACTOR = 400
"""Bids per row and ask before every epsilon is doubled: bounds the work of adversarial markets. After the last
doubling the auction ends, whoever still waits."""


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
    units_of: np.ndarray
    """(R,) int64: how many units it has there."""
    known: Found
    """(R, MOST) int64 each: its candidates, and what they left it when it looked."""
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
def look(tables, rows, row, prices, scratch):
    """Find a row's candidates at these prices."""
    width, known = rows.width[row], rows.known
    net, ask = known.net[row, :width], known.ask[row, :width]
    value, units = known.value[row, :width], known.units[row, :width]
    count, unseen = find_best(tables, rows.bid[row], prices, 0, scratch, Found(net, ask, value, units))
    sort_best_first(net, ask, value, units, count)
    rows.count[row], rows.unseen[row] = count, unseen
    rows.width[row] = min(WIDER * width, known.net.shape[1])


@njit(**KERNEL)
def look_all(tables, rows, which, prices, scratch):
    """Find the candidates of several rows."""
    for row in which:
        look(tables, rows, row, prices, scratch)


@njit(**INNER)
def _price_of(holders, prices, ask, units, free):
    """What each of so many units costs."""
    posted = prices[ask]
    return posted if units == 1 or free >= units else level_beyond(holders, ask, units - free, posted)


@njit(**INNER)
def _choose(known, row, count, prices, holders, capacity):
    """The best net, which candidate leaves it, the second best net, the price of a unit there, and what the best of
    all would leave at posted prices: less than that only where a gang has to make others go."""
    best, second, posted, place, price_there = np.int64(-1), np.int64(-1), np.int64(-1), -1, np.int64(0)
    for n in range(count):
        if known.net[row, n] <= second:
            break  # prices only rise, and those that follow left it even less
        ask, units, value = known.ask[row, n], known.units[row, n], known.value[row, n]
        if value - units * prices[ask] <= second:
            continue
        price = _price_of(holders, prices, ask, units, capacity[ask] - holders.taken[ask])
        net = value - units * price
        posted = max(posted, value - units * prices[ask])
        if net > best:
            best, second, place, price_there = net, best, n, price
        elif net > second:
            second = net
    return best, second, place, price_there, posted


@njit(**INNER)
def _fallback(holders, prices, ask, units, free, value):
    """What the row would have of as many other units of the same ask."""
    if free >= 2 * units:
        return value - units * prices[ask]
    level = level_beyond(holders, ask, 2 * units - free, prices[ask])
    return value - units * level if level >= 0 else np.int64(-1)


@njit(**KERNEL)
def bid_all(tables, rows, queue, prices, holders, scratch, work_factor):
    """Rows bid until each has an ask or wants none any more, or until `AT_ONCE` want to look again.

    Returns the holders of the units; `queue` says who is left.
    """
    asks = tables.asks.ask.shape[0]
    capacity, exact, known = tables.asks.capacity, prices.exact, rows.known
    waiting, starved, size, work = queue.waiting, queue.starved, queue.size, queue.work
    while True:
        if size[0] == 0:
            renew_bounds(tables, prices)
            if size[1] == 0 or size[1] > 32:
                return holders
            while size[1] > 0:
                size[1] -= 1
                look(tables, rows, starved[size[1]], prices, scratch)
                waiting[size[0]] = starved[size[1]]
                size[0] += 1
        size[0] -= 1
        row = waiting[size[0]]
        best, second, place, price, posted = _choose(known, row, rows.count[row], exact, holders, capacity)
        if rows.unseen[row] > max(posted, 0):
            starved[size[1]] = row
            size[1] += 1
            if size[1] == starved.shape[0]:
                renew_bounds(tables, prices)
                return holders
            continue
        if place < 0 or best < known.units[row, place]:
            continue  # prices only rise: this row stays out for good
        ask, value, units = known.ask[row, place], known.value[row, place], known.units[row, place]
        free = capacity[ask] - holders.taken[ask]
        second = max(second, rows.unseen[row], _fallback(holders, exact, ask, units, free, value), 0)
        step = max(rows.epsilon[row] << work[0], units)
        level = price + min(best, max(step, best - second + step)) // units
        while free < units:
            evicted = evict_lowest(holders, ask)
            rows.ask_of[evicted] = UNASSIGNED
            waiting[size[0]] = evicted
            size[0] += 1
            free = capacity[ask] - holders.taken[ask]
        holders = hold(holders, ask, level, row, units)
        rows.ask_of[row], rows.value_of[row], rows.units_of[row] = ask, value, units
        if free == units and lowest_level(holders, ask) > exact[ask]:
            set_price(prices, ask, lowest_level(holders, ask))
        work[1] -= 1 if units == 1 else 1 + holders.size[ask] // UNSORTED
        if work[1] > 0:
            continue
        if work[0] == MOST_DOUBLINGS:
            size[:] = 0
            return holders
        work[0] += 1
        work[1] = work_factor * (rows.bid.shape[0] + asks)
