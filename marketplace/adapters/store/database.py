"""The database: SQLite in WAL mode or PostgreSQL, short transactions, one writer at a time on either.

On SQLite a writer begins with `BEGIN IMMEDIATE`; on PostgreSQL it first takes an advisory lock until its commit, at
READ COMMITTED, so that all it reads after that is what the writers before it left. Readers wait for nobody.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from threading import Event, RLock, local

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from marketplace.adapters.store.changes import CHANNEL, Changes, note_changes
from marketplace.adapters.store.clearing_lock import ClearingLock
from marketplace.adapters.store.duties import DUTY_SECONDS, Duties
from marketplace.adapters.store.engines import BEGIN_WRITE, open_engine, translated, url_of
from marketplace.adapters.store.migrate import migrate
from marketplace.adapters.store.replicas import LAG_SECONDS, SNAPSHOT, Replicas, position_of
from marketplace.adapters.store.transaction import Transaction
from marketplace.adapters.store.versions import Versions
from marketplace.domain.views import ReplicaState, View
from marketplace.errors import ConflictError, SettingsError

_VIEW: ContextVar[View | None] = ContextVar("computehive_view", default=None)


class Database:
    """`services.storage.Store`. Safe to share between threads."""

    def __init__(
        self,
        where: Path | str,
        *,
        duty_seconds: float = DUTY_SECONDS,
        replicas: Sequence[str] = (),
        lag_seconds: float = LAG_SECONDS,
    ) -> None:
        """Opens and migrates SQLite's file or the database of a URL.

        `replicas` are URLs of streaming replicas of it, which are asked for views that may be `lag_seconds` old.
        Raises SettingsError for a database of a newer program, or none of these two; ServiceUnavailable.
        """
        url = url_of(where)
        migrate(url)
        self._engine = open_engine(url)
        self._is_sqlite = url.drivername == "sqlite"
        self._changes = Changes(url)
        self._versions = Versions(self._engine, is_sqlite=self._is_sqlite)
        self._duties = Duties(duty_seconds)
        self._writing = RLock()
        self._open = local()
        self.clearing = ClearingLock(self._engine, is_shared=not self._is_sqlite)
        self._replicas = self._open_replicas(replicas, lag_seconds)
        self._committed, self._is_unsure = 0, False

    def close(self) -> None:
        """Return the connections."""
        if self._replicas is not None:
            self._replicas.close()
        self._changes.close()
        self._versions.close()
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A consistent view; nothing is written. Raises ServiceUnavailable."""
        view = _VIEW.get()
        with self._reading() as session:
            if self._replicas is not None and view is not None:
                # Asked within the snapshot: it is then at or after all that the snapshot has.
                view.shown = max(view.shown, position_of(session.connection()))
            yield Transaction(session)

    @contextmanager
    def look(self) -> Iterator[Transaction]:
        """As `read`; within `viewing`, of a replica where one has all that the view needs. For pages, not decisions.

        Raises ServiceUnavailable.
        """
        view = _VIEW.get()
        if self._replicas is not None and view is not None:
            with self._replicas.open(view) as session:
                if session is not None:
                    yield Transaction(session)
                    return
        with self.read() as tx:
            yield tx

    @contextmanager
    def viewing(self, view: View | None) -> Iterator[None]:
        """What `look` shows within the block is as new as `view` says; without one only the primary is asked."""
        token = _VIEW.set(view)
        try:
            yield
        finally:
            _VIEW.reset(token)

    @property
    def is_viewed(self) -> bool:
        """Whether replicas may answer here."""
        return self._replicas is not None and _VIEW.get() is not None

    @property
    def position(self) -> int:
        """At or after all that this process has committed; 0 where nothing was, or where there are no replicas.

        Raises ServiceUnavailable where that is to be asked, as a connection ended right after a commit.
        """
        if self._is_unsure:
            with self._reading() as session:
                self._committed = max(self._committed, position_of(session.connection()))
            self._is_unsure = False
        return self._committed

    def replicas(self) -> tuple[ReplicaState, ...]:
        """Each that is set, as it was half a second ago."""
        return () if self._replicas is None else self._replicas.show()

    def views(self) -> Mapping[str, int]:
        """How many views were given by `primary` and `replica`; empty where there are no replicas."""
        return {} if self._replicas is None else self._replicas.views

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """All of the block or nothing of it. Never asked for twice by one thread, nor around a network call.

        Raises ConflictError for a role that another process has taken over meanwhile, ServiceUnavailable.
        """
        with self._session() as session:
            self._require_duty(session)
            tx = Transaction(session)
            yield tx
            tx.timeline.write()
            tx.log.write()

    def version(self) -> str:
        """Equal for two calls only where nothing was committed between them, by anybody. Raises ServiceUnavailable."""
        return self._versions.now()

    def subscribe(self, role: str) -> Event:
        """Set whenever something was committed, here or in another process, that gives the role something to do."""
        return self._changes.subscribe(role)

    def listen(self, hear: Callable[[Collection[str]], None]) -> None:
        """Have `hear` called with the words (`domain.work`) of each commit, here or in another process, at once."""
        self._changes.listen(hear)

    def take_duty(self, role: str) -> bool:
        """Whether this process has the role now; no other does until `duty_seconds` after the last renewal."""
        with self._reading() as session:
            if not self._duties.is_to_be_had(session, role):
                return False
        with self._session() as session:
            return self._duties.take(session, role)

    def renew_duties(self, roles: Collection[str] | None = None) -> frozenset[str]:
        """Keep this process's roles, or only some; those of them that it still has. Raises ServiceUnavailable."""
        with self._session() as session:
            return self._duties.renew(session, roles)

    def leave_duties(self, roles: Collection[str] | None = None) -> None:
        """Let others have them, or some, at once. Raises ServiceUnavailable."""
        with self._session() as session:
            self._duties.leave(session, roles)

    def manned_duties(self) -> frozenset[str]:
        """Roles that a process has now, this one or another. Raises ServiceUnavailable."""
        with self._reading() as session:
            return self._duties.manned(session)

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
                session.connection(execution_options=SNAPSHOT)
            yield session
            session.rollback()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """The one writer's."""
        if getattr(self._open, "writing", False):
            raise RuntimeError("a write transaction is open in this thread already")
        with self._writing, translated(), Session(self._engine) as session:
            told = note_changes(session)
            begin = "BEGIN IMMEDIATE" if self._is_sqlite else BEGIN_WRITE
            session.connection().exec_driver_sql(begin)
            self._open.writing = True
            try:
                yield session
                session.flush()
                told.look_up(session)
                self._notify(session, told.words)
                session.commit()
                self._note_commit(session)
            finally:
                self._open.writing = False
        self._changes.publish(told.words)

    def _note_commit(self, session: Session) -> None:
        """What is committed stays so, whatever happens to the question where that was."""
        if self._replicas is None:
            return
        try:
            self._committed = max(self._committed, position_of(session.connection()))
        except DBAPIError:
            self._is_unsure = True

    def _notify(self, session: Session, words: set[str]) -> None:
        """Told by the server to all that listen, once this is committed."""
        if words and not self._is_sqlite:
            notice = {"channel": CHANNEL, "words": self._changes.notice(words)}
            session.execute(text("SELECT pg_notify(:channel, :words)"), notice)

    def _open_replicas(self, urls: Sequence[str], lag_seconds: float) -> Replicas | None:
        if not urls:
            return None
        if self._is_sqlite:
            raise SettingsError(
                "A market on SQLite has no replicas to read from.",
                hint="Leave COMPUTEHIVE_MARKET_READ_DATABASE_URL out, or set COMPUTEHIVE_MARKET_DATABASE_URL too.",
            )
        with translated():
            return Replicas(self._engine, urls, lag_seconds)

    def _require_duty(self, session: Session) -> None:
        role = getattr(self._open, "role", None)
        if role is not None and not self._duties.has(session, role):
            raise ConflictError(f"Another process has the role {role!r} now.", role=role)
