"""Leases and matches as the market knows them: a match is the market's own plan, a lease is what the chain says."""

from dataclasses import dataclass
from enum import StrEnum

from marketplace.domain.chain import CloseReason
from marketplace.domain.jobs import OUTCOME_STATES, JobState
from marketplace.protocol.enums import Outcome


class MatchState(StrEnum):
    """What became of a match."""

    RESERVED = "reserved"
    """Planned: bid and ask units are set aside, the transaction is in the outbox."""
    OPENED = "opened"
    DROPPED = "dropped"
    """The contract refused it; `reason` says why. Bid and ask are free again."""


@dataclass(frozen=True, slots=True)
class MatchRecord:
    """One match of one round. Price in micro-USDC."""

    id: int
    round_number: int
    outbox_id: int
    lease_id: str
    bid_hash: str
    ask_hash: str
    price: int
    state: MatchState = MatchState.RESERVED
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Closing:
    """How a lease ended, from its LeaseClosed event. Micro-USDC; `paid` is net of the fee."""

    outcome: Outcome
    paid: int
    fee: int
    refund: int
    result_digest: str
    reason: CloseReason
    block: int
    tx_hash: str

    @property
    def state(self) -> JobState:
        """The end state that follows."""
        if self.reason is CloseReason.DEADLINE:
            return JobState.REFUNDED
        return OUTCOME_STATES[self.outcome]


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """A lease, from its LeaseOpened event. Micro-USDC, unix seconds, bps."""

    lease_id: str
    bid_hash: str
    ask_hash: str
    renter: str
    provider: str
    agent: str
    job_digest: str
    price: int
    penalty: int
    fee_bps: int
    deadline: int
    round_digest: str
    opened_block: int
    opened_tx: str
    closing: Closing | None = None
    stage: JobState = JobState.RUNNING
    """Derived from evidence and closing by `compute_lease_stage` whenever either changes."""


def compute_lease_stage(lease: LeaseRecord, *, attested: bool, verdicts: int, settling: bool) -> JobState:
    """Where an opened lease stands."""
    if lease.closing is not None:
        return lease.closing.state
    if settling:
        return JobState.SETTLING
    if verdicts:
        return JobState.VERIFYING
    return JobState.ATTESTED if attested else JobState.RUNNING
