"""Rounds in which bids take several units: what a stranger found by reading, and would find again."""

import random

import numpy as np
import pytest

from marketplace.clearing import clear_round
from marketplace.clearing.engine.holders import hold, level_beyond, no_holders
from marketplace.clearing.engine.solve import solve
from marketplace.clearing.entry import price_each
from tests.unit.clearing.market import ask, bid, profile, random_market, snapshot, spec
from tests.unit.clearing.tables import random_tables

GPU = {"model": "A100", "memoryMb": 40_000}
NODE = profile(gpus=[GPU] * 8)


def test_numbers_beyond_what_the_index_holds_count_alike_everywhere():
    huge = snapshot([bid(1, job_spec=spec(minDiskMb=2**31 + 5))], [ask(1, node=profile(diskMb=2**31))])
    assert len(clear_round(huge).matches) == 1, "both count as the greatest number there is"


def test_a_gang_is_advised_the_price_of_all_its_units():
    small = [bid(n, max_price=300_000, gpus=1) for n in range(9)]
    market = snapshot(small, [ask(1, price=1_000, units=8, node=NODE)])
    newcomer = bid(99, gpus=8)
    (price,) = price_each(market, [newcomer])
    assert price is not None and price > 8 * 290_000
    filled = clear_round(snapshot([*small, bid(99, gpus=8, max_price=price)], market.asks))
    assert [match.units for match in filled.matches] == [8]


@pytest.mark.parametrize("seed", range(8))
def test_with_replicas_and_gangs_nobody_is_accepted_at_a_loss(seed):
    result = clear_round(random_market(seed, 40, 12, replicas=True))
    for match in result.assigned:
        ask_hash = result.problem.snapshot.asks[match.ask].ask_hash
        assert match.value >= match.units * result.rents[ask_hash]


@pytest.mark.parametrize("seed", range(40))
def test_so_many_units_cost_what_the_last_row_that_has_to_go_would_give_them_up_for(seed):
    draw = random.Random(seed)
    holders, held = no_holders(1, 8), []
    for row in range(draw.randrange(8)):
        level, units = draw.randrange(50), draw.randint(1, 3)
        holders = hold(holders, 0, level, row, units)
        held += [level] * units
    for units in range(1, len(held) + 3):
        expected = max(7, sorted(held)[units - 1]) if units <= len(held) else -1
        assert level_beyond(holders, 0, units, 7) == expected


def test_units_that_stand_idle_at_a_displaced_gangs_price_go_to_who_would_not_have_paid_it():
    """Four units, all of them a gang's until a better bid takes one; a smaller gang then fits, at no rent."""
    displaced, better, small = bid(1, max_price=4_000_000, gpus=4), bid(2, max_price=3_500_000, gpus=1), bid(3, gpus=2)
    node = profile(gpus=[GPU] * 4)
    result = clear_round(snapshot([displaced, better, small], [ask(1, price=1_000, units=4, node=node)]))
    taken = {match.bid_hash: (match.units, match.rent) for match in result.matches}
    assert taken == {better.bid_hash: (1, 0), small.bid_hash: (2, 0)}


def test_rents_that_envy_would_raise_in_circles_end_in_bounded_work(monkeypatch):
    monkeypatch.setattr("marketplace.clearing.engine.solve.WORK_FACTOR", 1)
    tables, table = random_tables(5, 200, 40, units=6, widest=4)
    solved = solve(tables, np.arange(200), 1)
    rows = np.flatnonzero(solved.ask_of >= 0)
    assert len(rows) and (solved.value[rows] >= solved.units[rows] * solved.rent[solved.ask_of[rows]]).all()
    used = np.bincount(solved.ask_of[rows], solved.units[rows], minlength=40)
    assert (used <= table.capacity).all()
