"""`python -m marketplace.clearing.engine`: compile every kernel, ahead of the first round."""

import numpy as np

from marketplace.clearing.engine.bounds import EVERYWHERE, make_scratch
from marketplace.clearing.engine.heap import make_found
from marketplace.clearing.engine.holders import no_holders
from marketplace.clearing.engine.leftovers import take_leftovers
from marketplace.clearing.engine.live import LiveAsks
from marketplace.clearing.engine.prices import start_prices
from marketplace.clearing.engine.search import find_best
from marketplace.clearing.engine.solve import best_profits, make_rows, solve
from marketplace.clearing.engine.tables import LINES, SHARES, AskTable, Tables, Terms, lay_out, make_bids, with_free

_WORTH = 1_000_000


def smallest_asks() -> AskTable:
    """One ask that costs nothing."""
    one, lines = np.zeros(1, dtype=np.int64), len(LINES)
    return AskTable(
        rates=np.zeros((lines, 1), dtype=np.int64), minimum=one, numbers=np.zeros((1, 1), dtype=np.int32),
        bits=np.zeros((1, 1), dtype=np.uint32), place=one.astype(np.int32), provider=one.astype(np.int32),
        capacity=one + 1, stake=one + _WORTH, share=np.zeros((len(SHARES), 1), dtype=np.int64),
    )  # fmt: skip


def smallest_market() -> Tables:
    """One ask, and two bids that want it."""
    one, two, lines = np.zeros(1, dtype=np.int64), np.zeros(2, dtype=np.int64), len(LINES)
    amounts, needs = np.zeros((2, lines), dtype=np.int64), np.zeros((2, 1), dtype=np.int32)
    wanted = np.zeros((2, len(SHARES)), dtype=np.int64)
    bids = make_bids(amounts, amounts, two + _WORTH, wanted, needs, needs.astype(np.uint32), np.full(2, EVERYWHERE))
    none = np.zeros((1, 1), dtype=np.int64)
    return Tables(*lay_out(one, smallest_asks(), np.ones(lines, dtype=np.int64)), bids, Terms(none, 0))


def main() -> None:
    """Run everything once."""
    tables = smallest_market()
    solved = solve(tables, np.arange(2), 500)
    best_profits(tables, np.zeros(2, dtype=np.int64), solved.rent)
    scratch, rows, holders = make_scratch(tables), make_rows(np.arange(2)), no_holders(1, 2)
    find_best(tables, 0, start_prices(tables), 0, scratch, make_found(1))
    take_leftovers(with_free(tables, tables.asks.capacity), rows, np.arange(2), start_prices(tables), holders, scratch)
    live = LiveAsks(np.zeros(1), smallest_asks(), np.ones(len(LINES)), tables.terms)
    live.set_free_units(live.add(0, smallest_asks()), 0)
    live.find_best(tables.bids, 0)


if __name__ == "__main__":
    main()
