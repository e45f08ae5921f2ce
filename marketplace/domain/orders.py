"""Signed orders as the market keeps them. An order is never changed; what is known about it changes around it."""

from dataclasses import dataclass
from enum import StrEnum

from marketplace.domain.chain import RenterAccount
from marketplace.domain.jobs import JobState
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Ask, Bid, Cancel
from marketplace.protocol.profile import NodeProfile

SALT_WINDOW = 144
"""Opening a bid voids its renter's bids whose salt is this far below, or farther."""


class OrderState(StrEnum):
    """Whether an order can still be matched; `reason` beside it says why not."""

    LIVE = "live"
    FILLED = "filled"
    """The bid was opened: its salt is used, and a replica that was left out stays out."""
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    """A newer ask for the same node took its place."""


@dataclass(frozen=True, slots=True)
class BidRecord:
    """A bid in the book, or one that was."""

    bid_hash: str
    bid: Bid
    signature: str
    job_spec: JobSpec
    placed_at: int
    state: OrderState = OrderState.LIVE
    reason: str = ""
    job_state: JobState = JobState.QUEUED
    held_until: int = 0
    """Unix seconds before which the bid sits out of rounds, after the contract left out its last match."""

    @property
    def locked_at_most(self) -> int:
        """Micro-USDC that all replicas together can lock."""
        return self.bid.replicas * self.bid.max_price

    @property
    def set_aside(self) -> int:
        """Micro-USDC that nothing else can be bid with: what a bid in another's stead locks, that one gave back."""
        place = self.job_spec.workflow
        return 0 if place is not None and place.attempt else self.locked_at_most


@dataclass(frozen=True, slots=True)
class Standing:
    """What a renter has in the book already."""

    highest_salt: int
    """Of all its bids that were ever accepted; -1 where there is none."""
    live: int
    """How many of them can still be matched."""
    set_aside: int
    """Micro-USDC that these have set aside together."""


@dataclass(frozen=True, slots=True)
class AskRecord:
    """An ask in the book, or one that was, with the profile of the node it offers."""

    ask_hash: str
    ask: Ask
    signature: str
    profile: NodeProfile
    placed_at: int
    state: OrderState = OrderState.LIVE
    reason: str = ""
    last_seen: int = 0
    """Unix seconds of the node's last sign of life."""
    drains_by: int = 0
    """0, or the unix seconds by which the node, which takes no new leases, will have left at the latest."""


@dataclass(frozen=True, slots=True)
class SignOfLife:
    """That a node was heard."""

    agent: str
    at: int
    """Unix seconds."""
    drains_by: int = 0
    """As in `AskRecord`."""


def voids_bid(cancel: Cancel, bid: Bid) -> bool:
    """Whether `cancel` voids `bid`."""
    if cancel.signer != bid.renter:
        return False
    if cancel.kind == CancelKind.BID:
        return bid.salt == cancel.salt
    return cancel.kind == CancelKind.BIDS_BEFORE and bid.salt < cancel.salt


def voids_ask(cancel: Cancel, ask: Ask) -> bool:
    """Whether `cancel` voids `ask`."""
    return cancel.signer == ask.provider and cancel.kind == CancelKind.ASKS_BEFORE and ask.salt < cancel.salt


def next_salt(account: RenterAccount, highest: int) -> int:
    """The salt for a renter's next bid: above what its account has used and above `highest`, that of its known bids."""
    return max(account.next_salt, highest + 1)
