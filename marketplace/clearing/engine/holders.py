"""Who has the units of each ask: heaps by what a row would give up its unit for, all of them in one pool."""

from typing import NamedTuple

import numpy as np
from numba import njit

from marketplace.jit import INNER


class Holders(NamedTuple):
    """An ask's heap lies in the pool at `start`, has room for `room` entries and has `size`; (A,) int64 each."""

    start: np.ndarray
    room: np.ndarray
    size: np.ndarray
    level: np.ndarray
    """(pool,) int64: half micro-USDC, what the row would give up its unit for."""
    row: np.ndarray
    """(pool,) int64."""
    used: np.ndarray
    """(1,) int64: how much of the pool is."""


def no_holders(asks: int, rows: int) -> Holders:
    """Nobody has anything."""
    pool = 2 * rows + 2
    zeros = (np.zeros(asks, dtype=np.int64) for _ in range(3))
    return Holders(*zeros, np.empty(pool, dtype=np.int64), np.empty(pool, dtype=np.int64), np.zeros(1, dtype=np.int64))


@njit(**INNER)
def lowest_level(holders, ask):
    """What the ask's cheapest unit costs."""
    return holders.level[holders.start[ask]]


@njit(**INNER)
def next_lowest_level(holders, ask, capacity):
    """What the ask's next unit costs once its cheapest is taken; -1 where it has no other."""
    if capacity == 1:
        return np.int64(-1)
    start, size = holders.start[ask], holders.size[ask]
    if size < capacity - 1:
        return np.int64(0)
    if size == capacity - 1:
        return holders.level[start]
    lowest = holders.level[start + 1]
    return min(lowest, holders.level[start + 2]) if size > 2 else lowest


@njit(**INNER)
def evict_lowest(holders, ask, level, row):
    """The row takes the unit that was given up for least; who had it."""
    spot = holders.start[ask]
    evicted = holders.row[spot]
    holders.level[spot], holders.row[spot] = level, row
    _sift_down(holders, spot, holders.size[ask])
    return evicted


@njit(**INNER)
def hold(holders, ask, level, row):
    """The row takes a unit that nobody has. Returns the holders: the pool may have grown."""
    if holders.size[ask] == holders.room[ask]:
        holders = _grow(holders, ask)
    spot = holders.start[ask] + holders.size[ask]
    holders.level[spot], holders.row[spot] = level, row
    holders.size[ask] += 1
    _sift_up(holders, holders.start[ask], holders.size[ask])
    return holders


@njit(**INNER)
def _grow(holders, ask):
    """Twice the room for an ask's heap, at the end of the pool, which doubles when it is full."""
    level, row, used = holders.level, holders.row, holders.used[0]
    room = max(1, 2 * holders.room[ask])
    if used + room > level.shape[0]:
        level, row = _doubled(level, used + room), _doubled(row, used + room)
    old, size = holders.start[ask], holders.size[ask]
    level[used : used + size] = level[old : old + size]
    row[used : used + size] = row[old : old + size]
    holders.start[ask], holders.room[ask], holders.used[0] = used, room, used + room
    return Holders(holders.start, holders.room, holders.size, level, row, holders.used)


@njit(**INNER)
def _doubled(pool, least):
    bigger = np.empty(2 * least, dtype=np.int64)
    bigger[: pool.shape[0]] = pool
    return bigger


@njit(**INNER)
def _swap(holders, here, there):
    holders.level[here], holders.level[there] = holders.level[there], holders.level[here]
    holders.row[here], holders.row[there] = holders.row[there], holders.row[here]


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
