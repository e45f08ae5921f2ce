"""Keeping each job's and lease's state in step with what is known, and writing down every change."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from marketplace.domain.evidence import Standing
from marketplace.domain.jobs import JobState, compute_job_state, validate_job_step
from marketplace.domain.leases import LeaseRecord, MatchRecord, MatchState, compute_lease_stage
from marketplace.domain.orders import BidRecord, OrderState
from marketplace.domain.outbox import OutboxState
from marketplace.protocol.messages import Receipt
from marketplace.services.storage import Transaction

_WAITING_ENDS = {
    OrderState.CANCELLED: JobState.CANCELLED,
    OrderState.EXPIRED: JobState.EXPIRED,
}


def refresh_lease(tx: Transaction, lease_id: str) -> bool:
    """Derive the lease's stage again; True where it changed, and is saved."""
    standing = tx.evidence.standings([lease_id]).get(lease_id)
    return standing is not None and _restage(tx, tx.leases.get(lease_id), standing)


def _restage(tx: Transaction, lease: LeaseRecord, standing: Standing) -> bool:
    stage = compute_lease_stage(
        lease,
        attested=standing.is_attested,
        seals=standing.seals,
        settling=standing.is_proposed or _is_full(standing.receipt, lease),
    )
    if stage is lease.stage:
        return False
    tx.leases.set_stage(lease.lease_id, stage)
    return True


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
    _move(tx, record, tx.leases.of_bid(bid_hash), tx.matches.of_bid(bid_hash), now, on_chain, rolled_back, detail)


def _move(
    tx: Transaction,
    record: BidRecord,
    leases: Sequence[LeaseRecord],
    matches: Sequence[MatchRecord],
    now: int,
    on_chain: bool = False,
    rolled_back: bool = False,
    detail: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    bid_hash, after = record.bid_hash, _job_state(tx, record, leases, matches)
    if after is record.job_state:
        return
    if not (on_chain or rolled_back):
        validate_job_step(record.job_state, after)
    tx.bids.set_job_state(bid_hash, after)
    tx.timeline.add(
        bid_hash,
        now,
        after.value,
        {**detail, **({"reorganised": True} if rolled_back else {})},
    )


def refresh_lease_and_job(
    tx: Transaction, lease: LeaseRecord, now: int, *, on_chain: bool = False, **detail: Any
) -> None:
    """Both, for something that happened to one lease: the job stands where it stood unless the lease moved."""
    if refresh_lease(tx, lease.lease_id):
        refresh_job(tx, lease.bid_hash, now, on_chain=on_chain, **detail)


def refresh_leases_and_jobs(tx: Transaction, lease_ids: Collection[str], now: int, *, on_chain: bool = False) -> None:
    """The same for something that happened to many, with as many looks as for one.

    Raises IllegalTransition as `refresh_job` does; a lease that there is not is passed over.
    """
    moved = refresh_leases(tx, lease_ids)
    refresh_jobs(tx, [lease.bid_hash for lease in moved], now, on_chain=on_chain)


def refresh_leases(tx: Transaction, lease_ids: Collection[str]) -> list[LeaseRecord]:
    """Those whose stage changed, and is saved; as they were before."""
    standings = tx.evidence.standings(lease_ids)
    return [lease for one, lease in tx.leases.load(lease_ids).items() if _restage(tx, lease, standings[one])]


def refresh_jobs(
    tx: Transaction,
    bid_hashes: Iterable[str],
    now: int,
    *,
    on_chain: bool = False,
    details: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> None:
    """What `refresh_job` does, for many; `details` by bid."""
    records = tx.bids.load(dict.fromkeys(bid_hashes))
    leases, matches = tx.leases.of_bids(records), tx.matches.of_bids(records)
    for bid_hash, record in records.items():
        detail = details.get(bid_hash, {})
        _move(tx, record, leases[bid_hash], matches[bid_hash], now, on_chain=on_chain, detail=detail)


def match_state(tx: Transaction, outbox_id: int) -> JobState:
    """Where a match stands: reserved for later, matched, or opening once its transaction is signed."""
    item = tx.outbox.get(outbox_id)
    if item is not None and item.state is not OutboxState.INTENT:
        return JobState.OPENING
    return JobState.RESERVED if item is not None and item.opens_at else JobState.MATCHED


def _job_state(
    tx: Transaction, record: BidRecord, leases: Sequence[LeaseRecord], matches: Sequence[MatchRecord]
) -> JobState:
    providers = {lease.provider for lease in leases}
    reserved = [match for match in matches if match.state is MatchState.RESERVED and match.provider not in providers]
    states = [lease.stage for lease in leases]
    states += [match_state(tx, match.outbox_id) for match in reserved]
    # What was not opened with the others cannot be opened later.
    wanted = len(states) if leases else record.bid.replicas
    return compute_job_state(
        lease_states=states,
        missing=wanted - len(states),
        waiting_end=_WAITING_ENDS.get(record.state),
    )


def has_full_receipt(tx: Transaction, lease: LeaseRecord) -> bool:
    """Whether the renter's receipt pays the whole lock of a lease that takes one: those the market sends itself."""
    record = tx.evidence.receipt(lease.lease_id)
    return _is_full(record.receipt if record is not None else None, lease)


def _is_full(receipt: Receipt | None, lease: LeaseRecord) -> bool:
    return receipt is not None and receipt.pay == lease.price and lease.claim is None
