"""An order of asks in which those that cost alike are neighbours: what a bound on a block says is then worth saying."""

import numpy as np
from numba import njit

from marketplace.jit import KERNEL

GREATEST_RATE = 1 << 40


@njit(**KERNEL)
def _split(points, order, first, last, block):
    """Sort `order[first:last]` by the widest line again and again, until halves are blocks."""
    lines = points.shape[0]
    stack = [(first, last)]
    while stack:
        start, end = stack.pop()
        if end - start <= block:
            continue
        widest, line = np.int64(-1), 0
        for n in range(lines):
            low, high = points[n, order[start]], points[n, order[start]]
            for place in range(start, end):
                one = points[n, order[place]]
                low, high = min(low, one), max(high, one)
            if high - low > widest:
                widest, line = high - low, n
        if widest == 0:
            continue
        part = order[start:end]
        keys = points[line][part]
        order[start:end] = part[np.argsort(keys, kind="mergesort")]
        blocks = (end - start + block - 1) // block
        middle = start + (blocks // 2) * block
        stack.append((start, middle))
        stack.append((middle, end))


@njit(**KERNEL)
def _split_all(points, order, bounds, block):
    for n in range(len(bounds) - 1):
        _split(points, order, bounds[n], bounds[n + 1], block)


def order_asks(kit: np.ndarray, rates: np.ndarray, typical: np.ndarray, block: int) -> np.ndarray:
    """Positions of asks: kit by kit, and of a kit by what they cost.

    `typical` (6,) int64 is what a job takes of each line: it weighs the lines' spreads against each other.
    """
    points = np.minimum(rates, GREATEST_RATE) * typical[:, None]
    order = np.argsort(kit, kind="stable")
    bounds = np.r_[0, np.flatnonzero(np.diff(kit[order])) + 1, len(order)]
    _split_all(points, order, bounds, block)
    return order
