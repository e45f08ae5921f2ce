"""Who has signed in, which keys were made, whom to tell of what, and what became of that."""

import sqlalchemy as sa
from alembic import op

from marketplace.adapters.store.columns import WHOLE, PlainText

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", PlainText, primary_key=True),
        sa.Column("account", PlainText, nullable=False),
        sa.Column("token_hash", PlainText, nullable=False),
        sa.Column("nonce", PlainText, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("expires_at", WHOLE, nullable=False),
        sa.Column("ended_at", WHOLE),
        sa.UniqueConstraint("token_hash"),
        sa.UniqueConstraint("nonce"),
    )
    op.create_index("sessions_by_account", "sessions", ["account"])
    op.create_index("sessions_by_end", "sessions", ["expires_at"])
    op.create_table(
        "api_keys",
        sa.Column("id", PlainText, primary_key=True),
        sa.Column("account", PlainText, nullable=False),
        sa.Column("token_hash", PlainText, nullable=False),
        sa.Column("name", PlainText, nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("expires_at", WHOLE),
        sa.Column("used_at", WHOLE),
        sa.Column("revoked_at", WHOLE),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index("api_keys_by_account", "api_keys", ["account"])
    _create_webhooks()


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", PlainText, primary_key=True),
        sa.Column("account", PlainText, nullable=False),
        sa.Column("url", PlainText, nullable=False),
        sa.Column("events", sa.JSON, nullable=False),
        sa.Column("scope", PlainText, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("generation", WHOLE, nullable=False),
        sa.Column("cursor", WHOLE, nullable=False),
    )
    op.create_index("webhooks_by_account", "webhooks", ["account"])
    op.create_index("webhooks_by_cursor", "webhooks", ["cursor"])
    op.create_table(
        "deliveries",
        sa.Column("number", WHOLE, primary_key=True),
        sa.Column("id", PlainText, nullable=False),
        sa.Column("webhook_id", PlainText, sa.ForeignKey("webhooks.id"), nullable=False),
        sa.Column("type", PlainText, nullable=False),
        sa.Column("body", PlainText, nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("state", PlainText, nullable=False),
        sa.Column("attempts", WHOLE, nullable=False),
        sa.Column("due_at", WHOLE, nullable=False),
        sa.Column("status", WHOLE, nullable=False),
        sa.Column("error", PlainText, nullable=False),
        sa.UniqueConstraint("id"),
    )
    op.create_index("deliveries_by_state", "deliveries", ["state", "due_at"])
    op.create_index("deliveries_by_webhook", "deliveries", ["webhook_id", "number"])


def downgrade() -> None:
    for table in ("deliveries", "webhooks", "api_keys", "sessions"):
        op.drop_table(table)
