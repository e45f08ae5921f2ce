"""The benchmark of strategies, on markets small enough for a test."""

import numpy as np
import pytest

from agent.pricing import MARKUPS
from marketplace.clearing.engine.tables import LIMIT
from scripts.bench.clearing.markets import draw_market
from scripts.bench.clearing.misreports import Broken, Size, check, clear, price_of, quote_at, raised, shaded
from scripts.bench.clearing.peers import values_of
from scripts.bench.clearing.sellers import Setting, earn
from scripts.bench.clearing.strategies import Plan, measure_strategies, render_strategies, strategy_figures

SMALL = Plan(
    (Size(30, 30, 2), Size(30, 60, 2)),
    {"": Setting(20, 20, 4, 1, 2), "_falling": Setting(20, 20, 4, 1, 2, falls=True)},
)


@pytest.fixture(scope="module")
def market():
    return draw_market(5, 40, 40)


def test_every_figure_is_there_and_no_promise_is_broken():
    found = measure_strategies(SMALL)
    figures = strategy_figures(found)
    assert figures["rationality_violations"] == figures["budget_violations"] == 0
    assert 0 <= figures["buyer_shading_gain"] < 0.05
    assert figures["seller_markup_gain"] == max(
        figures["seller_markup_gain_30_30"], figures["seller_markup_gain_30_60"]
    )
    assert {"bandit_regret", "bandit_regret_falling", "cost_pricing_regret", "seller_markup_gain_p95"} <= set(figures)
    assert "regret after rounds" in "\n".join(render_strategies(found))


def test_a_quote_without_the_engine_is_the_peers(market):
    for bid in range(10):
        values = values_of(market, bid)
        for ask in np.flatnonzero(values >= 0)[:5].tolist():
            assert quote_at(market, bid, ask) == market.bids.record[bid, LIMIT] - values[ask]


def test_a_broken_promise_is_counted(market):
    solved = clear(market)
    fine, broken = Broken(), Broken()
    check(market, solved, fine)
    assert fine == Broken()
    leased = int(solved.ask_of[solved.ask_of >= 0][0])
    solved.rent[leased] += 10**12
    check(market, solved, broken)
    assert broken.rationality == 1
    idle = np.setdiff1d(np.arange(40), solved.ask_of)[0]
    solved.rent[idle] = 1
    check(market, solved, broken)
    assert broken.budget == 1


def test_misreports_change_one_order_only(market):
    assert np.flatnonzero((shaded(market, 3, 5_000).bids.record != market.bids.record).any(axis=1)).tolist() == [3]
    assert np.flatnonzero((raised(market, 4, 20_000).asks.rates != market.asks.rates).any(axis=0)).tolist() == [4]


def test_asking_cost_earns_the_rent_and_nothing_else(market):
    solved = clear(market)
    for bid in np.flatnonzero(solved.ask_of >= 0)[:5].tolist():
        ask = int(solved.ask_of[bid])
        profit, cost = earn(market, ask, MARKUPS[0])
        assert (profit > 0) == (solved.rent[ask] > 0) and cost > 0
        assert price_of(market, solved, bid) == quote_at(market, bid, ask) + solved.rent[ask]
