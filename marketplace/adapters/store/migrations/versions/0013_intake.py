"""What taking orders and heartbeats looks up, without reading what else there is.

`bids.locked` is what a bid may lock, so that a renter's live bids are added up in an index of live bids alone. A node's
newest ask is found by the node: without its provider every heartbeat read the asks of all.
"""

import sqlalchemy as sa
from alembic import op

from marketplace.adapters.store.columns import WHOLE

revision = "0013"
down_revision = "0012"

ROWS_AT_ONCE = 1_000
_bids = sa.table("bids", sa.column("id", WHOLE), sa.column("bid", sa.JSON), sa.column("locked", WHOLE))


def upgrade() -> None:
    op.add_column("bids", sa.Column("locked", WHOLE, nullable=False, server_default="0"))
    _fill(op.get_bind())
    is_live = sa.text("state = 'live'")
    op.create_index("bids_live", "bids", ["renter", "locked"], sqlite_where=is_live, postgresql_where=is_live)
    op.create_index("asks_by_agent", "asks", ["agent", "id"])


def downgrade() -> None:
    op.drop_index("asks_by_agent", "asks")
    op.drop_index("bids_live", "bids")
    op.drop_column("bids", "locked")


def _fill(connection: sa.Connection) -> None:
    """Of every bid; not all of them in memory."""
    change = sa.update(_bids).where(_bids.c.id == sa.bindparam("of")).values(locked=sa.bindparam("sum"))
    last = 0
    while True:
        query = sa.select(_bids.c.id, _bids.c.bid).where(_bids.c.id > last).order_by(_bids.c.id).limit(ROWS_AT_ONCE)
        rows = connection.execute(query).all()
        if rows:
            connection.execute(change, [{"of": row.id, "sum": _locked(row.bid)} for row in rows])
        if len(rows) < ROWS_AT_ONCE:
            return
        last = rows[-1].id


def _locked(bid: dict) -> int:
    return min(int(bid.get("replicas", 0)) * int(bid.get("maxPrice", 0)), 2**63 - 1)
