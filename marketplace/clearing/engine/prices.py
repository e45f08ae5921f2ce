"""Prices of units while a round is computed, and bounds on them."""

from typing import NamedTuple

import numpy as np
from numba import njit

from marketplace.clearing.engine.bundles import SCALES
from marketplace.clearing.engine.tables import BLOCK, CHUNK, FAR, LESS, MINIMUM, NEVER, Tables
from marketplace.jit import INNER, KERNEL


class Prices(NamedTuple):
    """What units cost, besides the quote, and bounds from below on rates and prices of the asks of a block and a chunk.

    Asks with a price are bounded apart from those without: the cheapest ones of a block are those that get a price, and
    together they would be bounded by rates of the ones and no price of the others.
    """

    exact: np.ndarray
    """(A,) int64, half micro-USDC. The others are float32, micro-USDC, not above."""
    floors: np.ndarray
    """(C, BLOCK)."""
    idle_blocks: np.ndarray
    """(H, 7, CHUNK): the lines of `FloorTable.of_blocks` of the asks that have no price."""
    idle_chunks: np.ndarray
    """(7, H)."""
    busy_blocks: np.ndarray
    """(H, 8, CHUNK): of the asks that have a price, and last that price."""
    busy_chunks: np.ndarray
    """(8, H)."""
    bundle_blocks: np.ndarray
    """(H, 2 * 8, CHUNK): the least of `scale * bundle + price`, of each of `BUNDLES` for each of `SCALES`. For one ask
    that is a straight line over the scale, and the least of such lines is concave: between two scales it lies above
    the chord. A live book has none, and here no lines."""
    bundle_chunks: np.ndarray
    """(2 * 8, H)."""
    is_stale: np.ndarray
    """(C,) bool: whether prices of a block have risen since its bounds were computed. They hold, but exclude less."""
    stale: np.ndarray
    """(C,) int64: which blocks those are."""
    stale_count: np.ndarray
    """(1,) int64."""


@njit(**INNER)
def least_of(bounds, first):
    """The least of `CHUNK` bounds."""
    lowest = NEVER
    for n in range(CHUNK):
        lowest = lowest if lowest < bounds[first + n] else bounds[first + n]
    return lowest


@njit(**INNER)
def _bound_bundles(bundles, price_floors, block, out, place):
    """A block's `bundle_blocks`, into `out` (2 * 8, CHUNK) at `place`."""
    count = len(SCALES)
    for row in range(out.shape[0]):
        scale, kind = SCALES[row % count], row // count
        least = FAR
        for n in range(BLOCK):
            # A filler costs so much at every scale, also at none.
            cost = scale * bundles[block, kind, n] + price_floors[block, n] if bundles[block, kind, n] < FAR else FAR
            least = least if least < cost else cost
        out[row, place] = least


@njit(**INNER)
def set_price(prices, ask, price):
    """An ask's new price (half micro-USDC), higher than the last one. Bounds stay true, and want to be renewed."""
    block = ask // BLOCK
    prices.exact[ask] = price
    prices.floors[block, ask % BLOCK] = np.float32(price) * np.float32(0.5) * LESS
    if not prices.is_stale[block]:
        prices.is_stale[block] = True
        prices.stale[prices.stale_count[0]] = block
        prices.stale_count[0] += 1


@njit(**KERNEL)
def renew_bounds(tables, prices):
    """Bounds as tight as prices that have risen allow."""
    for n in range(prices.stale_count[0]):
        block = prices.stale[n]
        prices.is_stale[block] = False
        _renew_block(tables.floors, prices, block)
    prices.stale_count[0] = 0


@njit(**INNER)
def _renew_block(floors, prices, block):
    chunk, place = block // CHUNK, block % CHUNK
    idle, busy, of_bundles = prices.idle_blocks[chunk], prices.busy_blocks[chunk], prices.bundle_blocks[chunk]
    for line in range(MINIMUM + 2):
        none = NEVER if line >= MINIMUM else FAR
        idle_least, busy_least = none, none
        for n in range(BLOCK):
            price = prices.floors[block, n]
            rate = floors.of_asks[block, line, n] if line <= MINIMUM else price
            idle_least = min(idle_least, none if price > 0 else rate)
            busy_least = min(busy_least, rate if price > 0 else none)
        busy[line, place] = busy_least
        prices.busy_chunks[line, chunk] = least_of(busy[line], 0)
        if line <= MINIMUM:
            idle[line, place] = idle_least
            prices.idle_chunks[line, chunk] = least_of(idle[line], 0)
    _bound_bundles(floors.bundles, prices.floors, block, of_bundles, place)
    for row in range(of_bundles.shape[0]):
        prices.bundle_chunks[row, chunk] = least_of(of_bundles[row], 0)


@njit(**KERNEL)
def set_prices(tables, prices, asks, amounts):
    """New prices of several asks."""
    for n in range(asks.shape[0]):
        set_price(prices, asks[n], amounts[n])
    renew_bounds(tables, prices)


@njit(**KERNEL)
def _bound_all_bundles(bundles, price_floors, bundle_blocks):
    for block in range(bundles.shape[0]):
        _bound_bundles(bundles, price_floors, block, bundle_blocks[block // CHUNK], block % CHUNK)


def start_prices(tables: Tables) -> Prices:
    """Nothing costs anything yet."""
    floors = tables.floors
    blocks, lines, width = floors.of_asks.shape
    chunks = floors.of_chunks.shape[1]
    nothing = np.array([FAR] * MINIMUM + [NEVER, NEVER])
    price_floors = np.zeros((blocks, width), dtype=np.float32)
    of_bundles = np.empty((chunks, floors.bundles.shape[1] * len(SCALES), CHUNK), dtype=np.float32)
    _bound_all_bundles(floors.bundles, price_floors, of_bundles)
    return Prices(
        exact=np.zeros(blocks * width, dtype=np.int64),
        floors=price_floors,
        idle_blocks=floors.of_blocks.copy(),
        idle_chunks=floors.of_chunks.copy(),
        busy_blocks=np.broadcast_to(nothing[:, None], (chunks, lines + 1, CHUNK)).copy(),
        busy_chunks=np.broadcast_to(nothing[:, None], (lines + 1, chunks)).copy(),
        bundle_blocks=of_bundles,
        bundle_chunks=np.ascontiguousarray(of_bundles.min(axis=2).T),
        is_stale=np.zeros(blocks, dtype=np.bool_),
        stale=np.empty(blocks, dtype=np.int64),
        stale_count=np.zeros(1, dtype=np.int64),
    )
