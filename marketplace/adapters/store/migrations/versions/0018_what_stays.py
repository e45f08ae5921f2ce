"""When a lease was closed, from which its evidence is kept; what is left of evidence that is forgotten.

The time is that of the closing block: out of the blocks that are still known, else of the timeline, where that is not
forgotten. `exits` has the exit codes of workflows' jobs, `history` the name of what a restored or copied database goes
on with, as it gives numbers again; on the way down both stay, as what they say is nowhere else. A workflow's bids are
found without reading those of all others.
"""

import sqlalchemy as sa
from alembic import op

from marketplace.adapters.store.columns import WHOLE, PlainText

revision = "0018"
down_revision = "0017"

_FILL = """
UPDATE leases SET closed_at = coalesce(
    (SELECT timestamp FROM followed_blocks WHERE number = leases.closed_block),
    (SELECT max(at) FROM timeline
     WHERE bid_hash = leases.bid_hash AND lease_id = leases.lease_id AND kind = 'lease_closed')
)
WHERE closed_block IS NOT NULL
"""


def upgrade() -> None:
    op.create_index("workflow_bids_by_workflow", "workflow_bids", ["workflow"])
    op.add_column("leases", sa.Column("closed_at", WHOLE))
    op.execute(_FILL)
    if sa.inspect(op.get_bind()).has_table("exits"):
        return
    op.create_table(
        "exits",
        sa.Column("lease_id", PlainText, primary_key=True),
        sa.Column("exit_code", WHOLE, nullable=False),
    )
    op.create_table(
        "history",
        sa.Column("id", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("name", PlainText, nullable=False),
    )


def downgrade() -> None:
    op.drop_column("leases", "closed_at")
    op.drop_index("workflow_bids_by_workflow", "workflow_bids")
