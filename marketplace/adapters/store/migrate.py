"""Numbered migrations: `migrations/NNNN_name.sql`, each applied once, in order, each in one transaction."""

import re
import sqlite3
import time
from pathlib import Path

from marketplace.errors import SettingsError

FOLDER = Path(__file__).with_name("migrations")
_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")


def migrations(folder: Path = FOLDER) -> list[tuple[int, Path]]:
    """(number, file), ascending. Raises SettingsError where a number is missing or given twice."""
    found = sorted((int(match[1]), path) for path in folder.iterdir() if (match := _NAME.match(path.name)))
    if [number for number, _ in found] != list(range(1, len(found) + 1)):
        raise SettingsError(f"The migrations in {folder} are not numbered 1, 2, 3, …")
    return found


def migrate(path: Path, folder: Path = FOLDER) -> int:
    """Bring the database at `path` up to date; the version it then has.

    Raises SettingsError for a database of a newer program: an old one must not write into it.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL)"
        )
        version = connection.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()[0]
        connection.execute("COMMIT")
        pending = migrations(folder)
        if version > len(pending):
            raise SettingsError(
                f"The database {path} has version {version}; this program knows {len(pending)}.",
                hint="Run the program that wrote it, or a newer one.",
            )
        for number, file in pending[version:]:
            _apply(connection, number, file.read_text())
        return len(pending)
    finally:
        connection.close()


def _apply(connection: sqlite3.Connection, number: int, script: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _statements(script):
            connection.execute(statement)
        connection.execute("INSERT INTO schema_version VALUES (?, ?)", (number, int(time.time())))
        connection.execute("COMMIT")
    except sqlite3.Error:
        connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> list[str]:
    """The statements of a script: `executescript` would commit between them."""
    found, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            found.append(current)
            current = ""
    return found
