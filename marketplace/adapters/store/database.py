"""The database: SQLite in WAL mode or PostgreSQL, short transactions, one writer at a time on either.

On SQLite a writer begins with `BEGIN IMMEDIATE`; on PostgreSQL it first takes an advisory lock until its commit, at
READ COMMITTED, so that all it reads after that is what the writers before it left. Readers wait for nobody.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, RLock, local

from sqlalchemy import text
from sqlmodel import Session

from marketplace.adapters.store.changes import CHANNEL, Changes, note_changes
from marketplace.adapters.store.clearing_lock import ClearingLock
from marketplace.adapters.store.duties import DUTY_SECONDS, Duties
from marketplace.adapters.store.engines import BEGIN_WRITE, open_engine, translated, url_of
from marketplace.adapters.store.migrate import migrate
from marketplace.adapters.store.transaction import Transaction
from marketplace.errors import ConflictError

_SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


class Database:
    """`services.storage.Store`. Safe to share between threads."""

    def __init__(self, where: Path | str, *, duty_seconds: float = DUTY_SECONDS) -> None:
        """Opens and migrates SQLite's file or the database of a URL.

        Raises SettingsError for a database of a newer program, or none of these two; ServiceUnavailable.
        """
        url = url_of(where)
        migrate(url)
        self._engine = open_engine(url)
        self._is_sqlite = url.drivername == "sqlite"
        self._changes = Changes(url)
        self._duties = Duties(duty_seconds)
        self._writing = RLock()
        self._open = local()
        self.clearing = ClearingLock(self._engine, is_shared=not self._is_sqlite)

    def close(self) -> None:
        """Return the connections."""
        self._changes.close()
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A consistent view; nothing is written. Raises ServiceUnavailable."""
        with self._reading() as session:
            yield Transaction(session)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """All of the block or nothing of it. Never asked for twice by one thread, nor around a network call.

        Raises ConflictError for a role that another process has taken over meanwhile, ServiceUnavailable.
        """
        with self._session() as session:
            self._require_duty(session)
            yield Transaction(session)

    def subscribe(self, role: str) -> Event:
        """Set whenever something was committed, here or in another process, that gives the role something to do."""
        return self._changes.subscribe(role)

    def take_duty(self, role: str) -> bool:
        """Whether this process has the role now; no other does until `duty_seconds` after the last renewal."""
        with self._reading() as session:
            if not self._duties.is_to_be_had(session, role):
                return False
        with self._session() as session:
            return self._duties.take(session, role)

    def renew_duties(self) -> frozenset[str]:
        """Keep this process's roles; those that it still has. Raises ServiceUnavailable."""
        with self._session() as session:
            return self._duties.renew(session)

    def vacant_duties(self, roles: Collection[str]) -> list[str]:
        """Those of `roles` that no process has now. Raises ServiceUnavailable."""
        with self._reading() as session:
            return [role for role in roles if self._duties.is_vacant(session, role)]

    def leave_duties(self) -> None:
        """Let others have them at once. Raises ServiceUnavailable."""
        with self._session() as session:
            self._duties.leave(session)

    @contextmanager
    def on_duty(self, role: str) -> Iterator[None]:
        """What this thread writes within the block counts only as long as the process has the role."""
        self._open.role = role
        try:
            yield
        finally:
            self._open.role = None

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with translated(), Session(self._engine) as session:
            if self._is_sqlite:
                session.connection().exec_driver_sql("BEGIN")
            else:
                session.connection(execution_options=_SNAPSHOT)
            yield session
            session.rollback()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """The one writer's."""
        if getattr(self._open, "writing", False):
            raise RuntimeError("a write transaction is open in this thread already")
        with self._writing, translated(), Session(self._engine) as session:
            woken = note_changes(session)
            begin = "BEGIN IMMEDIATE" if self._is_sqlite else BEGIN_WRITE
            session.connection().exec_driver_sql(begin)
            self._open.writing = True
            try:
                yield session
                session.flush()
                self._notify(session, woken)
                session.commit()
            finally:
                self._open.writing = False
        self._changes.publish(woken)

    def _notify(self, session: Session, roles: set[str]) -> None:
        """Told by the server to all that listen, once this is committed."""
        if roles and not self._is_sqlite:
            session.execute(
                text("SELECT pg_notify(:channel, :roles)"), {"channel": CHANNEL, "roles": ",".join(sorted(roles))}
            )

    def _require_duty(self, session: Session) -> None:
        role = getattr(self._open, "role", None)
        if role is not None and not self._duties.has(session, role):
            raise ConflictError(f"Another process has the role {role!r} now.", role=role)
