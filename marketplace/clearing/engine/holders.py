"""Who has the units of each ask: heaps by what a row would give up each of its units for, all of them in one pool."""

from typing import NamedTuple

import numpy as np
from numba import njit

from marketplace.jit import INNER


class Holders(NamedTuple):
    """An ask's heap lies in the pool at `start`, has room for `room` entries and has `size`; (A,) int64 each."""

    start: np.ndarray
    room: np.ndarray
    size: np.ndarray
    taken: np.ndarray
    """(A,) int64: units that rows have."""
    level: np.ndarray
    """(pool,) int64: half micro-USDC, what the row would give up each of its units for."""
    row: np.ndarray
    """(pool,) int64."""
    units: np.ndarray
    """(pool,) int64: how many the row has."""
    used: np.ndarray
    """(1,) int64: how much of the pool is."""


def no_holders(asks: int, rows: int) -> Holders:
    """Nobody has anything."""
    zeros = (np.zeros(asks, dtype=np.int64) for _ in range(4))
    pools = (np.empty(2 * rows + 2, dtype=np.int64) for _ in range(3))
    return Holders(*zeros, *pools, np.zeros(1, dtype=np.int64))


@njit(**INNER)
def lowest_level(holders, ask):
    """What the ask's cheapest unit costs."""
    return holders.level[holders.start[ask]]


@njit(**INNER)
def level_beyond(holders, ask, units, posted):
    """What each of so many units costs, besides those that are free: the level of the last row that would have to go.

    `posted` is the least that it is; -1 where the ask has not as many.
    """
    start, size = holders.start[ask], holders.size[ask]
    if size == 0:
        return np.int64(-1)
    if units == 1 or holders.units[start] >= units:
        return max(posted, holders.level[start])
    if units == 2 and size > 1:
        second = holders.level[start + 1]
        return max(posted, min(second, holders.level[start + 2]) if size > 2 else second)
    gone = np.int64(0)
    for place in np.argsort(holders.level[start : start + size]):
        gone += holders.units[start + place]
        if gone >= units:
            return max(posted, holders.level[start + place])
    return np.int64(-1)


@njit(**INNER)
def evict_lowest(holders, ask):
    """Take the units of the row that would give them up for least; which row it was."""
    start, size = holders.start[ask], holders.size[ask]
    evicted = holders.row[start]
    holders.taken[ask] -= holders.units[start]
    holders.size[ask] = size - 1
    last = start + size - 1
    holders.level[start], holders.row[start] = holders.level[last], holders.row[last]
    holders.units[start] = holders.units[last]
    _sift_down(holders, start, size - 1)
    return evicted


@njit(**INNER)
def hold(holders, ask, level, row, units):
    """The row takes units that nobody has. Returns the holders: the pool may have grown."""
    if holders.size[ask] == holders.room[ask]:
        holders = _grow(holders, ask)
    spot = holders.start[ask] + holders.size[ask]
    holders.level[spot], holders.row[spot], holders.units[spot] = level, row, units
    holders.size[ask] += 1
    holders.taken[ask] += units
    _sift_up(holders, holders.start[ask], holders.size[ask])
    return holders


@njit(**INNER)
def _grow(holders, ask):
    """Twice the room for an ask's heap, at the end of the pool, which doubles when it is full."""
    level, row, units, used = holders.level, holders.row, holders.units, holders.used[0]
    room = max(1, 2 * holders.room[ask])
    if used + room > level.shape[0]:
        least = used + room
        level, row, units = _doubled(level, least), _doubled(row, least), _doubled(units, least)
    old, size = holders.start[ask], holders.size[ask]
    for pool in (level, row, units):
        pool[used : used + size] = pool[old : old + size]
    holders.start[ask], holders.room[ask], holders.used[0] = used, room, used + room
    return Holders(
        holders.start, holders.room, holders.size, holders.taken, level, row, units, holders.used
    )  # fmt: skip


@njit(**INNER)
def _doubled(pool, least):
    bigger = np.empty(2 * least, dtype=np.int64)
    bigger[: pool.shape[0]] = pool
    return bigger


@njit(**INNER)
def _swap(holders, here, there):
    holders.level[here], holders.level[there] = holders.level[there], holders.level[here]
    holders.row[here], holders.row[there] = holders.row[there], holders.row[here]
    holders.units[here], holders.units[there] = holders.units[there], holders.units[here]


@njit(**INNER)
def _sift_down(holders, start, size):
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            return
        if child + 1 < size and holders.level[start + child + 1] < holders.level[start + child]:
            child += 1
        if holders.level[start + parent] <= holders.level[start + child]:
            return
        _swap(holders, start + parent, start + child)
        parent = child


@njit(**INNER)
def _sift_up(holders, start, size):
    child = size - 1
    while child > 0:
        parent = (child - 1) >> 1
        if holders.level[start + parent] <= holders.level[start + child]:
            return
        _swap(holders, start + parent, start + child)
        child = parent
