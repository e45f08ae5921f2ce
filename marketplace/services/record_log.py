"""Taking in what running jobs print."""

from contextlib import suppress

from marketplace.domain.feed import LogPiece
from marketplace.domain.leases import LeaseRecord
from marketplace.errors import ConflictError, DigestMismatch, MalformedMessage, NotFound, TooLarge
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.livelog import MAX_CHUNK_BYTES, STREAMS, LogChunk, streaming_obstacle
from marketplace.protocol.messages import require_signed_by
from marketplace.services.market import Market
from marketplace.services.record_evidence import require_lease, require_open, require_same_lease


def record_log(market: Market, lease_id: str, chunk: LogChunk, signature: str, data: bytes) -> int:
    """Take a piece of a running job's log; how many bytes of its stream are here now, which is where the next begins.

    Raises NotFound, MalformedMessage, InvalidSignature, DigestMismatch, TooLarge (a piece, a stream, or what all
    running jobs have printed), ConflictError (the lease is closed or attested, the run is over, nobody may see it).
    """
    with market.store.read() as tx:
        lease = require_lease(tx, lease_id)
        record = tx.bids.get(lease.bid_hash)
        is_attested = tx.evidence.attestation(lease_id) is not None
    require_same_lease("LogChunk", chunk.lease_id, lease_id)
    if record is None or not lease.agent:
        raise NotFound("signed orders of lease", lease_id)
    _require_piece(chunk, data)
    require_signed_by(chunk, lease.agent, market.chain.domain, signature)
    _require_running(lease, is_attested=is_attested)
    obstacle = streaming_obstacle(record.bid, record.job_spec)
    if obstacle:
        raise ConflictError(
            f"The log of lease {lease_id} is not shown before its end. {obstacle}",
            hint="Leave it: the result has it.",
            lease=lease_id,
        )
    held = market.live_logs.append(lease_id, chunk.started_at, chunk.stream, chunk.offset, data, market.clock.now())
    if market.feed is not None:
        market.feed.share(LogPiece(lease_id, chunk.started_at, chunk.stream, chunk.offset, data))
    return held


def take_shared_log(market: Market, piece: LogPiece) -> None:
    """A piece that another process of the market has taken in and checked; what has no place here is left out."""
    with suppress(ConflictError, TooLarge):
        market.live_logs.append(
            piece.lease_id, piece.started_at, piece.stream, piece.offset, piece.data, market.clock.now()
        )


def _require_piece(chunk: LogChunk, data: bytes) -> None:
    if chunk.stream not in STREAMS:
        known = ", ".join(f"{number} ({name})" for number, name in STREAMS.items())
        raise MalformedMessage("LogChunk.stream", f"{chunk.stream} is none of {known}")
    if not data:
        raise MalformedMessage("data", "a piece has at least one byte")
    if len(data) > MAX_CHUNK_BYTES:
        raise TooLarge("The piece", len(data), MAX_CHUNK_BYTES)
    if sha256_digest(data) != chunk.data_digest:
        raise DigestMismatch(expected=chunk.data_digest, actual=sha256_digest(data))


def _require_running(lease: LeaseRecord, *, is_attested: bool) -> None:
    require_open(lease)
    if is_attested:
        raise ConflictError(
            f"Lease {lease.lease_id} is attested: its log is in its result.",
            hint="Send nothing more of it.",
            lease=lease.lease_id,
        )
