"""Keeping each job's and lease's state in step with what is known, and writing down every change."""

from typing import Any

from marketplace.domain.evidence import BatchState
from marketplace.domain.jobs import JobState, compute_job_state, validate_job_step
from marketplace.domain.leases import LeaseRecord, MatchState, compute_lease_stage
from marketplace.domain.orders import BidRecord, OrderState
from marketplace.domain.outbox import OutboxState
from marketplace.services.storage import Transaction

_WAITING_ENDS = {
    OrderState.CANCELLED: JobState.CANCELLED,
    OrderState.EXPIRED: JobState.EXPIRED,
}


def refresh_lease(tx: Transaction, lease_id: str) -> None:
    """Derive the lease's stage again and save it where it changed."""
    lease = tx.leases.get(lease_id)
    if lease is None:
        return
    stage = compute_lease_stage(
        lease,
        attested=tx.evidence.attestation(lease_id) is not None,
        seals=len(tx.seals.of_lease(lease_id)),
        settling=_is_settling(tx, lease),
    )
    if stage is not lease.stage:
        tx.leases.set_stage(lease_id, stage)


def refresh_job(
    tx: Transaction,
    bid_hash: str,
    now: int,
    *,
    on_chain: bool = False,
    rolled_back: bool = False,
    **detail: Any,
) -> None:
    """Derive the job's state again; where it changed, save it and note it in the timeline.

    Raises IllegalTransition for a step that the life-cycle does not have, unless the chain itself says so: by an event
    (`on_chain`), or because it was `rolled_back`.
    """
    record = tx.bids.get(bid_hash)
    if record is None:
        return
    after = _job_state(tx, record)
    if after is record.job_state:
        return
    if not (on_chain or rolled_back):
        validate_job_step(record.job_state, after)
    tx.bids.set_job_state(bid_hash, after)
    tx.timeline.add(
        bid_hash,
        now,
        after.value,
        detail | ({"reorganised": True} if rolled_back else {}),
    )


def refresh_lease_and_job(
    tx: Transaction, lease: LeaseRecord, now: int, *, on_chain: bool = False, **detail: Any
) -> None:
    """Both, for something that happened to one lease."""
    refresh_lease(tx, lease.lease_id)
    refresh_job(tx, lease.bid_hash, now, on_chain=on_chain, **detail)


def match_state(tx: Transaction, outbox_id: int) -> JobState:
    """Where a match stands: reserved for later, matched, or opening once its transaction is signed."""
    item = tx.outbox.get(outbox_id)
    if item is not None and item.state is not OutboxState.INTENT:
        return JobState.OPENING
    return JobState.RESERVED if item is not None and item.opens_at else JobState.MATCHED


def _job_state(tx: Transaction, record: BidRecord) -> JobState:
    leases = tx.leases.of_bid(record.bid_hash)
    providers = {lease.provider for lease in leases}
    reserved = [
        match
        for match in tx.matches.of_bid(record.bid_hash)
        if match.state is MatchState.RESERVED and match.provider not in providers
    ]
    states = [lease.stage for lease in leases]
    states += [match_state(tx, match.outbox_id) for match in reserved]
    # What was not opened with the others cannot be opened later.
    wanted = len(states) if leases else record.bid.replicas
    return compute_job_state(
        lease_states=states,
        missing=wanted - len(states),
        waiting_end=_WAITING_ENDS.get(record.state),
    )


def _is_settling(tx: Transaction, lease: LeaseRecord) -> bool:
    batches = tx.batches.of_lease(lease.lease_id)
    if any(batch.state in (BatchState.PROPOSED, BatchState.SETTLING) for batch in batches):
        return True
    return has_full_receipt(tx, lease)


def has_full_receipt(tx: Transaction, lease: LeaseRecord) -> bool:
    """Whether the renter's receipt pays the whole lock of a lease that takes one: those the market sends itself."""
    record = tx.evidence.receipt(lease.lease_id)
    return record is not None and record.receipt.pay == lease.price and lease.claim is None
