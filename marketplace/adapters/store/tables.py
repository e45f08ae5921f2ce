"""The tables, as SQLModel sees them. `migrations/` makes them; a test holds both equal."""

from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel


def _json() -> Any:
    return Field(sa_column=Column(JSON, nullable=False))


class BidRow(SQLModel, table=True):
    __tablename__ = "bids"
    id: int | None = Field(default=None, primary_key=True)
    bid_hash: str
    renter: str
    salt: int
    bid: dict[str, Any] = _json()
    signature: str
    job_spec: dict[str, Any] = _json()
    placed_at: int
    state: str
    reason: str
    job_state: str
    held_until: int
    ended_block: int | None = None


class AskRow(SQLModel, table=True):
    __tablename__ = "asks"
    id: int | None = Field(default=None, primary_key=True)
    ask_hash: str
    provider: str
    agent: str
    salt: int
    ask: dict[str, Any] = _json()
    signature: str
    profile: dict[str, Any] = _json()
    placed_at: int
    state: str
    reason: str
    ended_block: int | None = None


class NodeRow(SQLModel, table=True):
    __tablename__ = "nodes"
    agent: str = Field(primary_key=True)
    last_seen: int
    drains_by: int = 0


class NoticeRow(SQLModel, table=True):
    __tablename__ = "notices"
    lease_id: str = Field(primary_key=True)
    bid_hash: str
    round_number: int
    given_at: int
    stops_at: int


class CancellationRow(SQLModel, table=True):
    __tablename__ = "cancellations"
    id: int | None = Field(default=None, primary_key=True)
    signer: str
    kind: int
    salt: int
    block: int | None = None


class RoundRow(SQLModel, table=True):
    __tablename__ = "rounds"
    number: int = Field(primary_key=True)
    digest: str
    cleared_at: int
    summary: dict[str, Any] = _json()


class TranscriptRow(SQLModel, table=True):
    __tablename__ = "transcripts"
    number: int = Field(primary_key=True, foreign_key="rounds.number")
    transcript: dict[str, Any] = _json()


class RoundBidRow(SQLModel, table=True):
    __tablename__ = "round_bids"
    bid_hash: str = Field(primary_key=True)
    number: int = Field(primary_key=True, foreign_key="rounds.number")


class OutboxRow(SQLModel, table=True):
    __tablename__ = "outbox"
    id: int | None = Field(default=None, primary_key=True)
    kind: str
    payload: dict[str, Any] = _json()
    state: str
    created_at: int
    tx_hash: str = ""
    nonce: int = -1
    raw: str = ""
    replaced: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    attempts: int = 0
    next_try_at: float = 0.0
    sent_at: float = 0.0
    block: int = 0
    error: str = ""


class MatchRow(SQLModel, table=True):
    __tablename__ = "matches"
    id: int | None = Field(default=None, primary_key=True)
    round_number: int = Field(foreign_key="rounds.number")
    outbox_id: int = Field(foreign_key="outbox.id")
    bid_hash: str = Field(foreign_key="bids.bid_hash")
    ask_hash: str = Field(foreign_key="asks.ask_hash")
    provider: str
    price: int
    lease_id: str
    state: str
    reason: str
    dropped_block: int | None = None


class LeaseRow(SQLModel, table=True):
    __tablename__ = "leases"
    id: int | None = Field(default=None, primary_key=True)
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
    group: int
    place: int
    round_digest: str
    opened_block: int
    opened_tx: str
    stage: str
    claim_pay: int | None = None
    claim_digest: str | None = None
    claim_until: int | None = None
    claimed_block: int | None = None
    dispute_bond: int | None = None
    dispute_until: int | None = None
    disputed_block: int | None = None
    outcome: int | None = None
    paid: int | None = None
    fee: int | None = None
    refund: int | None = None
    result_digest: str | None = None
    close_reason: int | None = None
    closed_block: int | None = None
    closed_tx: str | None = None


class AttestationRow(SQLModel, table=True):
    __tablename__ = "attestations"
    lease_id: str = Field(primary_key=True)
    attestation: dict[str, Any] = _json()
    signature: str
    manifest: dict[str, Any] = _json()
    received_at: int
    usage: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    sealed: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))


class KeyGrantRow(SQLModel, table=True):
    __tablename__ = "key_grants"
    job_id: str = Field(primary_key=True)
    holder: str = Field(primary_key=True)
    signer: str = Field(primary_key=True)
    grant: dict[str, Any] = _json()
    signature: str
    ciphertext: bytes
    received_at: int


class KeyOfferRow(SQLModel, table=True):
    __tablename__ = "key_offers"
    oracle: str = Field(primary_key=True)
    offer: dict[str, Any] = _json()
    signature: str


class CheckpointRow(SQLModel, table=True):
    __tablename__ = "checkpoints"
    lease_id: str = Field(primary_key=True)
    checkpoint: dict[str, Any] = _json()
    signature: str
    manifest: dict[str, Any] = _json()
    received_at: int


class VerdictRow(SQLModel, table=True):
    __tablename__ = "verdicts"
    lease_id: str = Field(primary_key=True)
    oracle: str = Field(primary_key=True)
    reveal: dict[str, Any] = _json()
    signature: str
    received_at: int
    is_late: bool


class SealRow(SQLModel, table=True):
    __tablename__ = "seals"
    lease_id: str = Field(primary_key=True)
    oracle: str = Field(primary_key=True)
    seal: dict[str, Any] = _json()
    signature: str
    received_at: int
    is_late: bool


class JudgementRow(SQLModel, table=True):
    __tablename__ = "judgements"
    lease_id: str = Field(primary_key=True)
    attested_at: int
    opened_at: int | None = None
    members: list[str] = _json()
    concluded_at: int | None = None


class AuditRow(SQLModel, table=True):
    __tablename__ = "audits"
    lease_id: str = Field(primary_key=True)
    oracle: str = Field(primary_key=True)
    seal: dict[str, Any] = _json()
    seal_signature: str
    share: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    share_signature: str | None = None


class FaultRow(SQLModel, table=True):
    __tablename__ = "oracle_faults"
    id: int | None = Field(default=None, primary_key=True)
    lease_id: str
    oracle: str
    kind: str
    noted_at: int
    evidence: dict[str, Any] = _json()


class ReceiptRow(SQLModel, table=True):
    __tablename__ = "receipts"
    lease_id: str = Field(primary_key=True)
    receipt: dict[str, Any] = _json()
    signature: str
    received_at: int


class BatchRow(SQLModel, table=True):
    __tablename__ = "batches"
    digest: str = Field(primary_key=True)
    verdicts: list[dict[str, Any]] = _json()
    state: str
    reason: str
    proposed_at: int
    proposals: int


class BatchLeaseRow(SQLModel, table=True):
    __tablename__ = "batch_leases"
    lease_id: str = Field(primary_key=True)
    digest: str = Field(primary_key=True, foreign_key="batches.digest")


class BatchSignatureRow(SQLModel, table=True):
    __tablename__ = "batch_signatures"
    digest: str = Field(primary_key=True, foreign_key="batches.digest")
    oracle: str = Field(primary_key=True)
    signature: str


class BlockRow(SQLModel, table=True):
    __tablename__ = "followed_blocks"
    number: int = Field(primary_key=True)
    hash: str
    timestamp: int


class TimelineRow(SQLModel, table=True):
    __tablename__ = "timeline"
    id: int | None = Field(default=None, primary_key=True)
    bid_hash: str
    lease_id: str
    at: int
    kind: str
    detail: dict[str, Any] = _json()
