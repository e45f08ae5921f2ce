"""Workflows: which bids were placed together. What the bids need of each other stands in their specifications."""

import sqlalchemy as sa
from alembic import op

from marketplace.adapters.store.columns import WHOLE, PlainText

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "workflows",
        sa.Column("id", WHOLE, primary_key=True),
        sa.Column("workflow_id", PlainText, nullable=False),
        sa.Column("name", PlainText, nullable=False),
        sa.Column("renter", PlainText, nullable=False),
        sa.Column("bids", sa.JSON, nullable=False),
        sa.Column("placed_at", WHOLE, nullable=False),
        sa.UniqueConstraint("workflow_id"),
    )
    op.create_index("workflows_by_renter", "workflows", ["renter", "id"])
    op.create_table(
        "workflow_bids",
        sa.Column("bid_hash", PlainText, sa.ForeignKey("bids.bid_hash"), primary_key=True),
        sa.Column("workflow", WHOLE, sa.ForeignKey("workflows.id"), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("workflow_bids")
    op.drop_table("workflows")
