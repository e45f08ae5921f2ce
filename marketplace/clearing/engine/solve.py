"""Candidates, auction, rents, one after the other; several threads where rows do not meet."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from marketplace.clearing.engine.auction import (
    AT_ONCE,
    FEWEST,
    MOST,
    UNASSIGNED,
    WORK_FACTOR,
    Queue,
    Rows,
    bid_all,
    look_all,
)
from marketplace.clearing.engine.bounds import Scratch, make_scratch
from marketplace.clearing.engine.heap import Found
from marketplace.clearing.engine.holders import Holders, no_holders
from marketplace.clearing.engine.leftovers import take_leftovers
from marketplace.clearing.engine.prices import Prices, set_prices, start_prices
from marketplace.clearing.engine.rents import Rents, best_nets, look_for_better, most_bearable, raise_known
from marketplace.clearing.engine.tables import Tables, with_free
from marketplace.clearing.engine.value import OUT_OF_REACH
from marketplace.jit import THREADS

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Solved:
    """R rows at A asks, by the caller's numbers.

    `ask_of` (R,) int64, UNASSIGNED where a row is left out; `value` (R,) micro-USDC and `units` (R,) that it takes
    there; `rent` (A,) of each unit, micro-USDC, and `price` (A,), what the auction ended with; the greatest `epsilon`
    that any row had, micro-USDC. All int64.
    """

    ask_of: np.ndarray
    value: np.ndarray
    units: np.ndarray
    rent: np.ndarray
    price: np.ndarray
    epsilon: int


class Workers:
    """Threads, each with its own scratch. What they do does not depend on how many there are."""

    def __init__(self, tables: Tables, threads: int | None = None) -> None:
        count = threads or THREADS
        self.scratches: list[Scratch] = [make_scratch(tables) for _ in range(count)]
        self._pool = ThreadPoolExecutor(count) if count > 1 else None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown()

    def map(self, kernel: Callable[[np.ndarray, Scratch], None], which: np.ndarray) -> None:
        """Run the kernel on all of `which`, a part of it for each thread."""
        if self._pool is None or len(which) < 2 * len(self.scratches):
            kernel(which, self.scratches[0])
            return
        parts = np.array_split(which, 4 * len(self.scratches))
        free = list(self.scratches)

        def work(part: np.ndarray) -> None:
            scratch = free.pop()
            try:
                kernel(part, scratch)
            finally:
                free.append(scratch)

        list(self._pool.map(work, parts))


def solve(tables: Tables, row_bid: np.ndarray, epsilon_ppm: int, threads: int | None = None) -> Solved:
    """Assign rows to asks.

    Parameters
    ----------
    tables
        Asks as `lay_out` left them.
    row_bid
        (R,) int64: the bid of each row.
    epsilon_ppm
        How far from its best choice a row may end, in millionths of the most that any ask is worth to it.

    Returns
    -------
    Solved
        Ties are decided by the order of bids and asks, which is the caller's (by digest), and by nothing else.
    """
    if not len(row_bid) or not tables.asks.count:
        nobody, nothing = np.full(len(row_bid), UNASSIGNED, dtype=np.int64), np.zeros(tables.asks.count, dtype=np.int64)
        return Solved(nobody, np.zeros_like(nobody), np.zeros_like(nobody), nothing, nothing, 1)
    prices = start_prices(tables)
    with Workers(tables, threads) as workers:
        rows = make_rows(row_bid)
        workers.map(lambda part, scratch: look_all(tables, rows, part, prices, scratch), _alike_together(tables, rows))
        greatest = np.where(rows.count > 0, rows.known.net[:, 0], 0)
        rows.epsilon[:] = np.maximum(2, greatest // PPM * epsilon_ppm + greatest % PPM * epsilon_ppm // PPM)
        queue = _make_queue(rows, greatest)
        queue.work[1] = WORK_FACTOR * (len(row_bid) + len(tables.asks.ask))
        holders = no_holders(len(tables.asks.ask), len(row_bid))
        while queue.size[0]:
            holders = bid_all(tables, rows, queue, prices, holders, workers.scratches[0], WORK_FACTOR)
            again = queue.starved[: queue.size[1]]
            workers.map(lambda part, scratch: look_all(tables, rows, part, prices, scratch), again)
            queue.waiting[queue.size[0] : queue.size[0] + len(again)] = again
            queue.size[:] = queue.size[0] + len(again), 0
        holders = _fill_up(tables, rows, greatest, prices, holders, workers.scratches[0])
        charged, doubled = _lowest_rents(tables, rows, greatest, int(queue.work[0]), holders, workers)
    return _to_caller(tables, rows, charged, prices.exact, doubled)


def _alike_together(tables: Tables, rows: Rows) -> np.ndarray:
    """Every row, those with the same wants next to each other: they look at the same asks."""
    bids = tables.bids
    wants = [bids.forbidden[rows.bid, word] for word in range(bids.forbidden.shape[1])]
    return np.lexsort([bids.weights[rows.bid, 0], *wants])


def _fill_up(
    tables: Tables, rows: Rows, greatest: np.ndarray, prices: Prices, holders: Holders, scratch: Scratch
) -> Holders:
    """What gangs left idle goes to rows that were left out, those with most at stake first."""
    is_known = np.arange(MOST) < rows.count[:, None]
    out = np.flatnonzero((rows.ask_of == UNASSIGNED) & (greatest > 0))
    if not len(out) or not (rows.known.units[is_known] > 1).any():
        return holders  # without gangs who stays out finds nothing worth having that is idle
    free = tables.asks.capacity - holders.taken
    closed = start_prices(tables)
    without = np.flatnonzero(free == 0)
    set_prices(tables, closed, without, np.full(len(without), OUT_OF_REACH))
    order = out[np.argsort(-greatest[out], kind="stable")]
    return take_leftovers(with_free(tables, free), rows, order, closed, holders, scratch)


def _lowest_rents(
    tables: Tables, rows: Rows, greatest: np.ndarray, doubled: int, holders: Holders, workers: Workers
) -> tuple[np.ndarray, int]:
    """The lowest rents that support the assignment (`engine.rents`), half micro-USDC; how often epsilons doubled."""
    count = len(tables.asks.ask)
    work = np.array([doubled, WORK_FACTOR * (len(rows.bid) + count)], dtype=np.int64)
    rents = Rents(start_prices(tables), np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64), work)
    most_bearable(rows, holders, tables.asks.capacity, rents.most)
    # Without rents nobody envies who has its first choice, or finds nothing worth having.
    unsure = np.where(rows.ask_of == UNASSIGNED, 0, rows.value_of) < greatest
    which = np.flatnonzero(unsure)
    while len(which):
        raise_known(tables, rows, which, holders, rents, unsure, WORK_FACTOR)
        which = np.flatnonzero(unsure)
        workers.map(lambda part, scratch: look_for_better(tables, rows, part, rents, scratch, unsure), which)
        which = np.flatnonzero(unsure)
    return rents.charged, int(work[0])


def make_rows(row_bid: np.ndarray) -> Rows:
    """Rows that know nothing yet."""
    count = len(row_bid)
    return Rows(
        bid=row_bid.astype(np.int64),
        epsilon=np.zeros(count, dtype=np.int64),
        ask_of=np.full(count, UNASSIGNED, dtype=np.int64),
        value_of=np.zeros(count, dtype=np.int64),
        units_of=np.zeros(count, dtype=np.int64),
        known=Found(*(np.empty((count, MOST), dtype=np.int64) for _ in Found._fields)),
        count=np.zeros(count, dtype=np.int64),
        unseen=np.zeros(count, dtype=np.int64),
        width=np.full(count, FEWEST, dtype=np.int64),
    )


def _make_queue(rows: Rows, greatest: np.ndarray) -> Queue:
    """Rows that have any candidate; the one with most at stake bids first, of equals the lowest."""
    order = np.argsort(-greatest, kind="stable")[::-1]
    order = order[rows.count[order] > 0]
    waiting = np.empty(len(rows.bid) + AT_ONCE, dtype=np.int64)
    waiting[: len(order)] = order
    size = np.array([len(order), 0], dtype=np.int64)
    return Queue(waiting, np.empty(AT_ONCE, dtype=np.int64), size, np.zeros(2, dtype=np.int64))


def _to_caller(tables: Tables, rows: Rows, charged: np.ndarray, prices: np.ndarray, doubled: int) -> Solved:
    real = tables.asks.ask >= 0
    rent, price = (np.zeros(tables.asks.count, dtype=np.int64) for _ in range(2))
    rent[tables.asks.ask[real]], price[tables.asks.ask[real]] = charged[real] // 2, prices[real] // 2
    assigned = rows.ask_of != UNASSIGNED
    ask_of = np.where(assigned, tables.asks.ask[rows.ask_of], UNASSIGNED)
    value, units = (np.where(assigned, each, 0) for each in (rows.value_of // 2, rows.units_of))
    return Solved(ask_of, value, units, rent, price, int((rows.epsilon << doubled).max(initial=2)) // 2)


def best_profits(tables: Tables, floors: np.ndarray, rent: np.ndarray, threads: int | None = None) -> np.ndarray:
    """The most that any ask leaves each bid at these rents (A,), and at least `floors` (B,); micro-USDC."""
    if not tables.asks.count:
        return floors
    rents = start_prices(tables)
    priced = np.flatnonzero((tables.asks.ask >= 0) & (rent[tables.asks.ask] > 0))
    set_prices(tables, rents, priced, 2 * rent[tables.asks.ask[priced]])
    out = np.zeros(len(floors), dtype=np.int64)
    scaled = np.where(floors > 0, 2 * floors + 1, 0)
    with Workers(tables, threads) as workers:
        workers.map(lambda part, scratch: best_nets(tables, part, scaled, rents, scratch, out), np.arange(len(floors)))
    return np.maximum(floors, (out - 1) // 2)
