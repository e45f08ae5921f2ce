"""The order book as a round sees it: live bids and asks, what is left of them, in an order of their own."""

from collections.abc import Iterable
from dataclasses import dataclass

from marketplace.domain.calendar import FOREVER
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Ask, Bid
from marketplace.protocol.profile import NodeProfile


@dataclass(frozen=True, slots=True)
class PlacedBid:
    """A live bid: all its replicas open together, on distinct providers, or none does."""

    bid: Bid
    signature: str
    job_spec: JobSpec
    bid_hash: str

    def earliest_end(self, now: int) -> int:
        """Unix seconds by which the job can have run, if it begins as soon as it may."""
        return max(now, self.job_spec.schedule.not_before) + self.bid.duration_seconds

    @classmethod
    def of(cls, bid: Bid, signature: str, job_spec: JobSpec) -> "PlacedBid":
        """A bid as it was just placed."""
        return cls(bid, signature, job_spec, bid.struct_hash())


@dataclass(frozen=True, slots=True)
class PlacedAsk:
    """A live ask. `available_stake` (micro-USDC) and `settled_leases` are the chain's.

    `free_units` is how many units the leases of its provider leave, under whichever of its asks they are: the contract
    counts a provider's leases, and allows one more while there are fewer than the units of the ask that it is opened
    with. Here a lease counts as many as it takes.
    """

    ask: Ask
    signature: str
    profile: NodeProfile
    ask_hash: str
    free_units: int
    available_stake: int
    settled_leases: int = 0
    free_until: int = FOREVER
    """Unix seconds: the free units are promised to others from then on, and a lease opened now must be over."""
    is_judged: bool = True
    """Whether the sandbox that the profile promises is one in which enough oracles run jobs again to convict a lie."""

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


def is_bid_late(bid: Bid, now: int) -> bool:
    """Whether nobody can serve the bid in time any more: it has lapsed, or its deadline is too near."""
    return min(bid.valid_until, bid.deadline - bid.duration_seconds) < now


def is_bid_live(placed: PlacedBid, now: int) -> bool:
    """Whether a bid may still be matched."""
    return placed.bid.valid_until >= now and placed.bid.deadline > now


def is_ask_live(placed: PlacedAsk, now: int) -> bool:
    """Whether an ask may still be matched."""
    return placed.free_units > 0 and placed.ask.valid_until >= now
