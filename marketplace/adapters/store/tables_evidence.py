"""The tables of what was signed about leases: evidence, seals, audits, batches."""

from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from marketplace.adapters.store.columns import json_field


class AttestationRow(SQLModel, table=True):
    __tablename__ = "attestations"
    lease_id: str = Field(primary_key=True)
    attestation: dict[str, Any] = json_field()
    signature: str
    manifest: dict[str, Any] = json_field()
    received_at: int
    usage: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    sealed: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))


class KeyGrantRow(SQLModel, table=True):
    __tablename__ = "key_grants"
    job_id: str = Field(primary_key=True)
    holder: str = Field(primary_key=True)
    signer: str = Field(primary_key=True)
    grant: dict[str, Any] = json_field()
    signature: str
    ciphertext: bytes
    received_at: int


class KeyOfferRow(SQLModel, table=True):
    __tablename__ = "key_offers"
    oracle: str = Field(primary_key=True)
    offer: dict[str, Any] = json_field()
    signature: str


class CheckpointRow(SQLModel, table=True):
    __tablename__ = "checkpoints"
    lease_id: str = Field(primary_key=True)
    checkpoint: dict[str, Any] = json_field()
    signature: str
    manifest: dict[str, Any] = json_field()
    received_at: int


class VerdictRow(SQLModel, table=True):
    __tablename__ = "verdicts"
    lease_id: str = Field(primary_key=True)
    oracle: str = Field(primary_key=True)
    reveal: dict[str, Any] = json_field()
    signature: str
    received_at: int
    is_late: bool


class SealRow(SQLModel, table=True):
    __tablename__ = "seals"
    lease_id: str = Field(primary_key=True)
    oracle: str = Field(primary_key=True)
    seal: dict[str, Any] = json_field()
    signature: str
    received_at: int
    is_late: bool


class JudgementRow(SQLModel, table=True):
    __tablename__ = "judgements"
    lease_id: str = Field(primary_key=True)
    attested_at: int
    opened_at: int | None = None
    members: list[str] = json_field()
    concluded_at: int | None = None


class AuditRow(SQLModel, table=True):
    __tablename__ = "audits"
    lease_id: str = Field(primary_key=True)
    oracle: str = Field(primary_key=True)
    seal: dict[str, Any] = json_field()
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
    evidence: dict[str, Any] = json_field()


class ReceiptRow(SQLModel, table=True):
    __tablename__ = "receipts"
    lease_id: str = Field(primary_key=True)
    receipt: dict[str, Any] = json_field()
    signature: str
    received_at: int


class BatchRow(SQLModel, table=True):
    __tablename__ = "batches"
    digest: str = Field(primary_key=True)
    verdicts: list[dict[str, Any]] = json_field()
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
