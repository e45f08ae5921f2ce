"""The database: SQLite in WAL mode with foreign keys, short transactions, one writer at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock, local

from sqlalchemy import Engine, create_engine, event
from sqlmodel import Session

from marketplace.adapters.store.migrate import migrate
from marketplace.adapters.store.transaction import Transaction

BUSY_TIMEOUT_MS = 15_000
"""How long a writer waits for another process."""


class Database:
    """`services.storage.Store` on SQLite. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Creates and migrates the file. Raises SettingsError for a file of a newer program."""
        path.parent.mkdir(parents=True, exist_ok=True)
        migrate(path)
        self._engine = _engine(path)
        self._writing = RLock()
        self._open = local()

    def close(self) -> None:
        """Return the connections."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A consistent view; nothing is written."""
        with Session(self._engine) as session:
            session.connection().exec_driver_sql("BEGIN")
            yield Transaction(session)
            session.rollback()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """All of the block or nothing of it. Never asked for twice by one thread, nor around a network call."""
        if getattr(self._open, "writing", False):
            raise RuntimeError("a write transaction is open in this thread already")
        with self._writing, Session(self._engine) as session:
            session.connection().exec_driver_sql("BEGIN IMMEDIATE")
            self._open.writing = True
            try:
                yield Transaction(session)
                session.commit()
            finally:
                self._open.writing = False


def _engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000},
        pool_size=20,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection, _record) -> None:
        connection.isolation_level = None  # transactions begin where we say so, not where the driver guesses
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    return engine
