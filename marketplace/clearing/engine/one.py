"""What is best for one bid that nobody rivals. Of asks that leave it equally much the first by a key is taken."""

from collections.abc import Callable
from typing import Any, NamedTuple

from marketplace.clearing.engine.bounds import Scratch
from marketplace.clearing.engine.heap import make_found
from marketplace.clearing.engine.prices import Prices
from marketplace.clearing.engine.search import find_best
from marketplace.clearing.engine.tables import PROVIDER, Tables, with_bans

_FEW, _MANY = 4, 512
"""How many of the best asks a search asks for, until those that it is sure of have one that will do; then all."""


class Best(NamedTuple):
    """An ask by its caller's number, whose it is, what it is worth to the bid (`engine.value`), half micro-USDC, and
    how many units the bid takes."""

    number: int
    provider: int
    value: int
    units: int


Key = Callable[[int], Any]
Fits = Callable[[int], bool] | None


def find_distinct(
    tables: Tables, bid: int, replicas: int, prices: Prices, scratch: Scratch, key: Key, fits: Fits = None
) -> list[Best]:
    """An ask for each replica, no two of one provider: one after the other the best (`find_one`). None or all of them.

    That is the best choice of all: whoever else is chosen, the n-th best provider's best ask leaves no more than this.
    """
    chosen: list[Best] = []
    while len(chosen) < replicas:
        allowed = with_bans(tables, {bid: {best.provider for best in chosen}}) if chosen else tables
        best = find_one(allowed, bid, prices, scratch, key, fits)
        if best is None:
            return []
        chosen.append(best)
    return chosen


def find_one(tables: Tables, bid: int, prices: Prices, scratch: Scratch, key: Key, fits: Fits = None) -> Best | None:
    """The ask that leaves the bid most at these prices, None where none leaves it anything.

    `key` orders asks (by number) that leave equally much: the least is taken, so that an answer says nothing about how
    asks happen to lie. `fits` refuses asks that the tables do not know to be unfit.
    """
    for room in (_FEW, _MANY, len(tables.asks.ask) + 1):
        found = make_found(room)
        count, unseen = find_best(tables, bid, prices, 0, scratch, found)
        nets, spots, values, units = (column[:count].tolist() for column in found)
        numbers = tables.asks.ask[found.ask[:count]].tolist()
        # Where all room is taken, others may leave as much as the least that was found.
        least = unseen if count == room else -1
        rows = zip(nets, numbers, spots, values, units, strict=True)
        sure = sorted((-net, key(number), number, *rest) for net, number, *rest in rows if net > least)
        for _, _, number, spot, value, taken in sure:
            if fits is None or fits(number):
                return Best(number, int(tables.asks.record[spot, PROVIDER]), value, taken)
        if count < room:
            break
    return None
