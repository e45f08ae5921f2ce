"""Asks that come, change and go, laid out as a round's are: one bid finds its best ask at any moment.

An ask keeps its spot while it has no free unit, and shows there again once it has. A new one goes to the block of its
kit whose rates are most like its own: every block is laid out with spots to spare, and there are blocks of nobody.
Bounds of blocks and chunks stay exact whatever comes and goes (`engine.spots`). What wears off is how alike the asks
of a block are: so all are laid out anew after as many comings and goings as asks stand, which costs each of them as
much as one ask of a layout does, or when no spot is left.
"""

import numpy as np

from marketplace.clearing.engine.bounds import make_scratch
from marketplace.clearing.engine.one import Best, Fits, Key, find_distinct
from marketplace.clearing.engine.order import order_asks
from marketplace.clearing.engine.prices import start_prices
from marketplace.clearing.engine.spots import (
    VACANT,
    Offers,
    choose_spot,
    fill_spots,
    hide,
    no_floors,
    show,
)
from marketplace.clearing.engine.tables import (
    BLOCK,
    CHUNK,
    GREATEST,
    LINES,
    SHARE,
    SHARES,
    STAKE,
    AskTable,
    BidTable,
    LaidAsks,
    Tables,
    Terms,
    make_bids,
    make_numbers,
    make_records,
    share_out,
)

FILL = 56
"""Asks of a block when it is laid out: the other eight spots are for those that come."""
OWN_BLOCKS = FILL // 2
"""Asks of one kit, from which on it has blocks of its own; rarer kits share theirs."""
SHARED = -2
_LEAST_CHANGES = 1_024
_SPARE = 8
"""One block of nobody for so many that are laid out, and a chunk of them at least."""


class LiveAsks:
    """Asks by number: the caller remembers which is which. Not safe to share between threads."""

    def __init__(self, kit: np.ndarray, asks: AskTable, typical: np.ndarray, terms: Terms) -> None:
        """These asks, if any; their numbers are those of their columns.

        `kit` (A,) int is what they have of what matters most, `typical` (6,) int64 what a job takes of each line.
        """
        count = len(kit)
        self._typical, self._terms = typical.astype(np.int64), terms
        self._offers = Offers(
            record=make_records(asks),
            bits=np.ascontiguousarray(asks.bits.T),
            numbers=np.ascontiguousarray(make_numbers(asks).T),
            kit=kit.astype(np.int64),
            spot=np.zeros(count, dtype=np.int64),
        )
        self._free_units = asks.capacity.astype(np.int64)
        self._unused: list[int] = []
        self._standing, self._changes, self.layouts = count, 0, 0
        self._lay_out()

    def __len__(self) -> int:
        return self._standing

    @property
    def words(self) -> int:
        """Words of properties that an ask has."""
        return self._offers.bits.shape[1]

    def tables(self, bids: BidTable) -> Tables:
        """What a search or a round over the asks as they are now reads."""
        return Tables(self._laid, self._floors, bids, self._terms)

    def free_units(self, number: int) -> int:
        """What may still be taken of an ask."""
        return int(self._free_units[number])

    def add(self, kit: int, asks: AskTable) -> int:
        """The number of an ask that comes: `asks` has it alone."""
        if not self._unused:
            self._grow()
        number = self._unused.pop()
        self._standing += 1
        offers = self._offers
        offers.record[number], offers.bits[number] = make_records(asks)[0], asks.bits[:, 0]
        offers.numbers[number], offers.kit[number] = make_numbers(asks)[:, 0], kit
        self._free_units[number] = asks.capacity[0]
        if not self._settle(number) or self.is_worn:
            self._lay_out()
        return number

    def cancel(self, number: int) -> None:
        """An ask that goes. Its number may be another's next."""
        spot = int(self._offers.spot[number])
        self._laid.ask[spot] = VACANT
        self._vacant[spot // BLOCK] += 1
        if self._vacant[spot // BLOCK] == BLOCK:
            self._block_kit[spot // BLOCK] = VACANT
        self._set_capacity(spot, number, 0)
        self._offers.spot[number] = VACANT
        self._unused.append(number)
        self._standing -= 1
        self._changes += 1

    def set_free_units(self, number: int, units: int) -> None:
        """So many may still be taken of an ask, at least 0."""
        self._free_units[number] = units
        offers = self._offers
        offers.numbers[number, : len(SHARES)] = share_out(offers.record[number, SHARE:], units)
        self._set_capacity(int(offers.spot[number]), number, units)

    def set_stake(self, number: int, stake: int) -> None:
        """What covers a lease's price there, micro-USDC."""
        self._offers.record[number, STAKE] = stake
        self._laid = self._laid._replace(least_stake=min(stake, self._laid.least_stake))
        self._laid.record[self._offers.spot[number], STAKE] = stake

    def set_terms(self, terms: Terms) -> None:
        """What holds for all."""
        self._terms = terms

    def widen(self, words: int) -> None:
        """Asks have so many words of properties from now on; those that stand have none of the new ones."""
        bits = np.zeros((len(self._offers.bits), words), dtype=np.uint32)
        bits[:, : self.words] = self._offers.bits
        self._offers = self._offers._replace(bits=bits)
        self._lay_out()

    def find_best(self, bids: BidTable, bid: int, key: Key = int) -> Best | None:
        """The ask with a free unit that is worth most to a bid (`find_one`)."""
        best = self.find_distinct(bids, bid, 1, key)
        return best[0] if best else None

    def find_distinct(self, bids: BidTable, bid: int, replicas: int, key: Key = int, fits: Fits = None) -> list[Best]:
        """Asks with a free unit, of as many providers as the bid has replicas, or none (`engine.one`)."""
        if not self._standing:
            return []
        return find_distinct(self.tables(bids), bid, replicas, self._prices, self._scratch, key, fits)

    @property
    def is_worn(self) -> bool:
        """Whether as many asks have come and gone since they were laid out as stand."""
        return self._changes >= max(_LEAST_CHANGES, self._standing)

    def _grow(self) -> None:
        """Twice the room for asks."""
        count = len(self._free_units)
        more = max(64, count)
        self._offers = Offers(*(_longer(one, more) for one in self._offers))
        self._offers.spot[count:] = VACANT
        self._free_units = _longer(self._free_units, more)
        self._unused.extend(range(count + more - 1, count - 1, -1))
        self._laid = self._laid._replace(count=count + more)

    def _settle(self, number: int) -> bool:
        """A spot for an ask among its like; whether there was one."""
        offers, laid = self._offers, self._laid
        kit = int(offers.kit[number])
        home = kit if kit in self._homes else SHARED
        spot = choose_spot(
            self._floors, self._block_kit, self._vacant, laid.ask, home, offers.record[number], self._typical
        )
        if spot == VACANT:
            offers.spot[number] = 0  # `_lay_out` finds it one
            return False
        block = spot // BLOCK
        self._block_kit[block] = home
        self._vacant[block] -= 1
        laid.ask[spot], offers.spot[number] = number, spot
        laid.record[spot] = offers.record[number]
        self._laid = laid._replace(least_stake=min(int(offers.record[number, STAKE]), laid.least_stake))
        self._set_capacity(spot, number, int(self._free_units[number]))
        self._changes += 1
        return True

    def _set_capacity(self, spot: int, number: int, units: int) -> None:
        was, self._laid.capacity[spot] = self._laid.capacity[spot], units
        if units > 0 and units != was:
            show(self._floors, self._laid.record, self._offers, number)
        elif units == 0 and was > 0:
            hide(self._floors, self._laid.record, spot)

    def _lay_out(self) -> None:
        """All that stand, anew."""
        offers = self._offers
        some = np.flatnonzero(offers.spot != VACANT)
        kinds, which, counts = np.unique(offers.kit[some], return_inverse=True, return_counts=True)
        self._homes = set(kinds[counts >= OWN_BLOCKS].tolist())
        home = np.where(counts >= OWN_BLOCKS, kinds, SHARED)[which]
        order = np.zeros(0, dtype=np.int64)
        if len(some):
            order = order_asks(home, offers.record[some, : len(LINES)].T, self._typical, FILL)
        homes, first, counts = np.unique(home[order], return_index=True, return_counts=True)
        blocks = -(-counts // FILL)
        base = np.cumsum(blocks) - blocks
        group = np.repeat(np.arange(len(homes)), counts)
        place = np.arange(len(order)) - first[group]
        spots = (base[group] + place // FILL) * BLOCK + place % FILL
        used = int(blocks.sum())
        total = -(-(used + max(CHUNK, used // _SPARE)) // CHUNK) * CHUNK
        self._block_kit = np.full(total, VACANT, dtype=np.int64)
        self._block_kit[:used] = np.repeat(homes, blocks)
        offers.spot[some[order]] = spots
        self._vacant = BLOCK - np.bincount(spots // BLOCK, minlength=total)
        self._laid = LaidAsks(
            ask=np.full(total * BLOCK, VACANT, dtype=np.int64),
            capacity=np.zeros(total * BLOCK, dtype=np.int64),
            record=np.zeros((total * BLOCK, offers.record.shape[1]), dtype=np.int64),
            count=len(self._free_units),
            least_stake=int(offers.record[some, STAKE].min(initial=GREATEST)),
        )
        self._laid.ask[spots] = some[order]
        self._laid.capacity[spots] = self._free_units[some[order]]
        self._laid.record[spots] = offers.record[some[order]]
        self._floors = no_floors(total, offers.bits.shape[1], offers.numbers.shape[1])
        fill_spots(self._floors, self._laid.record, offers, some[self._free_units[some] > 0])
        self._bind()
        self._changes = 0
        self.layouts += 1

    def _bind(self) -> None:
        """Where nothing has a price, the bounds on asks without one are the bounds on all."""
        tables = self.tables(_no_bids(self.words, self._offers.numbers.shape[1]))
        self._scratch = make_scratch(tables)
        floors = self._floors
        self._prices = start_prices(tables)._replace(idle_blocks=floors.of_blocks, idle_chunks=floors.of_chunks)


def _longer(rows: np.ndarray, more: int) -> np.ndarray:
    return np.concatenate([rows, np.zeros((more, *rows.shape[1:]), dtype=rows.dtype)])


def _no_bids(words: int, numbers: int) -> BidTable:
    lines, none = np.zeros((0, len(LINES)), dtype=np.int64), np.zeros(0, dtype=np.int64)
    wanted = np.zeros((0, len(SHARES)), dtype=np.int64)
    needs, forbidden = np.zeros((0, numbers - len(SHARES))), np.zeros((0, words), dtype=np.uint32)
    return make_bids(lines, lines, none, wanted, needs, forbidden, none.astype(np.uint64))
