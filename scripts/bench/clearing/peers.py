"""What others make of the same market: an exact solver on the whole matrix, and rules without prices."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from marketplace.clearing.engine.bounds import make_scratch
from marketplace.clearing.engine.heap import make_found
from marketplace.clearing.engine.prices import set_prices, start_prices
from marketplace.clearing.engine.search import find_best
from marketplace.clearing.engine.tables import DIVISORS, LIMIT, WANTED, Tables, amounts_of, with_free
from marketplace.clearing.engine.value import OUT_OF_REACH
from scripts.bench.clearing.markets import Market

_AT_ONCE = 4_096


@dataclass(frozen=True)
class Found:
    """A peer's surplus in micro-USDC, and what it took."""

    surplus: int
    seconds: float


def timed(run: Callable[[], int]) -> Found:
    """The surplus that `run` returns, and how long it took."""
    started = time.perf_counter()
    surplus = run()
    return Found(surplus, time.perf_counter() - started)


def values_of(market: Market, bid: int, some: np.ndarray | slice = slice(None)) -> np.ndarray:
    """What these asks are worth to a bid, int64 micro-USDC, -1 where a pair is not feasible: without an index."""
    asks, bids = market.asks, market.bids
    quote = np.zeros(len(asks.minimum[some]), dtype=np.int64)
    for line, amount in enumerate(amounts_of(bids, bid)[:5]):
        quote -= -(amount * asks.rates[line, some]) // DIVISORS[line]
    value = bids.record[bid, LIMIT] - np.maximum(quote, asks.minimum[some])
    fits = value >= 0
    for word, forbidden in zip(asks.bits, bids.forbidden[bid], strict=True):
        fits &= (word[some] & forbidden) == 0
    together = (share[some] * asks.capacity[some] for share in asks.share)
    for offered, needed in zip([*together, *(one[some] for one in asks.numbers)], bids.needs[bid], strict=True):
        fits &= offered >= needed
    return np.where(fits, value, -1)


def units_taken(market: Market, bid: int, some: np.ndarray) -> np.ndarray:
    """How many units of each of these asks the bid takes, of those that have enough."""
    wanted = market.bids.record[bid, WANTED:, None]
    shares = np.maximum(market.asks.share[:, some], 1)
    return np.maximum(1, -(-wanted // shares)).max(axis=0)


def value_matrix(market: Market) -> np.ndarray:
    """(B, A) float64 micro-USDC, 0 where a pair is not feasible."""
    return np.array([np.maximum(values_of(market, bid), 0) for bid in range(len(market.bids.record))], dtype=float)


def exact(market: Market) -> tuple[Found, Found]:
    """scipy's `linear_sum_assignment` (a Jonker-Volgenant variant), and the matrix that it needs."""
    matrix: list[np.ndarray] = []

    def build() -> int:
        matrix.append(np.repeat(value_matrix(market), market.asks.capacity, axis=1))
        return 0

    def solve() -> int:
        rows, columns = linear_sum_assignment(matrix[0], maximize=True)
        return int(matrix[0][rows, columns].sum())

    built = timed(build)
    return timed(solve), built


def one_by_one(tables: Tables, order: np.ndarray) -> int:
    """Bids in this order take what is best for them of what is left."""
    prices, scratch, left = start_prices(tables), make_scratch(tables), tables.asks.capacity.copy()
    found = make_found(1)
    tables = with_free(tables, left)
    surplus = 0
    for bid in order:
        count, _ = find_best(tables, bid, prices, 0, scratch, found)
        if not count:
            continue
        surplus += int(found.value[0]) // 2
        left[found.ask[0]] -= found.units[0]
        if not left[found.ask[0]]:
            set_prices(tables, prices, found.ask.copy(), np.array([OUT_OF_REACH]))
    return surplus


def cheapest_first(tables: Tables) -> int:
    """As they come: what a list sorted by price, searched by each renter, gives."""
    return one_by_one(tables, np.arange(len(tables.bids.record)))


def richest_first(tables: Tables) -> int:
    """The bid that allows most chooses first."""
    return one_by_one(tables, np.argsort(-tables.bids.record[:, LIMIT], kind="stable"))


def first_fit(market: Market) -> int:
    """As they come, the first ask of the list that is feasible and within the price, as schedulers do."""
    left = market.asks.capacity.copy()
    surplus = 0
    for bid in range(len(market.bids.record)):
        idle = np.flatnonzero(left > 0)
        for start in range(0, len(idle), _AT_ONCE):
            some = idle[start : start + _AT_ONCE]
            value, taken = values_of(market, bid, some), units_taken(market, bid, some)
            fits = (value >= 0) & (taken <= left[some])
            first = int(fits.argmax())
            if fits[first]:
                surplus += int(value[first])
                left[some[first]] -= taken[first]
                break
    return surplus
