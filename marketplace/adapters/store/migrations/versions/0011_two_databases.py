"""What both databases can search, and who of several processes does what.

The times of a bid's schedule and every hash of an owed transaction get columns and rows of their own, where SQLite
looked into the JSON. `duties` says which process has which of the market's roles, and for how long.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from marketplace.adapters.store.columns import NUMBER, POSTGRESQL, WHOLE, PlainText

revision = "0011"
down_revision = "0010"

ROWS_AT_ONCE = 1_000
_bids = sa.table(
    "bids",
    sa.column("id", WHOLE),
    sa.column("job_spec", sa.JSON),
    sa.column("not_before", WHOLE),
    sa.column("notice_seconds", WHOLE),
)
_outbox = sa.table("outbox", sa.column("id", WHOLE), sa.column("tx_hash", PlainText), sa.column("replaced", sa.JSON))
_hashes = sa.table("outbox_hashes", sa.column("tx_hash", PlainText), sa.column("outbox_id", WHOLE))


def upgrade() -> None:
    op.add_column("bids", sa.Column("not_before", WHOLE))
    op.add_column("bids", sa.Column("notice_seconds", WHOLE))
    op.create_table(
        "outbox_hashes",
        sa.Column("tx_hash", PlainText, primary_key=True),
        sa.Column("outbox_id", WHOLE, sa.ForeignKey("outbox.id"), primary_key=True, autoincrement=False),
    )
    op.create_index("outbox_hashes_by_item", "outbox_hashes", ["outbox_id"])
    op.create_table(
        "duties",
        sa.Column("role", PlainText, primary_key=True),
        sa.Column("holder", PlainText, nullable=False),
        sa.Column("until", NUMBER, nullable=False),
    )
    op.drop_index("outbox_by_transaction", "outbox")
    if op.get_bind().dialect.name != POSTGRESQL:
        op.drop_index("outbox_by_replaced", "outbox")
    _fill_bids(op.get_bind())
    _fill_hashes(op.get_bind())


def downgrade() -> None:
    op.drop_table("duties")
    op.drop_table("outbox_hashes")
    op.drop_column("bids", "notice_seconds")
    op.drop_column("bids", "not_before")
    op.create_index("outbox_by_transaction", "outbox", ["tx_hash"])
    if op.get_bind().dialect.name != POSTGRESQL:
        op.create_index("outbox_by_replaced", "outbox", ["replaced"], sqlite_where=sa.text("replaced <> '[]'"))


def _fill_bids(connection: sa.Connection) -> None:
    for row in _rows(connection, _bids, _bids.c.id, _bids.c.job_spec):
        schedule = row.job_spec.get("schedule") or {}
        found = {"not_before": schedule.get("notBefore"), "notice_seconds": schedule.get("preemptionNoticeSeconds")}
        if any(value is not None for value in found.values()):
            connection.execute(sa.update(_bids).where(_bids.c.id == row.id).values(found))


def _fill_hashes(connection: sa.Connection) -> None:
    for row in _rows(connection, _outbox, _outbox.c.id, _outbox.c.tx_hash, _outbox.c.replaced):
        for tx_hash in {row.tx_hash, *row.replaced} - {""}:
            connection.execute(sa.insert(_hashes).values(tx_hash=tx_hash, outbox_id=row.id))


def _rows(connection: sa.Connection, table: sa.TableClause, *columns: sa.ColumnClause) -> Iterator[sa.Row]:
    """All rows by id, not all of them in memory."""
    last = 0
    while True:
        query = sa.select(*columns).where(table.c.id > last).order_by(table.c.id).limit(ROWS_AT_ONCE)
        rows = connection.execute(query).all()
        yield from rows
        if len(rows) < ROWS_AT_ONCE:
            return
        last = rows[-1].id
