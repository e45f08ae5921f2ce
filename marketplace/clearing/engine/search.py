"""What one bid looks for among all asks: the few that leave it most, exactly, without looking at the others."""

from typing import NamedTuple

import numpy as np
from numba import njit

from marketplace.clearing.engine.jit import INNER, KERNEL
from marketplace.clearing.engine.tables import (
    BLOCK,
    CHUNK,
    DIVISORS,
    GPUS,
    GREATEST_HOURLY,
    LESS,
    MINIMUM,
    PLACE,
    PROVIDER,
    STAKE,
    Tables,
)

NEVER = np.float32(np.inf)
EVERYWHERE = np.uint64(2**64 - 1)
CUT = 1 << 52
"""Values beyond this (4.5 billion USDC) count as equal: prices still hold."""
_PER_HOUR, _, _PER_GB_HOUR, _PER_GFUEL, _PER_GB, _ = (int(one) for one in DIVISORS)
_UP = np.float32(1 + 2**-19)


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
    """(H, 7, CHUNK): the lines of `FloorTable.of_blocks` of the asks that have no price; NEVER where all have one."""
    idle_chunks: np.ndarray
    """(7, H)."""
    busy_blocks: np.ndarray
    """(H, 8, CHUNK): of the asks that have a price, and last that price."""
    busy_chunks: np.ndarray
    """(8, H)."""


class Scratch(NamedTuple):
    """Bounds on chunks, on the blocks of those that were opened, and on the asks of one block."""

    groups: np.ndarray
    """Of `CHUNK` chunks each, the least bound."""
    chunks: np.ndarray
    blocks: np.ndarray
    costs: np.ndarray
    seen: np.ndarray
    """(4,) int64: searches, and how many chunks, blocks and asks they looked into."""


@njit(**INNER)
def line_cost(whole, part, rate, divisor):
    """`ceil((whole * divisor + part) * rate / divisor)` without overflow where the result has none."""
    if part == 0 or rate == 0:
        return whole * rate
    times, rest = rate // divisor, rate % divisor
    return whole * rate + part * times + (part * rest + divisor - 1) // divisor


@njit(**INNER)
def quote_of(tables, bid, ask):
    """What the ask's rates come to for the bid, micro-USDC."""
    whole, part, record = tables.bids.whole, tables.bids.part, tables.asks.record
    total = line_cost(whole[bid, 0], part[bid, 0], record[ask, 0], _PER_HOUR)
    total += line_cost(whole[bid, 1], part[bid, 1], record[ask, 1], _PER_HOUR)
    total += line_cost(whole[bid, 2], part[bid, 2], record[ask, 2], _PER_GB_HOUR)
    total += line_cost(whole[bid, 3], part[bid, 3], record[ask, 3], _PER_GFUEL)
    total += line_cost(whole[bid, 4], part[bid, 4], record[ask, 4], _PER_GB)
    return max(total, record[ask, MINIMUM])


@njit(**INNER)
def idle_cost(tables, bid, ask):
    """C_idle: what the lease leaves unused, micro-USDC."""
    bids, record = tables.bids, tables.asks.record
    cost = line_cost(bids.whole[bid, 5], bids.part[bid, 5], record[ask, 5], _PER_HOUR)
    stranded, weight = record[ask, GPUS] - bids.gpus[bid], tables.terms.stranded_weight_bps
    if weight > 0 and stranded > 0:
        rate = min(record[ask, 0], GREATEST_HOURLY)
        hourly = min(line_cost(bids.whole[bid, 5], bids.part[bid, 5], rate, _PER_HOUR), GREATEST_HOURLY)
        cost += stranded * hourly * weight // 10_000
    return cost


@njit(**INNER)
def is_banned(bids, bid, provider):
    """Whether the bid shall not go to this provider, whatever it offers."""
    for place in range(bids.banned_from[bid], bids.banned_to[bid]):  # noqa: SIM110 (no generators in kernels)
        if bids.banned[place] == provider:
            return True
    return False


@njit(**INNER)
def value_of(tables, bid, ask):
    """`2 * (maxPrice - quote - C_idle - preferences) + 1`, or -1 where the pair is not feasible.

    In half micro-USDC, each pair worth one half more: a trade that leaves nobody a surplus still beats none. Only for
    pairs that `rule_out` left, with a floor that is not above maxPrice: quotes of others may not fit into 64 bits.
    """
    bids, record = tables.bids, tables.asks.record
    if bids.limit[bid] > record[ask, STAKE] or is_banned(bids, bid, record[ask, PROVIDER]):
        return -1
    value = bids.limit[bid] - quote_of(tables, bid, ask)
    if value < 0:
        return -1
    value -= idle_cost(tables, bid, ask) + tables.terms.preferences[bids.preference[bid], record[ask, PLACE]]
    return 2 * min(value, CUT) + 1 if value >= 0 else -1


@njit(**INNER)
def ceiling_of(tables, bid, threshold):
    """No ask whose cost in floats, price included, is above this leaves the bid more than `threshold`."""
    room = tables.bids.limit[bid] + 1 - threshold // 2
    return np.float32(max(room, 0)) * _UP + np.float32(1e-30)


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
def least_of(bounds, first):
    """The least of `CHUNK` bounds."""
    lowest = NEVER
    for n in range(CHUNK):
        lowest = lowest if lowest < bounds[first + n] else bounds[first + n]
    return lowest


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


@njit(**INNER)
def sift_up(nets, found, values, count):
    """Restore the heap (least net first) after its last entry came."""
    child = count - 1
    while child > 0:
        parent = (child - 1) >> 1
        if nets[parent] <= nets[child]:
            return
        _swap(nets, found, values, parent, child)
        child = parent


@njit(**INNER)
def sift_down(nets, found, values, count):
    """Restore the heap (least net first) after its first entry changed."""
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= count:
            return
        if child + 1 < count and nets[child + 1] < nets[child]:
            child += 1
        if nets[parent] <= nets[child]:
            return
        _swap(nets, found, values, parent, child)
        parent = child


@njit(**INNER)
def _swap(nets, found, values, one, other):
    nets[one], nets[other] = nets[other], nets[one]
    found[one], found[other] = found[other], found[one]
    values[one], values[other] = values[other], values[one]


@njit(**KERNEL)
def find_best(tables, bid, prices, threshold, scratch, nets, found, values):
    """The asks that leave the bid most at these prices, and more than `threshold`; at most as many as `nets` holds.

    Returns (count, unseen): `nets`, `found` and `values` are filled to `count`, in no order; no other ask leaves more
    than `unseen`.
    """
    bound_chunks(tables, bid, prices, scratch)
    rates, price_floors, w = tables.floors.of_asks, prices.floors, tables.bids.weights
    weights = (w[bid, 0], w[bid, 1], w[bid, 2], w[bid, 3], w[bid, 4], w[bid, 5])
    room = nets.shape[0]
    count = 0
    ceiling = ceiling_of(tables, bid, threshold)
    scratch.seen[0] += 1
    while True:
        chunk = take_cheapest(scratch, ceiling)
        if chunk < 0:
            return count, threshold
        scratch.seen[1] += 1
        bound_blocks(tables, bid, chunk, prices, scratch.blocks)
        for place in range(CHUNK):
            if scratch.blocks[place] > ceiling or excludes(tables.floors, tables.bids, bid, chunk, place):
                continue
            scratch.seen[2] += 1
            block = chunk * CHUNK + place
            write_floors(rates, price_floors, weights, block, scratch.costs)
            if least_floor(scratch.costs) > ceiling:
                continue
            rule_out(tables.floors, tables.bids, bid, block, scratch.costs)
            for n in range(BLOCK):
                if scratch.costs[n] > ceiling:
                    continue
                scratch.seen[3] += 1
                ask = block * BLOCK + n
                value = value_of(tables, bid, ask)
                net = value - prices.exact[ask]
                if value < 0 or net <= threshold:
                    continue
                if count < room:
                    nets[count], found[count], values[count] = net, ask, value
                    count += 1
                    sift_up(nets, found, values, count)
                else:
                    nets[0], found[0], values[0] = net, ask, value
                    sift_down(nets, found, values, count)
                if count == room:
                    threshold = nets[0]
                    ceiling = ceiling_of(tables, bid, threshold)


@njit(**INNER)
def set_price(tables, prices, ask, price):
    """An ask's new price (half micro-USDC), higher than the last one, and the bounds that this changes."""
    rates = tables.floors.of_asks
    block, spot = ask // BLOCK, ask % BLOCK
    chunk, place = block // CHUNK, block % CHUNK
    was_idle = prices.exact[ask] == 0
    prices.exact[ask] = price
    prices.floors[block, spot] = np.float32(price // 2) * LESS
    idle, busy = prices.idle_blocks, prices.busy_blocks
    if was_idle:
        for line in range(MINIMUM + 1):
            idle_least, busy_least = NEVER, NEVER
            for n in range(BLOCK):
                rate = rates[block, line, n]
                if prices.exact[block * BLOCK + n] > 0:
                    busy_least = min(busy_least, rate)
                else:
                    idle_least = min(idle_least, rate)
            idle[chunk, line, place], busy[chunk, line, place] = idle_least, busy_least
            prices.idle_chunks[line, chunk] = least_of(idle[chunk, line], 0)
            prices.busy_chunks[line, chunk] = least_of(busy[chunk, line], 0)
    least = NEVER
    for n in range(BLOCK):
        floor = prices.floors[block, n] if prices.exact[block * BLOCK + n] > 0 else NEVER
        least = least if least < floor else floor
    busy[chunk, MINIMUM + 1, place] = least
    prices.busy_chunks[MINIMUM + 1, chunk] = least_of(busy[chunk, MINIMUM + 1], 0)


@njit(**KERNEL)
def set_prices(tables, prices, asks, amounts):
    """New prices of several asks."""
    for n in range(asks.shape[0]):
        set_price(tables, prices, asks[n], amounts[n])


def start_prices(tables: Tables) -> Prices:
    """Nothing costs anything yet."""
    floors = tables.floors
    blocks, lines, width = floors.of_asks.shape
    chunks = floors.of_chunks.shape[1]
    return Prices(
        exact=np.zeros(blocks * width, dtype=np.int64),
        floors=np.zeros((blocks, width), dtype=np.float32),
        idle_blocks=floors.of_blocks.copy(),
        idle_chunks=floors.of_chunks.copy(),
        busy_blocks=np.full((chunks, lines + 1, CHUNK), NEVER),
        busy_chunks=np.full((lines + 1, chunks), NEVER),
    )


def make_scratch(tables: Tables) -> Scratch:
    """Room that a search works in; one for each thread."""
    chunks = tables.floors.of_chunks.shape[1]
    groups = -(-chunks // CHUNK)
    return Scratch(
        np.full(groups, NEVER),
        np.full(groups * CHUNK, NEVER),
        np.empty(CHUNK, dtype=np.float32),
        np.empty(BLOCK, dtype=np.float32),
        np.zeros(4, dtype=np.int64),
    )
