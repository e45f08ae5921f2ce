"""The life of a job and of each of its leases: states, legal steps, and where a job stands given its leases.

    queued ─▶ matched ─▶ opening ─▶ running ─▶ attested ─▶ verifying ─▶ settling ─▶ paid | failed | fraud | refunded
       ├──▶ cancelled                  └───────────────────────────────────────────▶ (receipt, refund, another's settle)
       └──▶ expired

A job is one signed bid; it has up to `replicas` leases. One whose start lies ahead is `reserved` in place of `matched`.
Leases only go forward; a job goes back to `queued` when a
match was dropped or a replica still waits. What has ended stays ended, unless the chain itself is reorganised.
"""

from collections.abc import Iterable
from enum import StrEnum

from marketplace.errors import IllegalTransition
from marketplace.protocol.enums import Outcome


class JobState(StrEnum):
    """Where a job, or one of its leases, stands."""

    QUEUED = "queued"
    """In the book, waiting for a round that matches it."""
    RESERVED = "reserved"
    """Matched ahead of its time: a unit is promised to it, its lease opens at its start."""
    MATCHED = "matched"
    """Matched in a round; the transaction that opens the lease is not sent yet."""
    OPENING = "opening"
    """The opening transaction is on its way."""
    RUNNING = "running"
    """The lease is open on chain: the provider works, or is about to."""
    ATTESTED = "attested"
    """The provider has posted its evidence; no oracle has judged it yet."""
    VERIFYING = "verifying"
    """At least one oracle has given its verdict."""
    SETTLING = "settling"
    """The closing transaction is being signed or is on its way."""
    PAID = "paid"
    FAILED = "failed"
    FRAUD = "fraud"
    REFUNDED = "refunded"
    """Nobody settled before the deadline: the whole lock went back."""
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_end(self) -> bool:
        """Whether nothing follows."""
        return self in END_STATES


END_STATES = frozenset(
    {
        JobState.PAID,
        JobState.FAILED,
        JobState.FRAUD,
        JobState.REFUNDED,
        JobState.CANCELLED,
        JobState.EXPIRED,
    }
)
_LEASE_ORDER = [
    JobState.RESERVED,
    JobState.MATCHED,
    JobState.OPENING,
    JobState.RUNNING,
    JobState.ATTESTED,
    JobState.VERIFYING,
    JobState.SETTLING,
]
_LEASE_ENDS = (JobState.PAID, JobState.FRAUD, JobState.FAILED, JobState.REFUNDED)
"""Ends of a lease; of several replicas the first in this order names the job's end."""
OUTCOME_STATES = {
    Outcome.PAID: JobState.PAID,
    Outcome.FAILED: JobState.FAILED,
    Outcome.FRAUD: JobState.FRAUD,
}


def is_legal_lease_step(before: JobState, after: JobState) -> bool:
    """Whether a lease may go from `before` to `after`: forward, stages may be skipped, ends are final.

    A settlement that fails takes a lease back from settling to verifying (verdicts are there) or attested.
    """
    if before is after:
        return True
    if before.is_end or before not in _LEASE_ORDER:
        return False
    if after in _LEASE_ENDS:
        return True
    if after not in _LEASE_ORDER:
        return False
    if before is JobState.SETTLING:
        return after in (JobState.RUNNING, JobState.ATTESTED, JobState.VERIFYING)
    return _LEASE_ORDER.index(after) > _LEASE_ORDER.index(before)


def is_legal_job_step(before: JobState, after: JobState) -> bool:
    """Whether a job may go from `before` to `after`.

    A job with replicas may go back while it lives (one of them is behind); `cancelled` and `expired` only where no
    lease was ever opened, so never once a result was attested.
    """
    if before is after:
        return True
    if before.is_end:
        return False
    if after in (JobState.CANCELLED, JobState.EXPIRED):
        return before in (JobState.QUEUED, JobState.RESERVED, JobState.MATCHED, JobState.OPENING)
    return True


def validate_job_step(before: JobState, after: JobState) -> None:
    """Raises IllegalTransition."""
    if not is_legal_job_step(before, after):
        raise IllegalTransition(
            f"A job that is {before} cannot become {after}.",
            before=str(before),
            after=str(after),
        )


def compute_job_state(*, lease_states: Iterable[JobState], missing: int, waiting_end: JobState | None) -> JobState:
    """Where a job stands.

    `lease_states`: of its live matches and leases (dropped matches are not among them); `missing`: replicas without
    one; `waiting_end`: CANCELLED or EXPIRED where the bid can no longer be matched, else None.
    """
    states = list(lease_states)
    active = [state for state in states if not state.is_end]
    if active:
        return min(active, key=_LEASE_ORDER.index)
    if missing > 0 and waiting_end is None:
        return JobState.QUEUED
    for end in _LEASE_ENDS:
        if end in states:
            return end
    return waiting_end or JobState.QUEUED
