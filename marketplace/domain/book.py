"""The order book: live bids and asks, what is left of them, and the snapshot that a round clears."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from marketplace.errors import DuplicateOrder, NotFound
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Ask, Bid, Cancel
from marketplace.protocol.profile import NodeProfile


@dataclass(frozen=True, slots=True)
class PlacedBid:
    """A live bid: `remaining` replicas still want a provider other than `taken_providers`."""

    bid: Bid
    signature: str
    job_spec: JobSpec
    bid_hash: str
    remaining: int
    taken_providers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, bid: Bid, signature: str, job_spec: JobSpec) -> "PlacedBid":
        """A bid as it was just placed."""
        return cls(bid, signature, job_spec, bid.struct_hash(), bid.replicas)


@dataclass(frozen=True, slots=True)
class PlacedAsk:
    """A live ask: `free_units` are not yet leased; `available_stake` (micro-USDC), `settled_leases` are the chain's."""

    ask: Ask
    signature: str
    profile: NodeProfile
    ask_hash: str
    free_units: int
    available_stake: int
    settled_leases: int = 0

    @classmethod
    def of(cls, ask: Ask, signature: str, profile: NodeProfile, available_stake: int) -> "PlacedAsk":
        """An ask as it was just placed."""
        return cls(ask, signature, profile, ask.struct_hash(), ask.units, available_stake)


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """What a round clears, at `now`: orders sorted by hash, so that arrival decides nothing."""

    now: int
    bids: tuple[PlacedBid, ...]
    asks: tuple[PlacedAsk, ...]

    @classmethod
    def of(cls, now: int, bids: Iterable[PlacedBid], asks: Iterable[PlacedAsk]) -> "BookSnapshot":
        """The live ones among these orders, in canonical order."""
        return cls(
            now,
            tuple(sorted((one for one in bids if is_bid_live(one, now)), key=lambda one: one.bid_hash)),
            tuple(sorted((one for one in asks if is_ask_live(one, now)), key=lambda one: one.ask_hash)),
        )


def is_bid_live(placed: PlacedBid, now: int) -> bool:
    """Whether a bid may still be matched."""
    return placed.remaining > 0 and placed.bid.valid_until >= now and placed.bid.deadline > now


def is_ask_live(placed: PlacedAsk, now: int) -> bool:
    """Whether an ask may still be matched."""
    return placed.free_units > 0 and placed.ask.valid_until >= now


@dataclass(slots=True)
class OrderBook:
    """Live orders by hash."""

    bids: dict[str, PlacedBid] = field(default_factory=dict)
    asks: dict[str, PlacedAsk] = field(default_factory=dict)

    def place_bid(self, placed: PlacedBid) -> None:
        """Raises DuplicateOrder."""
        if placed.bid_hash in self.bids:
            raise DuplicateOrder(f"The bid {placed.bid_hash} is in the book already.", order=placed.bid_hash)
        self.bids[placed.bid_hash] = placed

    def place_ask(self, placed: PlacedAsk) -> None:
        """Raises DuplicateOrder."""
        if placed.ask_hash in self.asks:
            raise DuplicateOrder(f"The ask {placed.ask_hash} is in the book already.", order=placed.ask_hash)
        self.asks[placed.ask_hash] = placed

    def cancel(self, cancel: Cancel) -> list[str]:
        """Take out the signer's orders that `cancel` voids; their hashes."""
        gone = [key for key, one in self.bids.items() if is_voided(cancel, one.bid.renter, one.bid.salt)] + [
            key for key, one in self.asks.items() if is_voided(cancel, one.ask.provider, one.ask.salt)
        ]
        self._remove(gone)
        return gone

    def expire(self, now: int) -> list[str]:
        """Take out what can no longer be matched because of time; their hashes."""
        gone = [key for key, one in self.bids.items() if min(one.bid.valid_until, one.bid.deadline - 1) < now]
        gone += [key for key, one in self.asks.items() if one.ask.valid_until < now]
        self._remove(gone)
        return gone

    def fill(self, bid_hash: str, ask_hash: str) -> None:
        """One replica of the bid goes to one unit of the ask. Raises NotFound."""
        if bid_hash not in self.bids or ask_hash not in self.asks:
            raise NotFound("live order", bid_hash if bid_hash not in self.bids else ask_hash)
        bid, ask = self.bids[bid_hash], self.asks[ask_hash]
        self.bids[bid_hash] = replace(
            bid, remaining=bid.remaining - 1, taken_providers=bid.taken_providers | {ask.ask.provider}
        )
        self.asks[ask_hash] = replace(ask, free_units=ask.free_units - 1)

    def release(self, ask_hash: str) -> None:
        """A lease of the ask ended: one unit is free again."""
        if ask_hash in self.asks:
            ask = self.asks[ask_hash]
            self.asks[ask_hash] = replace(ask, free_units=min(ask.ask.units, ask.free_units + 1))

    def snapshot(self, now: int) -> BookSnapshot:
        """What a round at `now` clears."""
        return BookSnapshot.of(now, self.bids.values(), self.asks.values())

    def _remove(self, hashes: list[str]) -> None:
        for key in hashes:
            self.bids.pop(key, None)
            self.asks.pop(key, None)


def is_voided(cancel: Cancel, signer: str, salt: int) -> bool:
    """Whether `cancel` voids `signer`'s order with `salt`."""
    if cancel.signer != signer:
        return False
    return salt < cancel.salt if cancel.all_before else salt == cancel.salt
