"""Versions 1 to 10: `numbered/NNNN_name.sql` for SQLite, each applied once and in order; PostgreSQL begins at 10.

They are history: what comes after is in `migrations/`, for both databases, by Alembic, whose first revision calls this.
"""

import re
import sqlite3
import time
from pathlib import Path

from sqlalchemy import Connection

from marketplace.errors import SettingsError

FOLDER = Path(__file__).with_name("numbered")
POSTGRESQL_SCRIPT = FOLDER / "postgresql.sql"
_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
_VERSIONS = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL)"


def scripts(folder: Path = FOLDER) -> list[tuple[int, Path]]:
    """(number, file), ascending. Raises SettingsError where a number is missing or given twice."""
    found = sorted((int(match[1]), path) for path in folder.iterdir() if (match := _NAME.match(path.name)))
    if [number for number, _ in found] != list(range(1, len(found) + 1)):
        raise SettingsError(f"The migrations in {folder} are not numbered 1, 2, 3, …")
    return found


def read_version(connection: Connection) -> int:
    """The number that an SQLite database is at; 0 where it is empty."""
    tables = "SELECT count(*) FROM sqlite_master WHERE name = 'schema_version'"
    if not connection.exec_driver_sql(tables).scalar_one():
        return 0
    return connection.exec_driver_sql("SELECT coalesce(max(version), 0) FROM schema_version").scalar_one()


def write_version(connection: Connection, number: int) -> None:
    """Note a version where programs look that know nothing of Alembic: they refuse the database."""
    connection.exec_driver_sql("INSERT INTO schema_version VALUES (?, ?)", (number, int(time.time())))


def apply_scripts(connection: Connection, folder: Path = FOLDER) -> None:
    """Bring an SQLite database to the last number, within the caller's transaction and without foreign keys."""
    connection.exec_driver_sql(_VERSIONS)
    for number, file in scripts(folder)[read_version(connection) :]:
        for statement in statements(file.read_text()):
            connection.exec_driver_sql(statement)
        write_version(connection, number)


def statements(script: str) -> list[str]:
    """The statements of a script, one by one."""
    found, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            found.append(current)
            current = ""
    return found
