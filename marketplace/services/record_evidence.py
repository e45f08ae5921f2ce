"""Taking in what providers, oracles and renters sign about leases."""

from marketplace.domain.chain import Committee
from marketplace.domain.evidence import AttestationRecord, ReceiptRecord
from marketplace.domain.leases import LeaseRecord
from marketplace.domain.outbox import OutboxKind
from marketplace.domain.seals import JUDGED
from marketplace.domain.signatures import require_signature
from marketplace.errors import (
    ConflictError,
    InputError,
    InvalidManifest,
    MalformedMessage,
    NotFound,
    WrongSigner,
)
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.manifest import Manifest
from marketplace.protocol.messages import (
    Attestation,
    Receipt,
    require_signed_by,
)
from marketplace.protocol.metering import compute_pay
from marketplace.protocol.network import require_egress
from marketplace.protocol.privacy import require_sealed, storage_of
from marketplace.protocol.usage import SignedUsage
from marketplace.services.enter_evidence import Checked, enter_evidence, same_evidence, same_or_conflict
from marketplace.services.market import Market
from marketplace.services.storage import Transaction
from marketplace.services.timeline import refresh_lease_and_job


def record_attestation(
    market: Market,
    lease_id: str,
    attestation: Attestation,
    signature: str,
    manifest: Manifest,
    usage: SignedUsage | None = None,
    sealed: Manifest | None = None,
) -> bool:
    """Take a provider's evidence; True if it was new, False for the very same again, with its usage report or without.

    Raises NotFound, MalformedMessage, InvalidSignature, InvalidManifest, InputError (blobs missing), ConflictError
    (another attestation or report is there, or the lease is closed). `sealed` needs no signature: what it leads to must
    decrypt to what the manifest names.
    """
    with market.store.read() as tx:
        lease = require_lease(tx, lease_id)
        record = tx.bids.get(lease.bid_hash)
        known = tx.evidence.attestation(lease_id)
    require_same_lease("Attestation", attestation.lease_id, lease_id)
    if record is None or not lease.agent:
        raise NotFound("signed orders of lease", lease_id)
    require_signed_by(attestation, lease.agent, market.chain.domain, signature)
    if known is not None:
        return same_evidence(known, attestation, usage)
    require_open(lease)
    _validate_attestation(attestation, lease)
    if manifest.root() != attestation.result_digest:
        raise InvalidManifest(
            f"The manifest's root is {manifest.root()}; the attestation names {attestation.result_digest}.",
            expected=attestation.result_digest,
            actual=manifest.root(),
        )
    require_egress(attestation.egress_bytes, manifest.egress_bytes, record.job_spec.network)
    attestation.usage_of(record.bid.resources)
    if usage is not None:
        require_signed_by(usage.report, lease.agent, market.chain.domain, usage.signature)
        usage.report.require_possible(attestation, record.bid, record.job_spec)
    stored = _stored(record.job_spec, manifest, sealed, attestation.exit_kind)
    require_blobs(market, stored)
    entry = AttestationRecord(attestation, signature, manifest, market.clock.now(), usage, sealed)
    is_new = enter_evidence(market, Checked(lease, entry, stored, is_judged=record.bid.verification in JUDGED))
    if is_new:
        market.live_logs.drop(lease_id)
    return is_new


def record_receipt(market: Market, lease_id: str, receipt: Receipt, signature: str) -> bool:
    """Take a renter's receipt; True if it was new, False for the very same again.

    One that pays the whole lock is sent by the market. One that pays less needs its provider's consent, who finds it at
    the lease and submits it itself; less than the evidence is worth is refused here. Raises NotFound, InvalidSignature,
    MalformedMessage, ConflictError, ChainUnavailable.
    """
    with market.store.read() as tx:
        lease = require_lease(tx, lease_id)
        attested = tx.evidence.attestation(lease_id)
        bid, ask = tx.bids.get(lease.bid_hash), tx.asks.get(lease.ask_hash)
        known = tx.evidence.receipt(lease_id)
    require_same_lease("Receipt", receipt.lease_id, lease_id)
    require_signature(market.chain, market.chain.domain, receipt, lease.renter, signature)
    if known is not None:
        return same_or_conflict(known.receipt.struct_hash(), receipt.struct_hash(), "receipt", lease_id)
    require_open(lease)
    if lease.claim is not None:
        raise ConflictError(
            f"Lease {lease_id} is {lease.claim.state.name.lower()} on chain and takes no receipt any more.",
            hint="Its renter releases the claim to the same effect.",
            lease=lease_id,
        )
    if attested is None or bid is None or ask is None:
        raise ConflictError(f"Lease {lease_id} has no attested result to accept yet.", lease=lease_id)
    if receipt.result_digest != attested.attestation.result_digest:
        raise MalformedMessage(
            "Receipt.resultDigest",
            f"the attested result is {attested.attestation.result_digest}",
        )
    used = attested.attestation.usage_of(bid.bid.resources)
    metered = compute_pay(ask.ask.rates, bid.bid.resources, used, lease.price)
    if not metered <= receipt.pay <= lease.price:
        raise MalformedMessage(
            "Receipt.pay",
            f"{receipt.pay} is not between the metered {metered} and the {lease.price} locked",
        )
    now = market.clock.now()
    with market.store.write() as tx:
        known = tx.evidence.receipt(lease_id)
        if known is not None:
            return same_or_conflict(known.receipt.struct_hash(), receipt.struct_hash(), "receipt", lease_id)
        tx.evidence.add_receipt(ReceiptRecord(receipt, signature, now))
        if receipt.pay == lease.price:
            tx.outbox.add(OutboxKind.ACCEPT, {"leaseId": lease_id}, now)
        tx.timeline.add(lease.bid_hash, now, "receipt", {"pay": str(receipt.pay)}, lease_id)
        refresh_lease_and_job(tx, lease, now)
    return True


def require_oracle(market: Market, oracle: str) -> Committee:
    """The committee. Raises WrongSigner unless `oracle` is a member, ChainUnavailable."""
    committee = market.chain.committee()
    if oracle not in committee.members:
        raise WrongSigner(
            f"{oracle} is not a member of the oracle committee.",
            oracle=oracle,
            members=list(committee.members),
        )
    return committee


def require_lease(tx: Transaction, lease_id: str) -> LeaseRecord:
    """The lease. Raises NotFound."""
    lease = tx.leases.get(lease_id)
    if lease is None:
        raise NotFound("lease", lease_id)
    return lease


def require_same_lease(message: str, named: str, lease_id: str) -> None:
    """Raises MalformedMessage for a message about another lease than the address says."""
    if named != lease_id:
        raise MalformedMessage(f"{message}.leaseId", f"{named} is not the lease {lease_id} of the address")


def require_open(lease: LeaseRecord) -> None:
    """Raises ConflictError for a lease that the chain has closed."""
    if lease.closing is not None:
        raise ConflictError(
            f"Lease {lease.lease_id} is closed ({lease.closing.state}).",
            lease=lease.lease_id,
            state=str(lease.closing.state),
        )


def _validate_attestation(attestation: Attestation, lease: LeaseRecord) -> None:
    if attestation.job_digest != lease.job_digest:
        raise MalformedMessage("Attestation.jobDigest", f"the lease is for {lease.job_digest}")
    if attestation.exit_kind not in set(ExitKind):
        raise MalformedMessage("Attestation.exitKind", f"{attestation.exit_kind} is not a way to end")
    if attestation.finished_at < attestation.started_at:
        raise MalformedMessage("Attestation.finishedAt", "the job ended before it began")


def _stored(job_spec: JobSpec, manifest: Manifest, sealed: Manifest | None, exit_kind: int) -> Manifest:
    """What the market must hold of a result: of a private job's, ciphertexts. Raises InvalidManifest."""
    if job_spec.privacy is not None:
        require_sealed(manifest, sealed, exit_kind)
    elif sealed is not None:
        raise InvalidManifest("`sealed` lists ciphertexts, but the job is not private.")
    return storage_of(manifest, sealed)


def require_blobs(market: Market, manifest: Manifest) -> None:
    """Raises InputError, InvalidManifest unless the market holds every blob of a manifest, in its size."""
    missing = [entry.digest for entry in manifest.entries if not market.blobs.has(entry.digest)]
    if missing:
        raise InputError(
            f"{len(missing)} of the manifest's blobs are not here, the first being {missing[0]}.",
            hint="Upload them first: PUT /api/v1/blobs/{digest}.",
            missing=missing,
        )
    for entry in manifest.entries:
        if market.blobs.size(entry.digest) != entry.size:
            raise InvalidManifest(f"{entry.path!r} has {market.blobs.size(entry.digest)} bytes, not {entry.size}.")
