"""What a search keeps: a heap of so many places, the worst on top, so that better replaces it; and how it is sorted."""

from typing import NamedTuple

import numpy as np
from numba import njit

from marketplace.jit import INNER


class Found(NamedTuple):
    """Asks that a search found, for up to `net.shape[0]`; each (room,) int64, money in half micro-USDC."""

    net: np.ndarray
    """What the ask leaves the bid."""
    ask: np.ndarray
    value: np.ndarray
    """What the ask is worth to it without the price."""
    units: np.ndarray
    """How many units it takes there."""


def make_found(room: int) -> Found:
    """Room for so many asks."""
    return Found(*(np.empty(room, dtype=np.int64) for _ in Found._fields))


@njit(**INNER)
def keep_best(net, ask, value, units, count, entry):
    """Add an entry (net, ask, value, units) if there is room, else in the place of the least. The new count."""
    if count < net.shape[0]:
        _write(net, ask, value, units, count, entry)
        child = count
        while child > 0:
            parent = (child - 1) >> 1
            if net[parent] <= net[child]:
                break
            _swap(net, ask, value, units, parent, child)
            child = parent
        return count + 1
    _write(net, ask, value, units, 0, entry)
    _sink(net, ask, value, units, count)
    return count


@njit(**INNER)
def sort_best_first(net, ask, value, units, count):
    """Put what a search kept in order, the best first."""
    order = np.argsort(-net[:count], kind="mergesort")
    for kept in (net, ask, value, units):
        kept[:count] = kept[:count][order]


@njit(**INNER)
def select(room, count, rank):
    """The float of `rank`, 1 for the least, among the first `count`, which it puts into another order.

    Hoare's algorithm 65, "Find" (CACM 1961).
    """
    first, last, place = 0, count - 1, rank - 1
    while first < last:
        pivot = room[(first + last) >> 1]
        low, high = first, last
        while low <= high:
            while room[low] < pivot:
                low += 1
            while room[high] > pivot:
                high -= 1
            if low <= high:
                room[low], room[high] = room[high], room[low]
                low += 1
                high -= 1
        if place <= high:
            last = high
        elif place >= low:
            first = low
        else:
            break
    return room[place]


@njit(**INNER)
def _write(net, ask, value, units, place, entry):
    net[place], ask[place], value[place], units[place] = entry


@njit(**INNER)
def _sink(net, ask, value, units, count):
    """Restore the heap (least net first) after its first entry changed."""
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= count:
            return
        if child + 1 < count and net[child + 1] < net[child]:
            child += 1
        if net[parent] <= net[child]:
            return
        _swap(net, ask, value, units, parent, child)
        parent = child


@njit(**INNER)
def _swap(net, ask, value, units, one, other):
    net[one], net[other] = net[other], net[one]
    ask[one], ask[other] = ask[other], ask[one]
    value[one], value[other] = value[other], value[one]
    units[one], units[other] = units[other], units[one]
