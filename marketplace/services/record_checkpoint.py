"""Taking in the saved states of running jobs, and telling what a job would go on from."""

from typing import Any

from marketplace.domain.checkpoints import CheckpointRecord
from marketplace.errors import InvalidManifest, MalformedMessage, NotFound, TooLarge
from marketplace.protocol.checkpoint import Checkpoint, resume_from
from marketplace.protocol.manifest import Manifest
from marketplace.protocol.messages import require_signed_by
from marketplace.protocol.privacy import most_sealed
from marketplace.protocol.units import BYTES_PER_MB
from marketplace.services.market import Market
from marketplace.services.prune import require_kept
from marketplace.services.record_evidence import require_blobs, require_lease, require_open, require_same_lease


def record_checkpoint(
    market: Market, lease_id: str, checkpoint: Checkpoint, signature: str, manifest: Manifest
) -> bool:
    """Take a running job's state; True where it is newer than what was here, which it replaces.

    Raises NotFound, MalformedMessage, InvalidSignature, InvalidManifest, InvalidJobSpec (no job could have these files
    as inputs), TooLarge (more than the job may send out at
    all), InputError (blobs missing), ConflictError (the lease is closed).
    """
    with market.store.read() as tx:
        lease = require_lease(tx, lease_id)
        record = tx.bids.get(lease.bid_hash)
    require_same_lease("Checkpoint", checkpoint.lease_id, lease_id)
    if record is None or not lease.agent:
        raise NotFound("signed orders of lease", lease_id)
    require_signed_by(checkpoint, lease.agent, market.chain.domain, signature)
    require_open(lease)
    wanted = record.job_spec.checkpoint
    if wanted is None:
        raise MalformedMessage("Checkpoint.jobDigest", "the job specification asks for no checkpoints")
    if checkpoint.job_digest != lease.job_digest:
        raise MalformedMessage("Checkpoint.jobDigest", f"the lease is for {lease.job_digest}")
    if manifest.root() != checkpoint.root:
        raise InvalidManifest(f"The manifest's root is {manifest.root()}; the checkpoint names {checkpoint.root}.")
    resume_from(record.job_spec, manifest)
    allowed = record.bid.egress_mb * BYTES_PER_MB
    if record.job_spec.privacy is not None:  # what the bid reserves is meant for what is in the ciphertexts
        allowed = most_sealed(allowed, len(manifest.entries))
    if manifest.egress_bytes > allowed:
        raise TooLarge("The checkpoint", manifest.egress_bytes, allowed)
    require_blobs(market, manifest)
    now = market.clock.now()
    with market.store.write() as tx:
        known = tx.checkpoints.get(lease_id)
        if known is not None and known.checkpoint.taken_at >= checkpoint.taken_at:
            return False
        require_kept(tx, {entry.digest for entry in manifest.entries})
        tx.checkpoints.put(CheckpointRecord(checkpoint, signature, manifest, now))
        detail = {"files": str(len(manifest.entries)), "bytes": str(manifest.egress_bytes)}
        tx.timeline.add(lease.bid_hash, now, "checkpoint", detail, lease_id)
    market.uploads.release(entry.digest for entry in manifest.entries)
    return True


def show_checkpoint(market: Market, lease_id: str) -> dict[str, Any]:
    """The newest state of a lease's job. Raises NotFound."""
    with market.store.read() as tx:
        record = tx.checkpoints.get(lease_id)
    if record is None:
        raise NotFound("checkpoint of lease", lease_id)
    return {
        "checkpoint": record.checkpoint.to_json(),
        "signature": record.signature,
        "manifest": record.manifest.to_json(),
        "receivedAt": record.received_at,
    }
