"""A copy of an SQLite database while it is in use: what was committed at one moment, in a file of its own."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from marketplace.adapters.store.engines import WAIT_SECONDS
from marketplace.domain.chain import BlockRef
from marketplace.errors import ConflictError, InputError, NotFound, ServiceUnavailable


@dataclass(frozen=True, slots=True)
class Copied:
    """What the copy says of itself."""

    revision: str
    followed: BlockRef | None
    """The last block whose events are in it."""


def copy_database(source: Path, target: Path) -> Copied:
    """Copy what is committed by SQLite's own backup; writers of the source wait for nothing.

    Who had which role is left out: whoever the copy is put back for takes them at once. Raises NotFound where there is
    no database, InputError where what was copied is damaged, ConflictError where it was never migrated,
    ServiceUnavailable.
    """
    if not source.exists():
        raise NotFound("market's database", str(source))
    try:
        with closing(_open(source)) as reading, closing(sqlite3.connect(target)) as writing:
            reading.backup(writing)
            writing.execute("PRAGMA journal_mode = DELETE")  # one file, with nothing beside it
            _require_whole(writing, source)
            revision = _revision(writing, source)
            if _has_table(writing, "duties"):
                with writing:
                    writing.execute("DELETE FROM duties")
            return Copied(revision, _followed(writing))
    except sqlite3.OperationalError as error:
        raise ServiceUnavailable(f"{source} could not be copied: {error}.") from error
    except sqlite3.DatabaseError as error:
        raise InputError(f"{source} is not a whole database: {error}.") from error


def _open(source: Path) -> sqlite3.Connection:
    """Never makes a database where there is none."""
    return sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True, timeout=WAIT_SECONDS)


def _require_whole(database: sqlite3.Connection, source: Path) -> None:
    """Raises InputError where pages, indexes or references are broken."""
    (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    dangling = database.execute("PRAGMA foreign_key_check").fetchone()
    if found != "ok" or dangling is not None:
        raise InputError(
            f"{source} is damaged: {found if found != 'ok' else f'a row of {dangling[0]} refers to one that is not'}.",
            hint="Take the last backup from before; what it lacks of the chain is read from there.",
        )


def _revision(database: sqlite3.Connection, source: Path) -> str:
    if not _has_table(database, "alembic_version"):
        raise ConflictError(
            f"{source} is of a program from before the revision 0010.",
            hint="Back it up with that program stopped, by a copy of its folder; or `hive market migrate` first.",
        )
    return str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def _has_table(database: sqlite3.Connection, name: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return database.execute(query, (name,)).fetchone() is not None


def _followed(database: sqlite3.Connection) -> BlockRef | None:
    query = "SELECT number, hash, timestamp FROM followed_blocks ORDER BY number DESC LIMIT 1"
    row = database.execute(query).fetchone()
    return BlockRef(*row) if row else None
