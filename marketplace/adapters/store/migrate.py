"""Migrations by Alembic: one revision after the other, all in one transaction, one process at a time.

A revision is named by its number, `0011`, and its file lies in `migrations/versions`.
"""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection

from marketplace.adapters.store.columns import POSTGRESQL
from marketplace.adapters.store.engines import open_for_migration
from marketplace.adapters.store.history import read_version, write_version
from marketplace.errors import InputError, SettingsError

FOLDER = Path(__file__).with_name("migrations")


@cache
def revisions() -> tuple[str, ...]:
    """The known ones, oldest first. Their files are read once."""
    return tuple(one.revision for one in ScriptDirectory(str(FOLDER)).walk_revisions())[::-1]


def migrate(url: URL, to: str | None = None) -> str:
    """Bring the database to a revision, the newest unless told, up or down; the revision it then has.

    Raises SettingsError for a database of a newer program (an old one must not write into it), ServiceUnavailable
    where it does not answer, InputError for a revision that there is none of.
    """
    known = revisions()
    target = known[-1] if to is None else to
    if target not in known:
        raise InputError(f"There is no revision {target!r} of the database.", hint=f"Known: {', '.join(known)}.")
    with open_for_migration(url) as connection:
        current = current_revision(connection)
        _require_known(connection, current, known)
        if current != target:
            is_down = current is not None and known.index(current) > known.index(target)
            (command.downgrade if is_down else command.upgrade)(_config(connection), target)
            _note_number(connection, int(target))
    return target


def current_revision(connection: Connection) -> str | None:
    """The revision that a database has; None before Alembic's first."""
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config


def _require_known(connection: Connection, current: str | None, known: list[str]) -> None:
    number = read_version(connection) if connection.dialect.name != POSTGRESQL else 0
    if number <= int(known[-1]) and current in (None, *known):
        return
    found = current if number <= int(known[-1]) else number
    raise SettingsError(
        f"The database {connection.engine.url.render_as_string()} has version {found}; "
        f"the newest that this program knows is {known[-1]}.",
        hint="Run the program that wrote it, or a newer one.",
    )


def _note_number(connection: Connection, number: int) -> None:
    """Programs from before Alembic look at numbers, and refuse an SQLite database with one above 10."""
    if connection.dialect.name == POSTGRESQL:
        return
    connection.exec_driver_sql("DELETE FROM schema_version WHERE version > ?", (number,))
    if read_version(connection) < number:
        write_version(connection, number)
