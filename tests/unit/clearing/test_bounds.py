"""Bounds say where not to look: none is above what any ask of its block or chunk costs, price included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.clearing.engine.bounds import EVERYWHERE, bound_blocks, bound_chunks, make_scratch
from marketplace.clearing.engine.bundles import BUNDLES, SCALES
from marketplace.clearing.engine.prices import set_prices, start_prices
from marketplace.clearing.engine.tables import BLOCK, CHUNK, FAR, MINIMUM, NEVER, floor32
from marketplace.clearing.engine.value import OUT_OF_REACH
from tests.unit.clearing.tables import random_tables

ASKS = 2 * BLOCK * CHUNK + 100
"""Two whole chunks and one that is mostly filler."""
HOURS = sorted({*SCALES.tolist(), *((SCALES[1:] + SCALES[:-1]) / 2).tolist(), 0.01, 5_000.0})
"""At, between and beyond the scales at which bundles are known."""


def many_amounts(draw: np.random.Generator) -> np.ndarray:
    """(B, 6): bundles at every scale alone and with more of each line, and with one line missing."""
    whole = np.array([[*(hours * bundle), 0, 0, 0] for bundle in BUNDLES.astype(float) for hours in HOURS])
    more = whole + draw.choice([0, 1e-3, 1, 1_000], whole.shape)
    less = more * (draw.integers(0, 6, (len(more), 1)) != np.arange(6))
    return np.concatenate([whole, more, less])


def asking_for(tables, amounts: np.ndarray):
    """The same asks, and bids that take these amounts and nothing forbids."""
    count, bids = len(amounts), tables.bids
    free = bids._replace(
        weights=floor32(amounts),
        forbidden=np.zeros((count, bids.forbidden.shape[1]), dtype=np.uint32),
        needs=np.zeros((count, bids.needs.shape[1]), dtype=np.int32),
        places=np.full(count, EVERYWHERE),
    )
    return tables._replace(bids=free)


def priced(tables, draw: np.random.Generator):
    """Prices that rose twice, half micro-USDC, on half of the asks, on all of some blocks and of a chunk; the least and
    the greatest that there can be among them."""
    prices, real = start_prices(tables), np.flatnonzero(tables.asks.ask >= 0)
    in_chunk, in_blocks = real[real // (BLOCK * CHUNK) == 1], real[real // BLOCK % CHUNK == 3]
    some = np.unique(np.concatenate([draw.choice(real, len(real) // 2, replace=False), in_chunk, in_blocks]))
    amounts = draw.choice([1, 2, 3, 40_000, 3_000_000, OUT_OF_REACH], len(some))
    set_prices(tables, prices, some, np.maximum(1, amounts // 2))
    set_prices(tables, prices, some, amounts)
    return prices


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_no_bound_is_above_what_any_ask_costs(seed):
    draw = np.random.default_rng(seed)
    amounts = many_amounts(draw)
    tables, _ = random_tables(seed, len(amounts), ASKS)
    tables = asking_for(tables, amounts)
    prices, scratch = priced(tables, draw), make_scratch(tables)
    record = tables.asks.record.astype(float)
    chunks = len(record) // (BLOCK * CHUNK)
    for bid, line in enumerate(amounts):
        charged = np.maximum(record[:, :5] @ line[:5], record[:, MINIMUM])
        cost = charged + record[:, 5] * line[5] + prices.exact / 2
        cost[tables.asks.ask < 0] = np.inf
        bound_chunks(tables, bid, prices, scratch)
        assert (scratch.chunks[:chunks] <= cost.reshape(chunks, -1).min(axis=1)).all()
        for chunk in range(chunks):
            bound_blocks(tables, bid, chunk, prices, scratch.blocks)
            of_blocks = cost.reshape(chunks, CHUNK, BLOCK)[chunk].min(axis=1)
            assert (scratch.blocks <= of_blocks).all()


@given(st.integers(0, 10**6))
@settings(max_examples=5, deadline=None, derandomize=True)
def test_renewed_bounds_are_those_that_the_asks_have(seed):
    tables, _ = random_tables(seed, 1, ASKS)
    prices, floors = priced(tables, np.random.default_rng(seed)), tables.floors
    has_price = (prices.floors > 0)[:, None]
    none = np.array([FAR] * MINIMUM + [NEVER, NEVER])[:, None]
    lines = np.concatenate([floors.of_asks, prices.floors[:, None]], axis=1)
    idle = np.where(has_price, none[:-1], floors.of_asks).min(axis=2)
    busy = np.where(has_price, lines, none).min(axis=2)
    with np.errstate(over="ignore"):  # fillers
        at = SCALES[None, None, :, None] * floors.bundles[:, :, None] + prices.floors[:, None, None]
    bundles = np.where(floors.bundles[:, :, None] < FAR, at, FAR).min(axis=3).reshape(len(at), -1)
    for of_blocks, of_chunks, expected in (
        (prices.idle_blocks, prices.idle_chunks, idle),
        (prices.busy_blocks, prices.busy_chunks, busy),
        (prices.bundle_blocks, prices.bundle_chunks, bundles),
    ):
        in_chunks = expected.reshape(len(of_blocks), CHUNK, -1).transpose(0, 2, 1)
        assert (of_blocks == in_chunks).all() and (of_chunks == in_chunks.min(axis=2).T).all()


@given(st.integers(0, 10**6), st.sampled_from(SCALES[1:].tolist()), st.sampled_from(BUNDLES.tolist()))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_a_bound_on_a_whole_bundle_is_what_it_costs(seed, hours, bundle):
    tables, _ = random_tables(seed, 1, ASKS)
    amounts = np.array([[*(hours * np.array(bundle)), 0, 0, 0]])
    tables = asking_for(tables, amounts)
    prices, scratch = priced(tables, np.random.default_rng(seed)), make_scratch(tables)
    record = tables.asks.record.astype(float)
    cost = record[:, :5] @ amounts[0, :5] + prices.exact / 2
    cost[tables.asks.ask < 0] = np.inf
    of_chunks = cost.reshape(-1, BLOCK * CHUNK).min(axis=1)
    bound_chunks(tables, 0, prices, scratch)
    assert (scratch.chunks[: len(of_chunks)] >= of_chunks * (1 - 2**-16)).all()


@pytest.mark.parametrize("price", [1, 2, OUT_OF_REACH])
def test_an_ask_has_a_floor_above_zero_exactly_where_it_has_a_price(price):
    tables, _ = random_tables(1, 1, 200)
    prices = start_prices(tables)
    set_prices(tables, prices, np.array([0, 70]), np.array([price, price]))
    assert (np.flatnonzero(prices.floors) == [0, 70]).all()
    assert (prices.floors <= prices.exact.reshape(prices.floors.shape) / 2).all()
