"""Whatever came and went, a search over the live asks answers as if all had been looked at."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.clearing.engine.auction import UNASSIGNED
from marketplace.clearing.engine.bounds import make_scratch
from marketplace.clearing.engine.heap import make_found
from marketplace.clearing.engine.live import LiveAsks
from marketplace.clearing.engine.prices import start_prices
from marketplace.clearing.engine.search import find_best
from marketplace.clearing.engine.solve import solve
from marketplace.clearing.engine.tables import CHUNK, MINIMUM, NEVER, AskTable, Tables, lay_out
from tests.unit.clearing.tables import random_tables, units, value

TYPICAL = np.array([10, 50, 100, 5, 2, 1])
BIDS = 4


def columns(asks: AskTable, some) -> AskTable:
    return AskTable(*(None if column is None else np.ascontiguousarray(column[..., some]) for column in asks))


class Twin:
    """Live asks, and beside them what they should be: the column of `pool` by number, and free units by column."""

    def __init__(self, seed: int, size: int, standing: int) -> None:
        self.tables, self.pool = random_tables(seed, BIDS, size, units=3, widest=2)
        self.kit = self.pool.share[2]
        self.values = np.array([[value(self.tables, self.pool, b, a) for a in range(size)] for b in range(BIDS)])
        self.units = np.array(
            [[units(self.tables, self.pool, b, a) if self.values[b, a] >= 0 else 1 for a in range(size)]
             for b in range(BIDS)]
        )  # fmt: skip
        first = np.arange(standing)
        self.live = LiveAsks(self.kit[first], columns(self.pool, first), TYPICAL, self.tables.terms)
        self.column_of = {n: n for n in range(standing)}
        self.free = self.pool.capacity.copy()
        self.away = list(range(standing, size))

    def change(self, draw: random.Random) -> None:
        kind = draw.choice(["add", "cancel", "take", "take", "give"])
        if kind == "add" and self.away:
            column = self.away.pop(draw.randrange(len(self.away)))
            self.free[column] = self.pool.capacity[column]
            self.column_of[self.live.add(int(self.kit[column]), columns(self.pool, [column]))] = column
        elif self.column_of:
            number = draw.choice(list(self.column_of))
            column = self.column_of[number]
            if kind == "cancel":
                self.live.cancel(number)
                self.away.append(self.column_of.pop(number))
            elif kind != "add":
                most = self.pool.capacity[column]
                self.free[column] = min(most, max(0, self.free[column] + (1 if kind == "give" else -1)))
                self.live.set_free_units(number, int(self.free[column]))

    def expected(self, bid: int) -> tuple[int, int] | None:
        """(value, number): of equals the least number."""
        able = [
            (-self.values[bid, c], n)
            for n, c in self.column_of.items()
            if self.units[bid, c] <= self.free[c] and self.values[bid, c] > 0
        ]
        return (-min(able)[0], min(able)[1]) if able else None

    def check(self) -> None:
        for bid in range(BIDS):
            best = self.live.find_best(self.tables.bids, bid)
            assert (best and (best.value, best.number)) == self.expected(bid)

    def check_as_laid_out_anew(self) -> None:
        some = list(self.column_of.values())
        asks = columns(self.pool, some)._replace(capacity=self.free[some])
        fresh = Tables(*lay_out(self.kit[some], asks, TYPICAL), self.tables.bids, self.tables.terms)
        found = make_found(1)
        for bid in range(BIDS):
            count, _ = find_best(fresh, bid, start_prices(fresh), 0, make_scratch(fresh), found)
            best = self.live.find_best(self.tables.bids, bid)
            assert (int(found.value[0]) if count else None) == (best and best.value)


def check_bounds(tables: Tables) -> None:
    """Every bound is the one that its asks have, not only one that excludes nothing wrongly."""
    floors, chunks = tables.floors, len(tables.floors.chunk_places)
    in_chunks = floors.of_asks.min(axis=2).reshape(chunks, CHUNK, -1).transpose(0, 2, 1)
    assert (floors.of_blocks == in_chunks).all() and (floors.of_chunks == in_chunks.min(axis=2).T).all()
    bits = np.bitwise_and.reduce(floors.ask_bits, axis=2).reshape(chunks, CHUNK, -1).transpose(0, 2, 1)
    assert (floors.block_bits == bits).all() and (floors.chunk_bits == np.bitwise_and.reduce(bits, axis=2).T).all()
    numbers = floors.ask_numbers.max(axis=2).reshape(chunks, CHUNK, -1).transpose(0, 2, 1)
    assert (floors.block_numbers == numbers).all() and (floors.chunk_numbers == numbers.max(axis=2).T).all()
    shown = (floors.of_asks[:, MINIMUM] < NEVER).reshape(-1)
    assert (shown == (tables.asks.capacity > 0)).all() and (tables.asks.ask[shown] >= 0).all()
    assert (np.bitwise_or.reduce(floors.block_places, axis=1) == floors.chunk_places).all()


@given(st.integers(0, 10**6), st.sampled_from([0, 1, 150]))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_after_any_changes_the_best_live_ask_is_found_and_of_equals_the_first(seed, standing):
    twin, draw = Twin(seed, 200, standing), random.Random(seed)
    for _ in range(12):
        for _ in range(draw.choice([1, 5, 40])):
            twin.change(draw)
        twin.check()
    twin.check_as_laid_out_anew()
    check_bounds(twin.live.tables(twin.tables.bids))


def test_asks_are_laid_out_anew_after_as_many_changes_as_asks_stand_and_no_sooner():
    twin = Twin(1, 1_500, 1_500)
    one = columns(twin.pool, [0])
    for n in range(749):
        twin.live.cancel(n)
        twin.live.add(int(twin.kit[0]), one)
    assert twin.live.layouts == 1 and not twin.live.is_worn
    twin.live.cancel(1_499)
    twin.live.add(int(twin.kit[0]), one)
    assert twin.live.layouts == 2
    check_bounds(twin.live.tables(twin.tables.bids))


def test_asks_of_one_kind_that_all_come_at_once_overflow_into_blocks_of_nobody():
    twin = Twin(2, 300, 200)
    one = columns(twin.pool, [7])
    numbers = [twin.live.add(int(twin.kit[7]), one) for _ in range(900)]
    assert len(set(numbers)) == 900 and len(twin.live) == 1_100
    check_bounds(twin.live.tables(twin.tables.bids))
    best = [twin.live.find_best(twin.tables.bids, bid) for bid in range(BIDS)]
    assert any(one is not None for one in best)


def test_identical_asks_are_told_apart_by_the_key_alone():
    twin = Twin(3, 400, 400)
    bid = next(b for b in range(BIDS) if twin.expected(b))
    column = twin.expected(bid)[1]
    same = columns(twin.pool, [column] * 700)
    live = LiveAsks(np.zeros(700), same, TYPICAL, twin.tables.terms)
    names = random.Random(0).sample(range(700), 700)
    assert live.find_best(twin.tables.bids, bid, key=names.__getitem__).number == names.index(0)
    assert live.find_best(twin.tables.bids, bid, key=lambda n: -n).number == 699


def test_a_round_may_be_solved_over_live_asks_as_they_are():
    twin, draw = Twin(4, 120, 100), random.Random(4)
    for _ in range(60):
        twin.change(draw)
    solved = solve(twin.live.tables(twin.tables.bids), np.arange(BIDS), 1_000)
    for bid, number in enumerate(solved.ask_of):
        if number != UNASSIGNED:
            column = twin.column_of[int(number)]
            assert twin.free[column] > 0 and solved.value[bid] == twin.values[bid, column] // 2
    assert (solved.ask_of != UNASSIGNED).any()


def test_a_stake_that_shrinks_keeps_bids_away_that_it_does_not_cover():
    twin = Twin(5, 80, 80)
    bid = next(b for b in range(BIDS) if twin.expected(b))
    value_before, number = twin.expected(bid)
    twin.live.set_stake(number, 1)
    best = twin.live.find_best(twin.tables.bids, bid)
    assert best is None or best.number != number
    twin.live.set_stake(number, 10**12)
    assert twin.live.find_best(twin.tables.bids, bid).value == value_before


def test_new_words_of_properties_change_nothing_for_those_that_stand():
    twin = Twin(6, 90, 90)
    before = [twin.live.find_best(twin.tables.bids, bid) for bid in range(BIDS)]
    twin.live.widen(2)
    wide = np.concatenate([twin.tables.bids.forbidden, np.full((BIDS, 1), 1, dtype=np.uint32)], axis=1)
    bids = twin.tables.bids._replace(forbidden=wide)
    assert [twin.live.find_best(bids, bid) for bid in range(BIDS)] == before
    assert LiveAsks(twin.kit[:0], columns(twin.pool, []), TYPICAL, twin.tables.terms).find_best(bids, 0) is None
