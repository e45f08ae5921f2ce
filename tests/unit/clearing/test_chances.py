"""How likely a price is to be enough: Jeffreys' interval, and prices that history can show."""

import pytest
from scipy.stats import beta

from marketplace.clearing.chances import beta_quantile, beta_share, chance_at, price_for, rounds_for


@pytest.mark.parametrize("rounds", [1, 5, 50, 1_000])
def test_the_beta_distribution_is_scipys(rounds):
    for filled in {0, 1, rounds // 2, rounds}:
        shapes = filled + 0.5, rounds - filled + 0.5
        for value in (0.01, 0.3, 0.7, 0.99):
            assert beta_share(*shapes, value) == pytest.approx(beta.cdf(value, *shapes), abs=1e-10)
        for share in (0.025, 0.5, 0.975):
            assert beta_quantile(*shapes, share) == pytest.approx(beta.ppf(share, *shapes), abs=1e-9)


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
