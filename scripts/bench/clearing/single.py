"""One bid now: what a fill against standing asks takes, booking included, and how fast orders come and go."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from marketplace.clearing.engine.live import LiveAsks
from marketplace.clearing.engine.tables import AskTable, Terms
from marketplace.clearing.live_book import LiveBook
from scripts.bench.clearing.cases import SEED
from scripts.bench.clearing.markets import REGIONS, Market, draw_market
from scripts.bench.clearing.orders import draw_asks

SCALE = float(os.environ.get("HIVE_BENCH_SCALE", "1"))
"""Of the sizes below: for a look at whether it runs, not for figures."""
BIDS, UPDATES = 10_000, 20_000


@dataclass(frozen=True)
class Single:
    """Bids against one book of standing asks; milliseconds of wall clock, and of this thread's own time."""

    asks: int
    filled: int
    layout_seconds: float
    wall_ms: np.ndarray
    own_ms: np.ndarray

    def at(self, percentile: float) -> float:
        """Milliseconds within which so many per cent of the bids were filled."""
        return float(np.percentile(self.wall_ms, percentile))


def scaled(count: int) -> int:
    """A size, as `HIVE_BENCH_SCALE` says, and no less than a handful."""
    return max(50, int(count * SCALE))


def open_book(market: Market) -> LiveAsks:
    """All asks of a market, standing."""
    typical = np.maximum(1, (market.bids.weights.astype(np.float64).mean(axis=0) * 1_000).astype(np.int64))
    return LiveAsks(market.kit, market.asks, typical, Terms(np.zeros((1, REGIONS), dtype=np.int64), 0))


def fill(book: LiveAsks, market: Market, bid: int) -> tuple[int, int]:
    """The number of the ask that a bid takes units of, -1 where none will do, and how many."""
    best = book.find_best(market.bids, bid)
    if best is None:
        return -1, 0
    book.set_free_units(best.number, book.free_units(best.number) - best.units)
    return best.number, best.units


def measure_single(asks: int, bids: int = BIDS) -> Single:
    """Fill one bid after the other."""
    market = draw_market(SEED, bids, asks)
    started = time.perf_counter()
    book = open_book(market)
    layout = time.perf_counter() - started
    warmed, units = fill(book, market, 0)
    if units:
        book.set_free_units(warmed, book.free_units(warmed) + units)
    wall, own, filled = np.empty(bids), np.empty(bids), 0
    for bid in range(bids):
        wall_before, own_before = time.perf_counter_ns(), time.thread_time_ns()
        number, _ = fill(book, market, bid)
        own[bid], wall[bid] = time.thread_time_ns() - own_before, time.perf_counter_ns() - wall_before
        filled += number >= 0
    return Single(asks, filled, layout, wall / 1e6, own / 1e6)


def one_by_one(market: Market, count: int) -> list[tuple[int, AskTable]]:
    """The first asks of a market, each by itself, as it comes."""
    return [
        (int(market.kit[n]), AskTable(*(None if column is None else column[..., n : n + 1] for column in market.asks)))
        for n in range(count)
    ]


def updates_per_second(asks: int, updates: int = UPDATES) -> float:
    """Asks that go and come again, each in a call of its own, in a book of so many that stand."""
    market = draw_market(SEED, 100, asks)
    book = open_book(market)
    count = min(updates // 2, asks)
    orders = one_by_one(market, count)
    numbers = np.random.default_rng(SEED).permutation(count).tolist()

    def churn() -> None:
        for number in numbers:
            book.cancel(number)
            book.add(*orders[number])

    return 2 * count / seconds_of(churn)


def order_updates_per_second(orders: int) -> float:
    """The same from whole orders: encoding what a node is and what it asks is part of it (`LiveBook`)."""
    book, asks = LiveBook(), draw_asks(SEED, orders)
    for ask in asks:
        book.put_ask(ask)

    def churn() -> None:
        for ask in asks:
            book.cancel_ask(ask.ask_hash)
            book.put_ask(ask)

    return 2 * orders / seconds_of(churn)


def seconds_of(run: Callable[[], None]) -> float:
    """The second run's, whose kernels are loaded."""
    run()
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def report() -> tuple[list[str], dict[str, float]]:
    """Lines for people, and figures by name."""
    few, many = scaled(100_000), scaled(1_000_000)
    lines, figures = ["", "One bid at once, booking included (this thread's own time in brackets)"], {}
    for name, asks in (("100k", few), ("1m", many)):
        found = measure_single(asks, scaled(BIDS))
        own = np.percentile(found.own_ms, [50, 99])
        lines.append(
            f"  {asks:>9,} asks: p50 {found.at(50):.3f} ms ({own[0]:.3f}), p99 {found.at(99):.3f} ms ({own[1]:.3f});"
            f" {found.filled:,} of {len(found.wall_ms):,} filled; laid out in {found.layout_seconds:.2f} s"
        )
        figures |= {f"single_p50_ms_{name}": found.at(50), f"single_p99_ms_{name}": found.at(99)}
        figures |= {f"single_own_p99_ms_{name}": float(own[1])}
    rate = updates_per_second(few, scaled(UPDATES))
    whole = order_updates_per_second(scaled(UPDATES) // 2)
    lines.append(
        f"  asks added and cancelled as rows, {few:,} standing: {rate:,.0f} a second; whole orders: {whole:,.0f}"
    )
    return lines, figures | {"book_updates_per_s": rate, "book_order_updates_per_s": whole}
