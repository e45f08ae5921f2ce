"""Lower bounds on what chunks, blocks and asks cost a bid: what they exclude need not be looked at."""

from typing import NamedTuple

import numpy as np
from numba import njit

from marketplace.clearing.engine.bundles import in_bundles
from marketplace.clearing.engine.prices import least_of
from marketplace.clearing.engine.tables import BLOCK, CHUNK, LESS, NEVER, Tables
from marketplace.jit import INNER

WAITING = 512
EVERYWHERE = np.uint64(2**64 - 1)


class Scratch(NamedTuple):
    """Bounds on chunks, on the blocks of those that were opened, and on the asks of one block."""

    groups: np.ndarray
    """Of `CHUNK` chunks each, the least bound."""
    chunks: np.ndarray
    blocks: np.ndarray
    costs: np.ndarray
    waiting: np.ndarray
    """(WAITING,) int64: asks that bounds do not exclude."""
    waiting_costs: np.ndarray
    """(WAITING,) float32."""
    at_most: np.ndarray
    """(WAITING,) float32: what they are known to cost at most, or `NEVER`; in any order."""
    seen: np.ndarray
    """(5,) int64: searches, how many chunks, blocks and asks they looked into, and bits that nobody reads."""


@njit(**INNER)
def bound_chunks(tables, bid, prices, scratch):
    """A lower bound on cost and price in each chunk."""
    bids, floors, bounds = tables.bids, tables.floors, scratch.chunks
    idle, busy = prices.idle_chunks, prices.busy_chunks
    count = idle.shape[1]
    w = bids.weights
    w0, w1, w2, w3, w4, w5 = w[bid, 0], w[bid, 1], w[bid, 2], w[bid, 3], w[bid, 4], w[bid, 5]
    for c in range(count):
        cost = w0 * idle[0, c] + w1 * idle[1, c] + w2 * idle[2, c] + w3 * idle[3, c] + w4 * idle[4, c]
        cost = cost if cost > idle[6, c] else idle[6, c]
        bounds[c] = cost + w5 * idle[5, c]
    for c in range(count):
        cost = w0 * busy[0, c] + w1 * busy[1, c] + w2 * busy[2, c] + w3 * busy[3, c] + w4 * busy[4, c]
        cost = cost if cost > busy[6, c] else busy[6, c]
        cost += w5 * busy[5, c] + busy[7, c]
        bounds[c] = bounds[c] if bounds[c] < cost else cost
    bundles, lines = prices.bundle_chunks, floors.of_chunks
    if bundles.shape[0]:
        row, part, r0, r1, r2 = in_bundles(w, bid)
        for c in range(count):
            cost = bundles[row, c] + part * (bundles[row + 1, c] - bundles[row, c])
            cost += r0 * lines[0, c] + r1 * lines[1, c] + r2 * lines[2, c]
            cost = (cost + w3 * lines[3, c] + w4 * lines[4, c] + w5 * lines[5, c]) * LESS
            bounds[c] = bounds[c] if bounds[c] > cost else cost
    for word in range(floors.chunk_bits.shape[0]):
        forbidden = bids.forbidden[bid, word]
        if forbidden:
            for c in range(count):
                bounds[c] = bounds[c] if (floors.chunk_bits[word, c] & forbidden) == 0 else NEVER
    for kind in range(floors.chunk_numbers.shape[0]):
        need = bids.needs[bid, kind]
        if need > 0:
            for c in range(count):
                bounds[c] = bounds[c] if floors.chunk_numbers[kind, c] >= need else NEVER
    places = bids.places[bid]
    if places != EVERYWHERE:
        for c in range(count):
            bounds[c] = bounds[c] if floors.chunk_places[c] & places else NEVER
    for group in range(scratch.groups.shape[0]):
        scratch.groups[group] = least_of(bounds, group * CHUNK)


@njit(**INNER)
def bound_blocks(tables, bid, chunk, prices, blocks):
    """A lower bound on cost and price in each block of a chunk."""
    idle, busy = prices.idle_blocks, prices.busy_blocks
    w = tables.bids.weights
    w0, w1, w2, w3, w4, w5 = w[bid, 0], w[bid, 1], w[bid, 2], w[bid, 3], w[bid, 4], w[bid, 5]
    for c in range(CHUNK):
        cost = w0 * idle[chunk, 0, c] + w1 * idle[chunk, 1, c] + w2 * idle[chunk, 2, c]
        cost += w3 * idle[chunk, 3, c] + w4 * idle[chunk, 4, c]
        cost = (cost if cost > idle[chunk, 6, c] else idle[chunk, 6, c]) + w5 * idle[chunk, 5, c]
        other = w0 * busy[chunk, 0, c] + w1 * busy[chunk, 1, c] + w2 * busy[chunk, 2, c]
        other += w3 * busy[chunk, 3, c] + w4 * busy[chunk, 4, c]
        other = (other if other > busy[chunk, 6, c] else busy[chunk, 6, c]) + w5 * busy[chunk, 5, c]
        other += busy[chunk, 7, c]
        blocks[c] = cost if cost < other else other
    bundles, lines = prices.bundle_blocks, tables.floors.of_blocks
    if bundles.shape[1] == 0:
        return
    row, part, r0, r1, r2 = in_bundles(w, bid)
    for c in range(CHUNK):
        cost = bundles[chunk, row, c] + part * (bundles[chunk, row + 1, c] - bundles[chunk, row, c])
        cost += r0 * lines[chunk, 0, c] + r1 * lines[chunk, 1, c] + r2 * lines[chunk, 2, c]
        cost = (cost + w3 * lines[chunk, 3, c] + w4 * lines[chunk, 4, c] + w5 * lines[chunk, 5, c]) * LESS
        blocks[c] = blocks[c] if blocks[c] > cost else cost


@njit(**INNER)
def excludes(floors, bids, bid, chunk, place):
    """Whether no ask of the block can serve the bid, whatever it costs."""
    for word in range(floors.block_bits.shape[1]):
        if floors.block_bits[chunk, word, place] & bids.forbidden[bid, word]:
            return True
    for kind in range(floors.block_numbers.shape[1]):
        if floors.block_numbers[chunk, kind, place] < bids.needs[bid, kind]:
            return True
    return floors.block_places[chunk, place] & bids.places[bid] == 0


@njit(**INNER)
def place_of(bounds, first, bound):
    """Which of `CHUNK` bounds it is; it is one of them."""
    while bounds[first] != bound:
        first += 1
    return first


@njit(**INNER)
def take_cheapest(scratch, ceiling):
    """The chunk with the lowest bound, if that is not above `ceiling`, else -1. It is not found again."""
    lowest = NEVER
    for n in range(scratch.groups.shape[0]):
        lowest = lowest if lowest < scratch.groups[n] else scratch.groups[n]
    if lowest > ceiling or lowest == NEVER:
        return -1
    group = place_of(scratch.groups, 0, lowest)
    chunk = place_of(scratch.chunks, group * CHUNK, lowest)
    scratch.chunks[chunk] = NEVER
    scratch.groups[group] = least_of(scratch.chunks, group * CHUNK)
    return chunk


@njit(**INNER)
def floor_of(rates, price_floors, weights, block, n):
    """A lower bound on what an ask costs, price included."""
    w0, w1, w2, w3, w4, w5 = weights
    cost = w0 * rates[block, 0, n] + w1 * rates[block, 1, n] + w2 * rates[block, 2, n]
    cost += w3 * rates[block, 3, n] + w4 * rates[block, 4, n]
    cost = cost if cost > rates[block, 6, n] else rates[block, 6, n]
    return cost + w5 * rates[block, 5, n] + price_floors[block, n]


@njit(**INNER)
def write_floors(rates, price_floors, weights, block, costs):
    """`floor_of` of each ask of a block, into `costs`."""
    for n in range(BLOCK):
        costs[n] = floor_of(rates, price_floors, weights, block, n)


@njit(**INNER)
def least_floor(costs):
    """The least of a block."""
    least = NEVER
    for n in range(BLOCK):
        least = least if least < costs[n] else costs[n]
    return least


@njit(**INNER)
def rule_out(floors, bids, bid, block, costs):
    """NEVER where something but the price speaks against the ask."""
    for word in range(floors.ask_bits.shape[1]):
        forbidden = bids.forbidden[bid, word]
        if forbidden:
            for n in range(BLOCK):
                costs[n] = costs[n] if (floors.ask_bits[block, word, n] & forbidden) == 0 else NEVER
    for kind in range(floors.ask_numbers.shape[1]):
        need = bids.needs[bid, kind]
        if need > 0:
            for n in range(BLOCK):
                costs[n] = costs[n] if floors.ask_numbers[block, kind, n] >= need else NEVER


def make_scratch(tables: Tables) -> Scratch:
    """Room that a search works in; one for each thread."""
    chunks = tables.floors.of_chunks.shape[1]
    groups = -(-chunks // CHUNK)
    return Scratch(
        np.full(groups, NEVER),
        np.full(groups * CHUNK, NEVER),
        np.empty(CHUNK, dtype=np.float32),
        np.empty(BLOCK, dtype=np.float32),
        np.empty(WAITING, dtype=np.int64),
        np.empty(WAITING, dtype=np.float32),
        np.empty(WAITING, dtype=np.float32),
        np.zeros(5, dtype=np.int64),
    )
