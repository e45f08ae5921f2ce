"""What one bid looks for among all asks: the few that leave it most, exactly, without looking at the others."""

from numba import njit

from marketplace.clearing.engine.bounds import (
    bound_blocks,
    bound_chunks,
    excludes,
    least_floor,
    rule_out,
    take_cheapest,
    write_floors,
)
from marketplace.clearing.engine.tables import BLOCK, CHUNK, LIMIT, PROVIDER
from marketplace.clearing.engine.value import ceiling_of, is_banned, value_of
from marketplace.jit import INNER, KERNEL


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
    bids, floors, wish, record = tables.bids, tables.floors, tables.bids.record, tables.asks.record
    preferences, row, weight_bps = tables.terms.preferences, bids.preference[bid], tables.terms.stranded_weight_bps
    limit, is_barred = wish[bid, LIMIT], bids.banned_to[bid] > bids.banned_from[bid]
    rates, price_floors, w = floors.of_asks, prices.floors, bids.weights
    weights = (w[bid, 0], w[bid, 1], w[bid, 2], w[bid, 3], w[bid, 4], w[bid, 5])
    room = nets.shape[0]
    count = 0
    ceiling = ceiling_of(limit, threshold)
    scratch.seen[0] += 1
    while True:
        chunk = take_cheapest(scratch, ceiling)
        if chunk < 0:
            return count, threshold
        scratch.seen[1] += 1
        bound_blocks(tables, bid, chunk, prices, scratch.blocks)
        for place in range(CHUNK):
            if scratch.blocks[place] > ceiling or excludes(floors, bids, bid, chunk, place):
                continue
            scratch.seen[2] += 1
            block = chunk * CHUNK + place
            write_floors(rates, price_floors, weights, block, scratch.costs)
            if least_floor(scratch.costs) > ceiling:
                continue
            rule_out(floors, bids, bid, block, scratch.costs)
            for n in range(BLOCK):
                if scratch.costs[n] > ceiling:
                    continue
                scratch.seen[3] += 1
                ask = block * BLOCK + n
                value = value_of(wish, record, preferences, row, weight_bps, bid, ask)
                net = value - prices.exact[ask]
                if value < 0 or net <= threshold:
                    continue
                if is_barred and is_banned(bids, bid, record[ask, PROVIDER]):
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
                    ceiling = ceiling_of(limit, threshold)
