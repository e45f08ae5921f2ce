"""The tables of sessions, keys and webhooks."""

from sqlmodel import Field, SQLModel

from marketplace.adapters.store.columns import json_field


class SessionRow(SQLModel, table=True):
    __tablename__ = "sessions"
    id: str = Field(primary_key=True)
    account: str
    token_hash: str
    nonce: str
    created_at: int
    expires_at: int
    ended_at: int | None = None


class ApiKeyRow(SQLModel, table=True):
    __tablename__ = "api_keys"
    id: str = Field(primary_key=True)
    account: str
    token_hash: str
    name: str
    scopes: list[str] = json_field()
    created_at: int
    expires_at: int | None = None
    used_at: int | None = None
    revoked_at: int | None = None


class WebhookRow(SQLModel, table=True):
    __tablename__ = "webhooks"
    id: str = Field(primary_key=True)
    account: str
    url: str
    events: list[str] = json_field()
    scope: str
    created_at: int
    generation: int
    cursor: int


class DeliveryRow(SQLModel, table=True):
    __tablename__ = "deliveries"
    number: int | None = Field(default=None, primary_key=True)
    id: str
    webhook_id: str = Field(foreign_key="webhooks.id")
    type: str
    body: str
    created_at: int
    state: str
    attempts: int
    due_at: int
    status: int
    error: str
