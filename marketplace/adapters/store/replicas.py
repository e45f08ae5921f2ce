"""Streaming replicas of the PostgreSQL database: which of them may show what, and for how long one that fails is left.

A replica says how much of the history it has replayed; the primary is asked twice a second where that is. So how old a
replica's view is follows from this process's clock alone, and a replica that is cut off, stopped or far behind is found
out by the same rule. Nothing that decides anything is read here.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count, takewhile
from threading import Event, Lock, Thread

import structlog
from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlmodel import Session

from marketplace.adapters.store.engines import open_replica_engine, url_of
from marketplace.domain.views import ReplicaState, View
from marketplace.errors import ServiceUnavailable, SettingsError

LAG_SECONDS = 5.0
"""How old what a replica shows may be, unless set."""
PROBE_SECONDS = 0.5
"""Between two questions to the primary where it is, and two looks whether a replica is back."""
POOL = 10
"""Connections to one replica, and so how many requests one that hangs can hold up."""
SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_MOST_MARKS = 1_200
_HERE = "(pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"
_WHERE_PRIMARY = f"SELECT {_HERE}, (SELECT system_identifier::text FROM pg_control_system()), current_database()"
_REPLAYED = "(pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint"
_WHO_REPLICA = (
    f"SELECT pg_is_in_recovery(), {_REPLAYED}, (SELECT system_identifier::text FROM pg_control_system()),"
    " current_database()"
)
_WHERE_REPLICA = f"SELECT pg_is_in_recovery(), {_REPLAYED}"
_SHOWN = (
    "SELECT (replayed - '0/0'::pg_lsn)::bigint, received IS NULL OR received > replayed"
    " FROM (SELECT pg_last_wal_replay_lsn() AS replayed, pg_last_wal_receive_lsn() AS received OFFSET 0) AS now"
)
_log = structlog.get_logger("computehive.store")


def position_of(connection: Connection) -> int:
    """Where the primary is: at or after everything that was committed before, whoever committed it."""
    return connection.exec_driver_sql(f"SELECT {_HERE}").scalar_one()


def _parse(url: str, number: int) -> URL:
    """Raises SettingsError; the address itself, which may have a password in it, is not repeated."""
    try:
        parsed = url_of(url)
    except SettingsError:
        parsed = None
    if parsed is None or parsed.drivername == "sqlite":
        raise SettingsError(
            f"COMPUTEHIVE_MARKET_READ_DATABASE_URL: address {number} is not one of PostgreSQL with a database's name.",
            hint="Write postgresql+psycopg://USER:PASSWORD@HOST:PORT/NAME, of several with spaces between.",
        )
    return parsed


def shown_by(connection: Connection) -> int:
    """At or after all that a replica's snapshot has; to be asked within the snapshot.

    A commit can be seen a moment before the replica counts it as replayed: of what it has received and not counted, the
    next record may be in. No replica that has replayed to a byte beyond what is counted lacks that record.
    """
    replayed, is_under_way = connection.exec_driver_sql(_SHOWN).one()
    return replayed + int(is_under_way)


class Marks:
    """Where the primary was, and when. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._marks, self._lock = clock, deque[tuple[float, int]](maxlen=_MOST_MARKS), Lock()

    def add(self, at: float, position: int) -> None:
        """It was there at `at`, or had just passed it. A history that goes back is another one: forget the first."""
        with self._lock:
            if self._marks and position < self._marks[-1][1]:
                self._marks.clear()
            self._marks.append((at, position))

    def age(self, position: int) -> float | None:
        """For how many seconds at most what is at `position` has not been the newest; None where nobody knows."""
        with self._lock:
            reached = next((at for at, mark in reversed(self._marks) if mark <= position), None)
        return None if reached is None else max(0.0, self._clock() - reached)

    def is_within(self, position: int, seconds: float) -> bool:
        """Whether what is at `position` was the newest at some time within the last `seconds`."""
        since = self._clock() - seconds
        with self._lock:
            recent = takewhile(lambda mark: mark[0] >= since, reversed(self._marks))
            return any(mark <= position for _, mark in recent)


class Replica:
    """One server that replays the primary's history. Safe to share between threads."""

    def __init__(self, url: str, number: int) -> None:
        parsed = _parse(url, number)
        self.number, self.is_there, self.position = number, False, 0
        self._engine = open_replica_engine(parsed, POOL)
        self._probing = open_replica_engine(parsed, 1)
        self._told = ""

    def close(self) -> None:
        """Return the connections."""
        self._engine.dispose()
        self._probing.dispose()

    def probe(self, identity: tuple[str, str] | None) -> None:
        """Look whether it is there, and a replica of the database that is `identity`."""
        try:
            with self._probing.connect() as connection:
                is_replaying, position, *found = connection.exec_driver_sql(_WHO_REPLICA).one()
        except (DBAPIError, PoolExhausted) as error:
            self.leave(type(error).__name__)
            return
        if identity is None:
            return
        if tuple(found) != identity:
            self.leave("it is of another database")
        elif not is_replaying:
            self.leave("it is no replica, or no more")
        else:
            self.position, self.is_there = position, True

    def leave(self, reason: str) -> None:
        """Ask it nothing until a probe has found it well; over new connections then."""
        if self.is_there:
            self._engine.dispose()
        self.is_there = False
        self.tell(reason)

    def connect(self) -> tuple[Connection, int] | None:
        """A connection, and what it has replayed at least; None where it is away or busy."""
        try:
            connection = self._engine.connect()
        except PoolExhausted:
            return None
        except DBAPIError as error:
            self.leave(type(error).__name__)
            return None
        try:
            # Before the snapshot is taken, and by itself: what is counted later need not be in the snapshot.
            connection.execution_options(isolation_level="AUTOCOMMIT")
            is_replaying, position = connection.exec_driver_sql(_WHERE_REPLICA).one()
            connection.rollback()
        except DBAPIError as error:
            connection.close()
            self.leave(type(error).__name__)
            return None
        if not is_replaying:
            connection.close()
            self.leave("it is no replica, or no more")
            return None
        return connection, position

    def tell(self, reason: str) -> None:
        """To the log, once a change: why it is left out, or nothing where it is used."""
        if reason == self._told:
            return
        self._told = reason
        if reason:
            _log.warning("replica left out", replica=self.number, detail=reason)
        else:
            _log.info("replica used", replica=self.number)


class Replicas:
    """All replicas of one database, asked in turn. Safe to share between threads."""

    def __init__(self, primary: Engine, urls: Sequence[str], lag_seconds: float) -> None:
        """Raises ServiceUnavailable where the primary is away, SettingsError for an address that is none."""
        self._primary, self._lag = primary, lag_seconds
        self._all = [Replica(url, number) for number, url in enumerate(urls, 1)]
        self._marks, self._identity = Marks(), None
        self._turns, self._stopping = count(), Event()
        self.views: Counter[str] = Counter()
        """How many views were given, by `primary` and `replica`."""
        self._floor = self._mark()
        """What was there when this process began: its tables among it, whichever program made them."""
        self._threads = [Thread(target=self._watch_primary, name="replicas-primary", daemon=True)] + [
            Thread(target=self._watch, args=(one,), name=f"replica-{one.number}", daemon=True) for one in self._all
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ask nobody anything more."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(PROBE_SECONDS * 2)
        for replica in self._all:
            replica.close()

    def show(self) -> tuple[ReplicaState, ...]:
        """Each as it was at the last probe."""
        return tuple(map(self._state, self._all))

    @contextmanager
    def open(self, view: View) -> Iterator[Session | None]:
        """A snapshot of a replica that has all that `view` needs; None where there is none.

        Raises ServiceUnavailable where the replica breaks off; `view` has it then, and the primary is to be asked.
        """
        found = self._find(view)
        self.views["primary" if found is None else "replica"] += 1
        if found is None:
            yield None
            return
        replica, connection = found
        view.is_old = True
        try:
            with connection, Session(connection.execution_options(**SNAPSHOT)) as session:
                view.shown = max(view.shown, shown_by(session.connection()))
                yield session
                session.rollback()
        except DBAPIError as error:
            view.has_failed = True
            if error.connection_invalidated:
                replica.leave(type(error).__name__)
            _log.warning("replica broke off", replica=replica.number, kind=type(error).__name__)
            raise ServiceUnavailable("The database does not answer.", hint="Try again.") from error

    def _find(self, view: View) -> tuple[Replica, Connection] | None:
        if not view.may_be_old:
            return None
        needs, first = max(view.needs, view.shown, self._floor), next(self._turns)
        for place in range(len(self._all)):
            replica = self._all[(first + place) % len(self._all)]
            found = replica.connect() if self._is_used(replica) else None
            if found is None:
                continue
            connection, position = found
            if position >= needs and self._marks.is_within(position, self._lag):
                return replica, connection
            connection.close()
        return None

    def _is_used(self, replica: Replica) -> bool:
        """Whether it was there and fresh at the last probe: else it is not even asked."""
        return replica.is_there and self._marks.is_within(replica.position, self._lag)

    def _state(self, replica: Replica) -> ReplicaState:
        lag = self._marks.age(replica.position) if replica.is_there else None
        return ReplicaState(replica.number, self._is_used(replica), lag)

    def _mark(self) -> int:
        at = time.monotonic()
        with self._primary.connect() as connection:
            position, *identity = connection.exec_driver_sql(_WHERE_PRIMARY).one()
        self._identity = tuple(identity)
        self._marks.add(at, position)
        return position

    def _watch_primary(self) -> None:
        while not self._stopping.wait(PROBE_SECONDS):
            try:
                self._mark()
            except DBAPIError:
                continue  # without a mark all replicas soon count as old: what is asked then says that it is away

    def _watch(self, replica: Replica) -> None:
        while not self._stopping.is_set():
            replica.probe(self._identity)
            if replica.is_there:
                replica.tell("" if self._is_used(replica) else "it is too far behind")
            self._stopping.wait(PROBE_SECONDS)
