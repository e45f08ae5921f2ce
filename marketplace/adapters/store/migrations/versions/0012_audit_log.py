"""The audit log: entries with the nodes of their tree, and what the next one is hashed with.

On the way down it stays, as an older program leaves alone what it does not know: a log that was thrown away could never
be shown to go on from the heads that others keep.
"""

import sqlalchemy as sa
from alembic import op

from marketplace.adapters.store.columns import WHOLE, PlainText

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    if sa.inspect(op.get_bind()).has_table("log_entries"):
        return
    op.create_table(
        "log_entries",
        sa.Column("position", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("subject", PlainText, nullable=False),
        sa.Column("entry", PlainText, nullable=False),
        sa.Column("nodes", sa.LargeBinary, nullable=False),
    )
    op.create_index("log_entries_by_subject", "log_entries", ["subject", "position"])
    frontier = op.create_table(
        "log_frontier",
        sa.Column("id", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("peaks", sa.LargeBinary, nullable=False),
    )
    op.bulk_insert(frontier, [{"id": 1, "size": 0, "peaks": b""}])


def downgrade() -> None:
    pass
