"""The engine looks at few asks and answers as if it had looked at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.clearing.engine.__main__ import smallest_market
from marketplace.clearing.engine.auction import UNASSIGNED
from marketplace.clearing.engine.bounds import EVERYWHERE, make_scratch
from marketplace.clearing.engine.heap import make_found
from marketplace.clearing.engine.prices import set_price, set_prices, start_prices
from marketplace.clearing.engine.search import find_best
from marketplace.clearing.engine.solve import best_profits, solve
from marketplace.clearing.engine.tables import DIVISORS, LIMIT, Terms, amounts_of, make_bids, with_bans
from tests.unit.clearing.dense import linear_bound, lowest_rents
from tests.unit.clearing.tables import copies_of, random_tables, units, value

seeds = st.integers(0, 10**6)


def all_values(tables, asks) -> np.ndarray:
    """(B, A) half micro-USDC, -1 where not feasible."""
    return _of_pairs(value, tables, asks)


def all_units(tables, asks) -> np.ndarray:
    """(B, A) units that the bid takes at the ask; 1 where it is not feasible."""
    return _of_pairs(lambda *pair: units(*pair) if value(*pair) >= 0 else 1, tables, asks)


def _of_pairs(what, tables, asks) -> np.ndarray:
    every_ask, every_bid = range(len(asks.capacity)), range(len(tables.bids.record))
    return np.array([[what(tables, asks, bid, ask) for ask in every_ask] for bid in every_bid])


def undemanding(tables, scale: int):
    """The same, with bids that every ask can serve which they can afford, and that take so many times less."""
    bids = tables.bids
    amounts = np.array([amounts_of(bids, bid) for bid in range(len(bids.record))]) // scale
    return tables._replace(
        bids=make_bids(
            whole=amounts // DIVISORS,
            part=amounts % DIVISORS,
            limit=bids.record[:, LIMIT] // scale,
            wanted=np.zeros((len(amounts), 3), dtype=np.int64),
            needs=np.zeros((len(amounts), 1), dtype=np.int64),
            forbidden=np.zeros_like(bids.forbidden),
            places=np.full_like(bids.places, EVERYWHERE),
            preference=bids.preference,
        )
    )


def priced(tables, seed: int, is_renewed: bool = True, dearest: int = 2_000_000):
    """Prices on a third of the asks, and the same by the caller's numbers."""
    draw = np.random.default_rng(seed)
    prices = start_prices(tables)
    real = np.flatnonzero(tables.asks.ask >= 0)
    some = draw.choice(real, len(real) // 3, replace=False)
    amounts = draw.integers(1, dearest, len(some))
    if is_renewed:
        set_prices(tables, prices, some, amounts)
    else:
        set_prices(tables, prices, some, amounts // 2)
        for ask, amount in zip(some.tolist(), amounts.tolist(), strict=True):
            set_price(prices, ask, amount)
    by_ask = np.zeros(tables.asks.count, dtype=np.int64)
    by_ask[tables.asks.ask[some]] = amounts
    return prices, by_ask


@given(seeds, st.sampled_from([1, 4, 20]), st.sampled_from([0, 50_000]), st.sampled_from([1, 4]), st.booleans())
@settings(max_examples=30, deadline=None, derandomize=True)
def test_search_finds_the_best_of_all_asks_whatever_they_are_priced(seed, room, threshold, widest, is_plain):
    tables, asks = random_tables(seed, 6, 900, units=widest, widest=widest)
    tables = tables._replace(terms=tables.terms._replace(stranded_weight_bps=0 if is_plain else 1_000))
    assert_finds_the_best(tables, asks, priced(tables, seed), room, threshold)


@given(
    seeds, st.sampled_from([1, 7, 100, 450, 600]), st.sampled_from([1, 4]), st.sampled_from([1, 10_000]), st.booleans()
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_search_finds_the_best_where_hundreds_wait_and_bounds_are_not_renewed(seed, room, most, scale, is_renewed):
    tables, asks = random_tables(seed, 2, 900, units=most)
    terms = Terms(tables.terms.preferences // scale, 0 if scale > 1 else seed % 2 * 1_000)
    tables = undemanding(tables._replace(terms=terms), scale)
    assert_finds_the_best(tables, asks, priced(tables, seed, is_renewed, 2_000_000 // scale), room, 0)


def assert_finds_the_best(tables, asks, prices_and_by_ask, room: int, threshold: int) -> None:
    (prices, by_ask), found = prices_and_by_ask, make_found(room)
    values, many, scratch = all_values(tables, asks), all_units(tables, asks), make_scratch(tables)
    for bid, own in enumerate(values):
        count, unseen = find_best(tables, bid, prices, threshold, scratch, found)
        net = np.where(own >= 0, own - many[bid] * by_ask, -1)
        expected = np.sort(net[net > threshold])[::-1]
        assert sorted(found.net[:count].tolist(), reverse=True) == expected[:room].tolist()
        assert unseen == (expected[room - 1] if len(expected) >= room else threshold)
        chosen = tables.asks.ask[found.ask[:count]]
        assert (values[bid, chosen] == found.value[:count]).all() and (net[chosen] == found.net[:count]).all()
        assert (many[bid, chosen] == found.units[:count]).all()


def test_of_thousands_of_equal_asks_a_search_finds_as_many_as_it_has_room_for():
    tables, asks = next(one for seed in range(100) if all_values(*(one := random_tables(seed, 1, 1))).max() > 0)
    best = all_values(tables, asks).max()
    tables = copies_of(tables, asks, 3_000)
    found = make_found(20)
    count, unseen = find_best(tables, 0, start_prices(tables), 0, make_scratch(tables), found)
    assert count == 20 and unseen == best and (found.net == best).all()


@given(seeds)
@settings(max_examples=10, deadline=None, derandomize=True)
def test_search_never_goes_where_a_bid_is_banned(seed):
    tables, asks = random_tables(seed, 4, 300)
    values = all_values(tables, asks)
    banned = {bid: set(asks.provider[np.argsort(-values[bid])[:5]].tolist()) for bid in range(4)}
    tables = with_bans(tables, banned)
    found = make_found(300)
    for bid in range(4):
        count, _ = find_best(tables, bid, start_prices(tables), 0, make_scratch(tables), found)
        allowed = ~np.isin(asks.provider, list(banned[bid])) & (values[bid] > 0)
        assert set(tables.asks.ask[found.ask[:count]].tolist()) == set(np.flatnonzero(allowed).tolist())


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


@given(seeds, st.sampled_from([(60, 40), (40, 90), (150, 30)]))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_gangs_fit_where_they_go_and_nobody_pays_more_than_it_is_worth(seed, size):
    tables, table = random_tables(seed, *size, units=6, widest=4)
    solved = solve(tables, np.arange(size[0]), 1_000)
    values, many = all_values(tables, table), all_units(tables, table)
    rows = np.flatnonzero(solved.ask_of != UNASSIGNED)
    there = solved.ask_of[rows]
    assert (solved.units[rows] == many[rows, there]).all()
    assert (solved.value[rows] == values[rows, there] // 2).all() and (values[rows, there] >= 0).all()
    assert (solved.value[rows] >= solved.units[rows] * solved.rent[there]).all()
    used = np.bincount(there, solved.units[rows], minlength=size[1])
    assert (used <= table.capacity).all() and (solved.rent[used < table.capacity] == 0).all()


@given(seeds)
@settings(max_examples=10, deadline=None, derandomize=True)
def test_what_gangs_leave_idle_goes_to_who_wants_it(seed):
    tables, table = random_tables(seed, 150, 30, units=6, widest=4)
    solved = solve(tables, np.arange(150), 1_000)
    values, many = all_values(tables, table), all_units(tables, table)
    free = table.capacity - np.bincount(
        solved.ask_of[solved.ask_of >= 0], solved.units[solved.ask_of >= 0], minlength=30
    )
    for row in np.flatnonzero(solved.ask_of == UNASSIGNED):
        assert not ((values[row] > 0) & (many[row] <= free)).any()


@pytest.mark.parametrize("seed", range(3))
def test_with_gangs_the_surplus_is_near_that_of_the_linear_program(seed):
    tables, table = random_tables(seed, 300, 120, units=6, widest=4)
    solved = solve(tables, np.arange(300), 500)
    bound = linear_bound(all_values(tables, table), all_units(tables, table), table.capacity)
    assert 0.93 * bound <= 2 * solved.value.sum() <= bound


@pytest.mark.parametrize("seed", range(3))
def test_what_is_certified_bounds_the_best_that_any_ask_leaves(seed):
    tables, table = random_tables(seed, 80, 60)
    solved = solve(tables, np.arange(80), 1_000)
    values = all_values(tables, table)
    profits = np.where(values >= 0, (values - 1) // 2 - solved.rent, 0).max(axis=1, initial=0)
    assert (best_profits(tables, np.zeros(80, dtype=np.int64), solved.rent) == profits).all()


@pytest.mark.parametrize("units", [1, 4])
def test_threads_change_nothing(units):
    tables, _ = random_tables(7, 900, 700, units=units, widest=units)
    one, many = (solve(tables, np.arange(900), 200, threads) for threads in (1, 5))
    assert (one.ask_of == many.ask_of).all() and (one.rent == many.rent).all()
    assert (one.ask_of != UNASSIGNED).sum() > 400


def test_a_bid_that_takes_nothing_of_what_costs_finds_an_ask_that_costs_nothing():
    solved = solve(smallest_market(), np.arange(2), 500)
    assert sorted(solved.ask_of) == [UNASSIGNED, 0]
    assert solved.rent.tolist() == [1_000_000 - 500]


@pytest.mark.parametrize("widest", [1, 4])
def test_identical_orders_end_in_bounded_work(widest):
    tables, _ = random_tables(1, 1, 1, units=widest, widest=widest)
    many = tables._replace(bids=tables.bids._replace(**{
        name: np.repeat(column, 400, axis=0) for name, column in tables.bids._asdict().items() if name != "banned"
    }))  # fmt: skip
    assert (solve(many, np.arange(400), 1).ask_of != UNASSIGNED).sum() <= 1
