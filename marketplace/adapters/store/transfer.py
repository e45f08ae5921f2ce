"""Everything of one database into another, empty one: SQLite to PostgreSQL, or back. While no process works on either.

All of it is one transaction of the target. Each table is read back there, and must have as many rows and the same
digest over them: SHA-256 of the rows in the order of their keys, each as JSON.
"""

import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Table, delete, func, insert, select, text

from marketplace.adapters.store.columns import POSTGRESQL
from marketplace.adapters.store.database import Database
from marketplace.adapters.store.engines import open_for_migration
from marketplace.adapters.store.migrate import current_revision, migrate, revisions
from marketplace.adapters.store.schema import METADATA
from marketplace.domain.history import NAME_BYTES
from marketplace.errors import ConflictError, ServiceUnavailable

ROWS = 1_000
"""How many are in memory at once."""
LEFT_OUT = frozenset({"duties", "history"})
"""Who has a role on the old database has none on the new one; and each of them may go on from here."""
HISTORY = METADATA.tables["history"]
FRONTIER = METADATA.tables["log_frontier"]
"""The one table in which a migration puts a row: that of an audit log without entries makes way."""


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """A table that is in both databases now."""

    name: str
    rows: int
    digest: str


def copy_to(source: URL, target: URL) -> list[CopiedTable]:
    """Copy every table of `source` to `target`, which is migrated first; either all or nothing.

    Raises ConflictError where they are the same, where the source has another revision or a process at work, or where
    the target has rows; SettingsError, ServiceUnavailable.
    """
    if source == target:
        raise ConflictError("Both addresses are of the same database.", hint="Name another one after --to.")
    with open_for_migration(source) as reading:
        if (revision := current_revision(reading)) != revisions()[-1]:
            raise ConflictError(f"The database has revision {revision}.", hint="Run `hive market migrate` first.")
    _require_idle(source)
    migrate(target)
    with open_for_migration(source) as reading, open_for_migration(target) as writing:
        writing.execute(delete(FRONTIER).where(FRONTIER.c.size == 0))
        _require_empty(writing)
        copied = [_copy(table, reading, writing) for table in METADATA.sorted_tables if table.name not in LEFT_OUT]
        for table in METADATA.sorted_tables:
            _carry_numbers(table, reading, writing)
        writing.execute(insert(HISTORY), {"id": 1, "name": secrets.token_hex(NAME_BYTES)})
        return copied


def _require_idle(source: URL) -> None:
    store = Database(Path(source.database) if source.drivername == "sqlite" else _text(source))
    try:
        manned = store.manned_duties()
    finally:
        store.close()
    if manned:
        raise ConflictError(
            f"A process of this market works: it has {', '.join(sorted(manned))}.",
            hint="Stop the market's processes first.",
        )


def _require_empty(target: Connection) -> None:
    for table in METADATA.sorted_tables:
        if target.execute(select(func.count()).select_from(table)).scalar():
            raise ConflictError(
                f"The target's table {table.name} has rows.", hint="Name an empty database: nothing is written over."
            )


def _copy(table: Table, reading: Connection, writing: Connection) -> CopiedTable:
    sent, count = hashlib.sha256(), 0
    for part in _parts(table, reading):
        writing.execute(insert(table), [dict(row._mapping) for row in part])
        for row in part:
            sent.update(_line(row))
        count += len(part)
    came, arrived = hashlib.sha256(), 0
    for part in _parts(table, writing):
        for row in part:
            came.update(_line(row))
        arrived += len(part)
    if (count, sent.digest()) != (arrived, came.digest()):
        raise ServiceUnavailable(
            f"The table {table.name} is not the same in both: {count} rows were sent, {arrived} are there.",
            hint="Nothing was kept of it. Look into the target's log and disk.",
        )
    return CopiedTable(table.name, count, "0x" + sent.hexdigest())


def _parts(table: Table, connection: Connection) -> Iterator[list[Any]]:
    """Rows by primary key."""
    query = select(table).order_by(*table.primary_key).execution_options(stream_results=True)
    found = connection.execute(query)
    with found:
        while part := found.fetchmany(ROWS):
            yield list(part)


def _line(row: Any) -> bytes:
    return json.dumps(list(row), default=lambda value: value.hex(), ensure_ascii=True).encode() + b"\n"


def _carry_numbers(table: Table, reading: Connection, writing: Connection) -> None:
    """What numbers rows goes on where it was, also where the last rows are gone: no number is ever given twice."""
    if table.autoincrement_column is None or table.autoincrement_column.name != "id":
        return
    highest = max(_last_number(table, reading), _last_number(table, writing))
    if writing.dialect.name == POSTGRESQL:
        if highest:
            name = f"pg_get_serial_sequence('{table.name}', 'id')"
            writing.execute(text(f"SELECT setval({name}, :highest)"), {"highest": highest})
        return
    writing.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
    writing.execute(
        text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"), {"name": table.name, "seq": highest}
    )


def _last_number(table: Table, connection: Connection) -> int:
    if connection.dialect.name == POSTGRESQL:
        query = f"SELECT last_value FROM pg_sequences WHERE sequencename = '{table.name}_id_seq'"
        return connection.execute(text(query)).scalar() or 0
    query = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
    return connection.execute(query, {"name": table.name}).scalar() or 0


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)
