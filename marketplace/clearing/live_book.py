"""The book between rounds: orders that come and go one by one, and one bid that is quoted or filled at once.

    book = LiveBook()
    book.put_ask(placed_ask)
    book.quote(placed_bid, now)     # what a fill would give, and nothing else
    book.fill(placed_bid, now)      # the same, and the units are taken
    book.release(match)             # a lease has ended
    book.snapshot(now)              # what a round clears

Not safe to share between threads.
"""

import heapq
from collections.abc import Hashable
from dataclasses import replace

import numpy as np

from marketplace.clearing.engine.live import LiveAsks
from marketplace.clearing.engine.one import Best
from marketplace.clearing.engine.tables import GREATEST, LINES, SHARES, AskTable, BidTable, Terms
from marketplace.clearing.kinds import Kinds
from marketplace.clearing.problem import make_ask_table, make_bid_table
from marketplace.clearing.round import Parameters, PricedMatch, clear_round
from marketplace.domain.book import BookSnapshot, PlacedAsk, PlacedBid, is_bid_live
from marketplace.domain.constraints import GPUS, QUANTITIES, is_allowed
from marketplace.protocol.metering import compute_quote
from marketplace.protocol.preferences import Preferences

_TYPICAL = np.array([1_000, 4_000, 16_000, 100, 1_000, 1_000], dtype=np.int64)
"""What a job takes of each line, in thousandths, as far as a layout has to know: an hour of a GPU and four vCPUs."""

_FORGET = 1_024
"""Orders that have gone already and whose time is not over, beyond which they are forgotten."""


class LiveBook:
    """Live asks, laid out so that a bid finds its best one in a fraction of a millisecond, and bids that wait.

    C_idle of units that stay free (`standing_weight_bps`) is not weighed; a bid with preferences looks at all asks.
    """

    def __init__(self, stranded_weight_bps: int = 0) -> None:
        self._weight = stranded_weight_bps
        self._kinds = Kinds()
        self._placed: dict[int, PlacedAsk] = {}
        self._number_of: dict[str, int] = {}
        self._of_provider: dict[str, set[int]] = {}
        self._provider_number: dict[str, int] = {}
        self._kits: dict[Hashable, int] = {}
        self._bids: dict[str, PlacedBid] = {}
        self._expiries: list[tuple[int, str]] = []
        self._live = LiveAsks(np.zeros(0, dtype=np.int64), _no_asks(), _TYPICAL, self._terms())

    def __len__(self) -> int:
        return len(self._placed) + len(self._bids)

    def put_ask(self, placed: PlacedAsk) -> None:
        """An ask that comes, or what has become of one that is there: free units, stake, leases settled."""
        number = self._number_of.get(placed.ask_hash)
        if number is not None and _fixed(self._placed[number]) != _fixed(placed):
            self.cancel_ask(placed.ask_hash)
            number = None
        if number is not None:
            self._update(number, placed.free_units, placed.available_stake)
            return
        table, kit = self._columns(placed), self._kits.setdefault(GPUS.offered(placed), len(self._kits))
        if self._live.words < self._kinds.words:
            self._live.widen(self._kinds.words)
        number = self._live.add(kit, table)
        self._placed[number], self._number_of[placed.ask_hash] = placed, number
        self._of_provider.setdefault(placed.ask.provider, set()).add(number)
        self._expire_after(placed.ask.valid_until, placed.ask_hash)

    def cancel_ask(self, ask_hash: str) -> bool:
        """Whether there was such an ask."""
        number = self._number_of.pop(ask_hash, None)
        if number is None:
            return False
        self._live.cancel(number)
        provider = self._placed.pop(number).ask.provider
        self._of_provider[provider].remove(number)
        if not self._of_provider[provider]:
            del self._of_provider[provider]
        return True

    def put_bid(self, placed: PlacedBid) -> None:
        """A bid that waits for the next round."""
        if placed.bid_hash not in self._bids:
            self._bids[placed.bid_hash] = placed
            self._expire_after(min(placed.bid.valid_until, placed.bid.deadline - 1), placed.bid_hash)

    def cancel_bid(self, bid_hash: str) -> bool:
        """Whether there was such a bid."""
        return self._bids.pop(bid_hash, None) is not None

    def expire(self, now: int) -> list[str]:
        """Drop what is not valid any more; the hashes of these orders. Time only goes forwards."""
        dropped = []
        while self._expiries and self._expiries[0][0] < now:
            _, order_hash = heapq.heappop(self._expiries)
            if self.cancel_ask(order_hash) or self.cancel_bid(order_hash):
                dropped.append(order_hash)
        return dropped

    def follow(self, snapshot: BookSnapshot) -> None:
        """Become the asks of a snapshot, by as few changes as that takes. Bids that wait are left alone."""
        for ask_hash in self._number_of.keys() - {one.ask_hash for one in snapshot.asks}:
            self.cancel_ask(ask_hash)
        for placed in snapshot.asks:
            number = self._number_of.get(placed.ask_hash)
            if number is None or _state(self._placed[number]) != _state(placed):
                self.put_ask(placed)

    def snapshot(self, now: int) -> BookSnapshot:
        """What a round that closes now clears: the same as if all had just been placed."""
        return BookSnapshot.of(now, self._bids.values(), self._placed.values())

    def quote(self, placed: PlacedBid, now: int) -> tuple[PricedMatch, ...]:
        """A match for each replica at the bare quote, those that leave the bid most; none where not all can be served.

        No round over the same asks leaves the bid more, whoever else takes part. There it pays quote + rent at some
        ask with rent >= 0, so its profit is at most `max_j (value[j] - rent[j]) <= max_j value[j]`: what a fill leaves
        it. With replicas the same holds provider by provider: the n-th best is the most that n distinct providers
        leave. Of asks that leave equally much the one with the lowest hash is taken, as a round of this bid alone
        does: such a round is what justifies the price (`marketplace.clearing.round`).
        """
        self.expire(now)
        if not is_bid_live(placed, now):
            return ()
        if placed.job_spec.preferences != Preferences():
            return self._weigh_all(placed, now)

        def fits(number: int) -> bool:
            return is_allowed(placed, self._placed[number], now)

        best = self._live.find_distinct(
            self._row(placed, now),
            0,
            placed.bid.replicas,
            key=lambda number: self._placed[number].ask_hash,
            fits=None if self._kinds.has_all else fits,
        )
        return tuple(sorted((self._match(placed, one) for one in best), key=lambda match: match.ask_hash))

    def _weigh_all(self, placed: PlacedBid, now: int) -> tuple[PricedMatch, ...]:
        """The same for a bid with preferences, which the layout does not know: a round of it alone, over all asks."""
        alone = BookSnapshot.of(now, [placed], self._placed.values())
        return clear_round(alone, Parameters(stranded_weight_bps=self._weight, standing_weight_bps=0)).matches

    def fill(self, placed: PlacedBid, now: int) -> tuple[PricedMatch, ...]:
        """`quote`, and the units and stake are taken. If the bid waited, it does not any more."""
        matches = self.quote(placed, now)
        for match in matches:
            self._book(match, match.units)
        if matches:
            self.cancel_bid(placed.bid_hash)
        return matches

    def release(self, match: PricedMatch) -> None:
        """Its lease has ended: the unit is free again, and the stake. Nothing where the ask has gone meanwhile."""
        if match.ask_hash in self._number_of:
            self._book(match, -match.units)

    def _expire_after(self, last: int, order_hash: str) -> None:
        """Orders that went before their time are forgotten when they are most of all."""
        heapq.heappush(self._expiries, (last, order_hash))
        if len(self._expiries) > 2 * len(self) + _FORGET:
            self._expiries = [one for one in set(self._expiries) if one[1] in self._number_of or one[1] in self._bids]
            heapq.heapify(self._expiries)

    def _book(self, match: PricedMatch, units: int) -> None:
        """A provider's leases count against each of its asks, and its stake covers all (`count_by_provider`)."""
        price = match.price if units > 0 else -match.price
        provider = self._placed[self._number_of[match.ask_hash]].ask.provider
        for number in self._of_provider[provider]:
            placed = self._placed[number]
            self._update(number, placed.free_units - units, placed.available_stake - price)

    def _update(self, number: int, free_units: int, stake: int) -> None:
        placed = self._placed[number]
        self._placed[number] = replace(placed, free_units=free_units, available_stake=stake)
        if free_units != placed.free_units:
            self._live.set_free_units(number, max(0, free_units))
        if stake != placed.available_stake:
            self._live.set_stake(number, min(stake, GREATEST))

    def _match(self, placed: PlacedBid, best: Best) -> PricedMatch:
        ask = self._placed[best.number]
        quote = compute_quote(ask.ask.rates, placed.bid.resources).total
        return PricedMatch(placed.bid_hash, ask.ask_hash, quote, best.units, 0)

    def _columns(self, placed: PlacedAsk) -> AskTable:
        regions = self._kinds.places
        place, mask = self._kinds.place_of(placed), self._kinds.mask_of(placed)
        bits = self._kinds.pack(mask).reshape(-1, 1)
        if self._kinds.places > regions:
            self._live.set_terms(self._terms())
        numbers = self._provider_number
        provider = numbers.setdefault(placed.ask.provider, len(numbers))
        one = np.array([[place], [provider]], dtype=np.int32)
        table = make_ask_table([placed], bits, one[0], one[1])
        return table._replace(capacity=np.maximum(table.capacity, 0))

    def _row(self, placed: PlacedBid, now: int) -> BidTable:
        alone = BookSnapshot(now, (placed,), ())
        return make_bid_table(alone, self._kinds.forbidden_by(placed), self._kinds.places_for(placed))

    def _terms(self) -> Terms:
        return Terms(np.zeros((1, self._kinds.places), dtype=np.int64), self._weight)


def _state(placed: PlacedAsk) -> tuple[int, ...]:
    return placed.free_units, placed.available_stake, *_fixed(placed)


def _fixed(placed: PlacedAsk) -> tuple[int, int, bool]:
    """What an ask keeps as long as it stands in the layout."""
    return placed.settled_leases, placed.free_until, placed.is_judged


def _no_asks() -> AskTable:
    none, bits = np.zeros(0, dtype=np.int64), np.zeros((1, 0), dtype=np.uint32)
    numbers = np.zeros((len(QUANTITIES), 0), dtype=np.int32)
    rates, small = np.zeros((len(LINES), 0), dtype=np.int64), none.astype(np.int32)
    share = np.zeros((len(SHARES), 0), dtype=np.int64)
    return AskTable(rates, none, share, numbers, bits, small, small, none, none)
