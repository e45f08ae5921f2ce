"""Signed orders as the market keeps them. An order is never changed; what is known about it changes around it."""

from dataclasses import dataclass
from enum import StrEnum

from marketplace.domain.jobs import JobState
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Ask, Bid
from marketplace.protocol.profile import NodeProfile


class OrderState(StrEnum):
    """Whether an order can still be matched; `reason` beside it says why not."""

    LIVE = "live"
    FILLED = "filled"
    """Every replica of the bid has its lease on chain."""
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
    """Unix seconds before which the bid sits out of rounds, after a contract refused its last match."""

    @property
    def locked_at_most(self) -> int:
        """Micro-USDC that all replicas together can lock."""
        return self.bid.replicas * self.bid.max_price


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
