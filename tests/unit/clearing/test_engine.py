"""The engine looks at few asks and answers as if it had looked at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.clearing.engine.__main__ import smallest_market
from marketplace.clearing.engine.auction import UNASSIGNED
from marketplace.clearing.engine.bounds import make_scratch
from marketplace.clearing.engine.prices import set_prices, start_prices
from marketplace.clearing.engine.search import find_best
from marketplace.clearing.engine.solve import best_profits, solve
from marketplace.clearing.engine.tables import with_bans
from tests.unit.clearing.dense import lowest_rents
from tests.unit.clearing.tables import random_tables, value

seeds = st.integers(0, 10**6)


def all_values(tables, asks) -> np.ndarray:
    """(B, A) half micro-USDC, -1 where not feasible."""
    return np.array(
        [[value(tables, asks, bid, ask) for ask in range(len(asks.capacity))] for bid in range(len(tables.bids.record))]
    )


def priced(tables, seed: int):
    """Prices on a third of the asks, and the same by the caller's numbers."""
    draw = np.random.default_rng(seed)
    prices = start_prices(tables)
    real = np.flatnonzero(tables.asks.ask >= 0)
    some = draw.choice(real, len(real) // 3, replace=False)
    amounts = draw.integers(1, 2_000_000, len(some))
    set_prices(tables, prices, some, amounts)
    by_ask = np.zeros(tables.asks.count, dtype=np.int64)
    by_ask[tables.asks.ask[some]] = amounts
    return prices, by_ask


@given(seeds, st.sampled_from([1, 4, 20]), st.sampled_from([0, 50_000]))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_search_finds_the_best_of_all_asks_whatever_they_are_priced(seed, room, threshold):
    tables, asks = random_tables(seed, 6, 900)
    prices, by_ask = priced(tables, seed)
    values, scratch = all_values(tables, asks), make_scratch(tables)
    nets, found, worth = (np.empty(room, dtype=np.int64) for _ in range(3))
    for bid, own in enumerate(values):
        count, unseen = find_best(tables, bid, prices, threshold, scratch, nets, found, worth)
        net = np.where(own >= 0, own - by_ask, -1)
        expected = np.sort(net[net > threshold])[::-1]
        assert sorted(nets[:count].tolist(), reverse=True) == expected[:room].tolist()
        assert unseen == (expected[room - 1] if len(expected) >= room else threshold)
        chosen = tables.asks.ask[found[:count]]
        assert (values[bid, chosen] == worth[:count]).all() and (net[chosen] == nets[:count]).all()


@given(seeds)
@settings(max_examples=10, deadline=None, derandomize=True)
def test_search_never_goes_where_a_bid_is_banned(seed):
    tables, asks = random_tables(seed, 4, 300)
    values = all_values(tables, asks)
    banned = {bid: set(asks.provider[np.argsort(-values[bid])[:5]].tolist()) for bid in range(4)}
    tables = with_bans(tables, banned)
    nets, found, worth = (np.empty(300, dtype=np.int64) for _ in range(3))
    for bid in range(4):
        count, _ = find_best(tables, bid, start_prices(tables), 0, make_scratch(tables), nets, found, worth)
        allowed = ~np.isin(asks.provider, list(banned[bid])) & (values[bid] > 0)
        assert set(tables.asks.ask[found[:count]].tolist()) == set(np.flatnonzero(allowed).tolist())


@pytest.mark.parametrize(("bids", "asks", "units"), [(60, 40, 1), (40, 200, 1), (150, 30, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_rents_are_the_lowest_that_leave_nobody_better_off_elsewhere(seed, bids, asks, units):
    tables, table = random_tables(seed, bids, asks, units=units)
    solved = solve(tables, np.arange(bids), 1_000)
    values = all_values(tables, table)
    epsilon = np.maximum(2, values.max(axis=1) * 1_000 // 10**6)
    assert (solved.rent == lowest_rents(values, solved.ask_of, epsilon) // 2).all()
    used = np.bincount(solved.ask_of[solved.ask_of >= 0], minlength=asks)
    assert (used <= table.capacity).all()
    assert (solved.rent[used < table.capacity] == 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_what_is_certified_bounds_the_best_that_any_ask_leaves(seed):
    tables, table = random_tables(seed, 80, 60)
    solved = solve(tables, np.arange(80), 1_000)
    values = all_values(tables, table)
    profits = np.where(values >= 0, (values - 1) // 2 - solved.rent, 0).max(axis=1, initial=0)
    assert (best_profits(tables, np.zeros(80, dtype=np.int64), solved.rent) == profits).all()


@pytest.mark.parametrize("units", [1, 4])
def test_threads_change_nothing(units):
    tables, _ = random_tables(7, 900, 700, units=units)
    one, many = (solve(tables, np.arange(900), 200, threads) for threads in (1, 5))
    assert (one.ask_of == many.ask_of).all() and (one.rent == many.rent).all()
    assert (one.ask_of != UNASSIGNED).sum() > 400


def test_a_bid_that_takes_nothing_of_what_costs_finds_an_ask_that_costs_nothing():
    solved = solve(smallest_market(), np.arange(2), 500)
    assert sorted(solved.ask_of) == [UNASSIGNED, 0]
    assert solved.rent.tolist() == [1_000_000 - 500]


def test_identical_orders_end_in_bounded_work():
    tables, _ = random_tables(1, 1, 1)
    many = tables._replace(bids=tables.bids._replace(**{
        name: np.repeat(column, 400, axis=0) for name, column in tables.bids._asdict().items() if name != "banned"
    }))  # fmt: skip
    assert (solve(many, np.arange(400), 1).ask_of != UNASSIGNED).sum() <= 1
