"""The preferences of a round's bids as a table: a row for each different wish, a column for each different place.

The table is bounded. Where a book has more different wishes than fit, the bids that offer most keep theirs and the
others are cleared as if they had none: they may be matched where they would rather not be, never above their maximum
price. What is a place depends on what anybody prices, so that labels that nobody asks for split nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marketplace.clearing.wishes import Places, Site
from marketplace.domain.book import PlacedAsk, PlacedBid
from marketplace.protocol.metering import Resources
from marketplace.protocol.preferences import Preferences

MOST_CELLS = 1 << 24
"""Rows times columns: 128 MB."""
_Wish = tuple[Preferences, Resources | None]
_NO_WISH: _Wish = (Preferences(), None)
_NOTHING = Resources(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Steering:
    """`table` (T, P) int64 micro-USDC, row 0 all zero; `row` (B,) of each bid, `place` (A,) of each ask, int32.

    `ignored` (B,) bool: whose preferences did not fit.
    """

    table: np.ndarray
    row: np.ndarray
    place: np.ndarray
    ignored: np.ndarray


def build_steering(bids: Sequence[PlacedBid], asks: Sequence[PlacedAsk], most_cells: int = MOST_CELLS) -> Steering:
    """The table of a book; at most `most_cells` cells, but always the row of those who wish nothing."""
    numbers: dict[_Wish, int] = {_NO_WISH: 0}
    wish_of = np.array([numbers.setdefault(_wish(one), len(numbers)) for one in bids], dtype=np.int64)
    if len(numbers) == 1:
        place = np.zeros(len(asks), dtype=np.int32)
        return Steering(np.zeros((1, 1), dtype=np.int64), wish_of.astype(np.int32), place, np.zeros(len(bids), bool))
    wishes = list(numbers)
    priced = _Priced.of([wish for wish, _ in wishes])
    columns: dict[Site, int] = {}
    place = np.array([columns.setdefault(priced.blur(Site.of(one)), len(columns)) for one in asks], dtype=np.int32)
    places = Places(list(columns))
    kept = _heaviest(bids, wish_of, len(wishes), max(0, most_cells // max(1, len(columns)) - 1))
    row_of = np.zeros(len(wishes), dtype=np.int32)
    row_of[kept] = np.arange(1, len(kept) + 1)
    table = np.zeros((len(kept) + 1, max(1, len(columns))), dtype=np.int64)
    for row, number in enumerate(kept, start=1):
        wish, reserved = wishes[number]
        table[row, : len(columns)] = places.price(wish, reserved or _NOTHING).total
    row = row_of[wish_of]
    return Steering(table, row, place, (wish_of > 0) & (row == 0))


def _wish(placed: PlacedBid) -> _Wish:
    """What tells bids apart: their resources only where these cause carbon that has a price."""
    wishes, bid = placed.job_spec.preferences, placed.bid
    if not (wishes.carbon_price_per_kg or wishes.latency or wishes.locality or wishes.data):
        return _NO_WISH
    if not wishes.carbon_price_per_kg:
        return wishes, None
    return wishes, Resources(bid.gpus, bid.vcpus, bid.memory_mb, bid.duration_seconds, 0, 0)


@dataclass(frozen=True, slots=True)
class _Priced:
    """What of a site has a price in this book."""

    carbon: bool
    regions: bool
    zones: frozenset[str]
    racks: frozenset[str]

    @classmethod
    def of(cls, wishes: Sequence[Preferences]) -> "_Priced":
        near = [one for wish in wishes for one in wish.locality]
        return cls(
            any(wish.carbon_price_per_kg for wish in wishes),
            any(wish.latency or wish.data for wish in wishes),
            frozenset(one.zone for one in near),
            frozenset(one.rack for one in near),
        )

    def blur(self, site: Site) -> Site:
        """The site without what nobody prices."""
        return Site(
            site.region if self.regions else "",
            site.zone if site.zone in self.zones else "",
            site.rack if site.rack in self.racks else "",
            *(site[3:] if self.carbon else (0, 0, 0, 0)),
        )


def _heaviest(bids: Sequence[PlacedBid], wish_of: np.ndarray, count: int, room: int) -> np.ndarray:
    """Ascending numbers of the wishes that get a row: those with the highest maximum price of any bid, of equals the
    first in the book's order."""
    weight = [0] * count
    for placed, wish in zip(bids, wish_of.tolist(), strict=True):
        weight[wish] = max(weight[wish], placed.bid.max_price)
    order = sorted(range(1, count), key=lambda wish: (-weight[wish], wish))
    return np.array(sorted(order[:room]), dtype=np.int64)
