"""Open leases are found without looking at those that have ended, and batches by where they stand."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

_OPEN = sa.text("closed_block IS NULL")


def upgrade() -> None:
    op.create_index("leases_open", "leases", ["id"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index("batches_by_state", "batches", ["state", "proposed_at"])


def downgrade() -> None:
    op.drop_index("batches_by_state", "batches")
    op.drop_index("leases_open", "leases")
