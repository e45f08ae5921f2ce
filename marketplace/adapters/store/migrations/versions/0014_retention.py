"""What a market has forgotten of its blobs lately, and how far those are that go through its rows again and again."""

import sqlalchemy as sa
from alembic import op

from marketplace.adapters.store.columns import WHOLE, PlainText

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "forgotten_blobs",
        sa.Column("digest", PlainText, primary_key=True),
        sa.Column("gone_at", WHOLE),
    )
    op.create_table(
        "cursors",
        sa.Column("name", PlainText, primary_key=True),
        sa.Column("position", WHOLE, nullable=False),
    )
    op.create_index("matches_by_ask", "matches", ["ask_hash"])
    op.create_index("leases_by_ask", "leases", ["ask_hash"])


def downgrade() -> None:
    op.drop_index("leases_by_ask", "leases")
    op.drop_index("matches_by_ask", "matches")
    op.drop_table("cursors")
    op.drop_table("forgotten_blobs")
