"""Leases and matches as the market knows them: a match is the market's own plan, a lease is what the chain says."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from marketplace.domain.chain import CloseReason
from marketplace.domain.jobs import OUTCOME_STATES, JobState
from marketplace.protocol.enums import ClaimState, Outcome
from marketplace.protocol.packing import ClaimedLease, LeaseGroup, LeaseTerms


class MatchState(StrEnum):
    """What became of a match."""

    RESERVED = "reserved"
    """Planned: bid and ask units are set aside, the transaction is in the outbox."""
    OPENED = "opened"
    DROPPED = "dropped"
    """The contract left it out; `reason` says why. The unit is free again, and so is the bid if none of it opened."""


@dataclass(frozen=True, slots=True)
class MatchRecord:
    """One match of one round. Price in micro-USDC."""

    id: int
    round_number: int
    outbox_id: int
    bid_hash: str
    ask_hash: str
    provider: str
    price: int
    lease_id: str = ""
    """Known once the lease is open: it follows from the whole group that it was opened in."""
    state: MatchState = MatchState.RESERVED
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OpenOrders:
    """Of an open lease no more than what tells how much of its node it takes."""

    agent: str
    bid_hash: str
    ask_hash: str


@dataclass(frozen=True, slots=True)
class Closing:
    """How a lease ended, from the event that says so. Micro-USDC; `paid` is net of the fee."""

    outcome: Outcome
    paid: int
    fee: int
    refund: int
    result_digest: str
    reason: CloseReason
    block: int
    tx_hash: str
    at: int | None = None
    """The block's time; None where it is not known any more."""

    @property
    def state(self) -> JobState:
        """The end state that follows."""
        if self.reason in (CloseReason.DEADLINE, CloseReason.DISPUTE_EXPIRED):
            return JobState.REFUNDED
        return OUTCOME_STATES[self.outcome]


@dataclass(frozen=True, slots=True)
class Dispute:
    """The renter's contradiction of a claim; undecided `until`, the money goes back to it. Micro-USDC."""

    bond: int
    until: int
    block: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What the provider claimed for a result; undisputed `until`, it is paid. Micro-USDC."""

    pay: int
    result_digest: str
    until: int
    block: int
    dispute: Dispute | None = None

    @property
    def state(self) -> ClaimState:
        """Where the claim of an open lease is."""
        return ClaimState.CLAIMED if self.dispute is None else ClaimState.DISPUTED


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """A lease as the events tell it: the `place`-th of a group. Micro-USDC, unix seconds, bps.

    Ask, agent and job are not in the event: they are the match's, and empty where it and the orders are unknown here.
    """

    lease_id: str
    bid_hash: str
    ask_hash: str
    renter: str
    provider: str
    agent: str
    job_digest: str
    price: int
    fee_bps: int
    deadline: int
    salt: int
    """Of the bid."""
    group: int
    place: int
    round_digest: str
    opened_block: int
    opened_tx: str
    closing: Closing | None = None
    claim: Claim | None = None
    """A claimed lease has left its group: what closes it is about the lease alone."""
    stage: JobState = JobState.RUNNING
    """Derived from evidence and closing by `compute_lease_stage` whenever either changes."""

    @property
    def penalty(self) -> int:
        """What fraud costs the provider: the price."""
        return self.price

    @property
    def terms(self) -> LeaseTerms:
        """As the contract keeps them."""
        return LeaseTerms(self.bid_hash, self.renter, self.provider, self.price, self.fee_bps, self.deadline, self.salt)

    @property
    def claimed(self) -> ClaimedLease:
        """As calls about a claimed lease take it."""
        return ClaimedLease(self.lease_id, *self.terms.words())


def build_group(market: str, leases: Sequence[LeaseRecord]) -> LeaseGroup:
    """The group of `leases`: all that one transaction opened under one number, whatever became of them since."""
    ordered = sorted(leases, key=lambda lease: lease.place)
    return LeaseGroup(market, ordered[0].group, tuple(lease.terms for lease in ordered))


def compute_lease_stage(lease: LeaseRecord, *, attested: bool, seals: int, settling: bool) -> JobState:
    """Where an opened lease stands."""
    if lease.closing is not None:
        return lease.closing.state
    if settling:
        return JobState.SETTLING
    if seals:
        return JobState.VERIFYING
    return JobState.ATTESTED if attested or lease.claim is not None else JobState.RUNNING
