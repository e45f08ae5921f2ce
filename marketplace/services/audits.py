"""The draw of a random audit: the market hands on what oracles sign about it, and decides nothing.

    attested ── all members seal the same attestation ──▶ sealed ── each shows its share ──▶ drawn, or not

Whatever it leaves out or forges, members run the job.
"""

from dataclasses import replace
from typing import Any

from marketplace.domain.audits import AuditRecord, audit_documents, find_drawn, is_draw_due, rate_of
from marketplace.domain.chain import Committee
from marketplace.domain.leases import LeaseRecord
from marketplace.errors import ConflictError, MalformedMessage
from marketplace.protocol.audits import AuditSeal, AuditShare, Draw, compute_commitment
from marketplace.protocol.enums import Verification
from marketplace.protocol.messages import require_signed_by
from marketplace.services.market import Market
from marketplace.services.record_evidence import (
    require_lease,
    require_open,
    require_oracle,
    require_same_lease,
    same_or_conflict,
)
from marketplace.services.storage import Transaction


def record_audit_seal(market: Market, lease_id: str, seal: AuditSeal, oracle: str, signature: str) -> bool:
    """Take an oracle's sealed share in the draw; True if it was new, False for the very same again.

    Raises NotFound, WrongSigner (not of the committee), InvalidSignature, MalformedMessage (of another attestation than
    the one that is here), ConflictError (the oracle has sealed another share, there is nothing to draw, the lease is
    closed), ChainUnavailable.
    """
    with market.store.read() as tx:
        require_lease(tx, lease_id)
    require_same_lease("AuditSeal", seal.lease_id, lease_id)
    committee = require_oracle(market, oracle)
    require_signed_by(seal, oracle, market.chain.domain, signature)
    with market.store.write() as tx:
        known = _record_of(tx, lease_id, oracle)
        if known is not None:
            return same_or_conflict(known.seal.struct_hash(), seal.struct_hash(), "audit seal", lease_id)
        require_open(require_lease(tx, lease_id))
        draw, _ = _draw(market, tx, committee, lease_id)
        if draw.attestation != seal.attestation:
            raise MalformedMessage("AuditSeal.attestation", f"the lease's attestation is {draw.attestation}")
        tx.audits.add(AuditRecord(seal, oracle, signature))
    return True


def record_audit_share(market: Market, lease_id: str, share: AuditShare, oracle: str, signature: str) -> bool:
    """Take what opens an oracle's audit seal; True if it was new, False for the very same again.

    Raises NotFound, WrongSigner (not of the committee), InvalidSignature, MalformedMessage (it opens another seal, or
    was shown for other seals than those here), ConflictError (not all members have sealed, the oracle has shown another
    share, the lease is closed), ChainUnavailable.
    """
    with market.store.read() as tx:
        require_lease(tx, lease_id)
    require_same_lease("AuditShare", share.lease_id, lease_id)
    committee = require_oracle(market, oracle)
    require_signed_by(share, oracle, market.chain.domain, signature)
    now = market.clock.now()
    with market.store.write() as tx:
        known = _require_sealed(tx, lease_id, oracle)
        if known.share is not None:
            return same_or_conflict(known.share.struct_hash(), share.struct_hash(), "audit share", lease_id)
        lease = require_lease(tx, lease_id)
        require_open(lease)
        _require_opens(market, tx, committee, known, share)
        tx.audits.open(replace(known, share=share, share_signature=signature))
        _tell(market, tx, committee, lease, now)
    return True


def show_audit(market: Market, lease_id: str) -> dict[str, Any]:
    """The draw of a lease, with all that members signed about it: whoever reads it can draw again. Raises NotFound,
    ConflictError for a lease without a draw, ChainUnavailable.
    """
    committee = market.chain.committee()
    with market.store.read() as tx:
        draw, rate = _draw(market, tx, committee, lease_id)
        records = tx.audits.of_lease(lease_id)
    return {
        "leaseId": lease_id,
        "ratePpm": rate,
        "attestation": draw.attestation,
        "members": list(draw.members),
        **audit_documents(records),
        "drawn": find_drawn(draw, records, rate),
    }


def rate_to_draw(tx: Transaction, lease: LeaseRecord) -> int | None:
    """Of how many such leases, in a million, the job is run; None where every one is, or none can be."""
    bid, attested = tx.bids.get(lease.bid_hash), tx.evidence.attestation(lease.lease_id)
    if bid is None or attested is None or bid.bid.verification != Verification.REEXECUTE:
        return None
    return rate_of(bid.job_spec) if is_draw_due(bid.job_spec, attested.attestation) else None


def drawn_of(tx: Transaction, lease: LeaseRecord) -> bool | None:
    """Whether the lease's job was drawn to be run, as its timeline says; None where nothing was drawn (yet)."""
    told = {one["kind"] for one in tx.timeline.of(lease.bid_hash) if one["leaseId"] == lease.lease_id}
    if not told & {"audit_drawn", "audit_not_drawn"}:
        return None
    return "audit_drawn" in told


def require_drawn(market: Market, tx: Transaction, committee: Committee, lease: LeaseRecord) -> dict[str, Any] | None:
    """What shows that members were to run the lease's job; None where they run every such job.

    Raises ConflictError where no complete draw fell on it: who did not run it may have been right.
    """
    if rate_to_draw(tx, lease) is None:
        return None
    draw, rate = _draw(market, tx, committee, lease.lease_id)
    records = tx.audits.of_lease(lease.lease_id)
    if not find_drawn(draw, records, rate):
        raise ConflictError(
            f"The draw about lease {lease.lease_id} did not fall on it, or is not complete: it convicts nobody.",
            hint="Plant canaries without a rate of audits, or open those that were drawn.",
            lease=lease.lease_id,
        )
    return audit_documents(records)


def _draw(market: Market, tx: Transaction, committee: Committee, lease_id: str) -> tuple[Draw, int]:
    rate, attested = rate_to_draw(tx, require_lease(tx, lease_id)), tx.evidence.attestation(lease_id)
    if rate is None or attested is None:
        raise ConflictError(
            f"Lease {lease_id} has nothing to draw: it is not attested, or oracles run it in any case.", lease=lease_id
        )
    judgement, domain = tx.seals.judgement(lease_id), market.chain.domain
    # Of a lease that is judged already, the committee of that time: another may sit since.
    members = judgement.members if judgement is not None and judgement.members else committee.members
    return Draw(domain, members, lease_id, attested.attestation.digest(domain)), rate


def _require_sealed(tx: Transaction, lease_id: str, oracle: str) -> AuditRecord:
    known = _record_of(tx, lease_id, oracle)
    if known is None:
        raise ConflictError(f"{oracle} has sealed no share in the draw of {lease_id}.", lease=lease_id, oracle=oracle)
    return known


def _require_opens(
    market: Market, tx: Transaction, committee: Committee, known: AuditRecord, share: AuditShare
) -> None:
    lease_id = known.seal.lease_id
    draw, _ = _draw(market, tx, committee, lease_id)
    commitments = draw.read_seals(audit_documents(tx.audits.of_lease(lease_id))["seals"])
    if not draw.is_complete(commitments):
        raise ConflictError(
            f"Not every member has sealed its share in the draw of {lease_id}.",
            hint="Keep yours to yourself until GET /api/v1/leases/{id}/audit shows the seals of all.",
            lease=lease_id,
        )
    if share.seals != draw.seals_digest(commitments):
        raise MalformedMessage("AuditShare.seals", f"the digest of all seals is {draw.seals_digest(commitments)}")
    if compute_commitment(known.oracle, lease_id, share.attestation, share.share) != known.seal.commitment:
        raise MalformedMessage("AuditShare.share", f"does not open {known.seal.commitment}, what was sealed")


def _tell(market: Market, tx: Transaction, committee: Committee, lease: LeaseRecord, now: int) -> None:
    """Write the draw into the job's timeline, once it is complete."""
    draw, rate = _draw(market, tx, committee, lease.lease_id)
    drawn = find_drawn(draw, tx.audits.of_lease(lease.lease_id), rate)
    if drawn is not None:
        kind = "audit_drawn" if drawn else "audit_not_drawn"
        tx.timeline.add(lease.bid_hash, now, kind, {"rate": f"{rate / 10_000:g}%"}, lease.lease_id)


def _record_of(tx: Transaction, lease_id: str, oracle: str) -> AuditRecord | None:
    return next((one for one in tx.audits.of_lease(lease_id) if one.oracle == oracle), None)
