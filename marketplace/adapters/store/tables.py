"""The tables of orders, rounds, leases and what is owed, as SQLModel sees them.

`migrations/` makes them, `tables_evidence.py` has the others, `schema.py` their indexes; a test holds all that equal.
"""

from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from marketplace.adapters.store.columns import json_field


class BidRow(SQLModel, table=True):
    __tablename__ = "bids"
    id: int | None = Field(default=None, primary_key=True)
    bid_hash: str
    renter: str
    salt: int
    bid: dict[str, Any] = json_field()
    signature: str
    job_spec: dict[str, Any] = json_field()
    placed_at: int
    state: str
    reason: str
    job_state: str
    held_until: int
    ended_block: int | None = None
    not_before: int | None = None
    notice_seconds: int | None = None
    """Of the job specification's schedule: what is searched for has a column."""
    locked: int
    """What all its replicas together may lock, micro-USDC; at most 2^63 - 1, beyond which there is no money."""


class AskRow(SQLModel, table=True):
    __tablename__ = "asks"
    id: int | None = Field(default=None, primary_key=True)
    ask_hash: str
    provider: str
    agent: str
    salt: int
    ask: dict[str, Any] = json_field()
    signature: str
    profile: dict[str, Any] = json_field()
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
    summary: dict[str, Any] = json_field()


class TranscriptRow(SQLModel, table=True):
    __tablename__ = "transcripts"
    number: int = Field(primary_key=True, foreign_key="rounds.number")
    transcript: dict[str, Any] = json_field()


class RoundBidRow(SQLModel, table=True):
    __tablename__ = "round_bids"
    bid_hash: str = Field(primary_key=True)
    number: int = Field(primary_key=True, foreign_key="rounds.number")


class OutboxRow(SQLModel, table=True):
    __tablename__ = "outbox"
    id: int | None = Field(default=None, primary_key=True)
    kind: str
    payload: dict[str, Any] = json_field()
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


class OutboxHashRow(SQLModel, table=True):
    __tablename__ = "outbox_hashes"
    tx_hash: str = Field(primary_key=True)
    outbox_id: int = Field(primary_key=True, foreign_key="outbox.id")


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
    closed_at: int | None = None
    """The time of that block; None of a lease that is open, or was closed before this was kept."""


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
    detail: dict[str, Any] = json_field()


class WorkflowRow(SQLModel, table=True):
    __tablename__ = "workflows"
    id: int | None = Field(default=None, primary_key=True)
    workflow_id: str
    name: str
    renter: str
    bids: list[str] = json_field()
    placed_at: int


class WorkflowBidRow(SQLModel, table=True):
    __tablename__ = "workflow_bids"
    bid_hash: str = Field(primary_key=True, foreign_key="bids.bid_hash")
    workflow: int = Field(foreign_key="workflows.id")


class DutyRow(SQLModel, table=True):
    __tablename__ = "duties"
    role: str = Field(primary_key=True)
    holder: str
    until: float
