"""How likely a price is to be enough: Wilson's interval, and prices that history can show."""

import pytest
from scipy.stats import binomtest

from marketplace.clearing.chances import chance_at, price_for, rounds_for, wilson_interval


@pytest.mark.parametrize("rounds", [1, 5, 50, 1_000])
def test_the_interval_is_scipys(rounds):
    for filled in {0, 1, rounds // 2, rounds}:
        theirs = binomtest(filled, rounds).proportion_ci(confidence_level=0.95, method="wilson")
        assert wilson_interval(filled, rounds) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_without_trials_every_share_is_possible():
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_without_history_nothing_is_said():
    assert chance_at([], 5) is None
    assert price_for([], 0.5) is None


def test_a_round_in_which_nobody_could_serve_counts_as_not_filled():
    found = chance_at([1, 2, None, 9], 2)
    assert (found.filled, found.rounds) == (2, 4)
    assert found.low < 0.5 < found.high


def test_the_interval_ends_where_the_price_was_always_or_never_enough():
    always, never = chance_at([5] * 10, 5), chance_at([5] * 10, 4)
    assert (always.high, never.low) == (1.0, 0.0)
    assert always.low == pytest.approx(1 - never.high)
    assert always.low > 0.7


def test_more_rounds_make_the_interval_narrower():
    few, many = chance_at([1, 9] * 5, 5), chance_at([1, 9] * 50, 5)
    assert many.high - many.low < few.high - few.low


def test_a_price_for_a_share_is_the_least_that_was_enough_so_often():
    prices = list(range(100))
    for share in (0.5, 0.9):
        price = price_for(prices, share)
        assert chance_at(prices, price).mean >= share > chance_at(prices, price - 1).mean


def test_no_price_is_told_that_so_few_rounds_cannot_show():
    assert rounds_for(0.99) == 49
    assert price_for([7] * 48, 0.99) is None
    assert price_for([7] * 49, 0.99) == 7


def test_no_price_is_told_where_nobody_could_serve_often_enough():
    assert price_for([7] * 60 + [None] * 40, 0.9) is None
    assert price_for([7] * 60 + [None] * 40, 0.5) == 7
