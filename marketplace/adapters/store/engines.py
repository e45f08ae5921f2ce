"""How the two databases are opened: where transactions begin, who waits for whom, and for how long."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import NullPool

from marketplace.adapters.store.columns import POSTGRESQL
from marketplace.errors import ServiceUnavailable, SettingsError

WAIT_SECONDS = 15
"""How long a writer waits for another process."""
MIGRATION_SECONDS = 120
"""How long a process waits for another that migrates."""
IDLE_SECONDS = 60
"""After so long without a word within a transaction the server ends it."""
WRITER_IDLE_SECONDS = 10
"""The same of a writer: no network call is within, and one that was stopped must not stop all others for long."""
GONE_SECONDS = 15
"""After so long without a sign of life of a client's machine the server ends its connection, and the locks with it."""
REPLICA_SECONDS = 2
"""How long a connection to a replica may take; there is always somebody else to ask."""
WRITER_LOCK = 0x48495645
"""The advisory lock that a writer holds on PostgreSQL until its commit, and a migration likewise."""
BEGIN_WRITE = (
    f"SELECT set_config('idle_in_transaction_session_timeout', '{WRITER_IDLE_SECONDS}s', true), "
    f"pg_advisory_xact_lock({WRITER_LOCK})"
)
_DRIVER = "postgresql+psycopg"
_log = structlog.get_logger("computehive.store")


def url_of(where: Path | str) -> URL:
    """A file is SQLite's; else what SQLAlchemy calls a URL. Raises SettingsError for any other database."""
    if isinstance(where, Path):
        return URL.create("sqlite", database=str(where))
    try:
        url = make_url(where)
    except ArgumentError:
        url = None
    if url is None or url.drivername not in ("sqlite", POSTGRESQL, _DRIVER) or not url.database:
        raise SettingsError(
            "The database's address is not one of SQLite or PostgreSQL with a database's name.",
            hint=f"Write COMPUTEHIVE_MARKET_DATABASE_URL as sqlite:///PATH or {_DRIVER}://USER:PASSWORD@HOST:PORT/NAME.",
        )
    return url if url.drivername == "sqlite" else url.set(drivername=_DRIVER)


def open_engine(url: URL) -> Engine:
    """Connections for transactions that say themselves how they begin."""
    if url.drivername == "sqlite":
        return _sqlite(url)
    return _postgresql(url, pool_size=20, pool_pre_ping=True)


def open_replica_engine(url: URL, pool: int) -> Engine:
    """At most `pool` connections to a replica; who finds none free, or no server, is told at once: it asks another."""
    return _postgresql(url, connecting=REPLICA_SECONDS, pool_size=pool, max_overflow=0, pool_timeout=0)


@contextmanager
def open_for_migration(url: URL) -> Iterator[Connection]:
    """A connection within a transaction that shuts out every other writer; committed at the end of the block."""
    if url.drivername == "sqlite":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, connect_args={"timeout": MIGRATION_SECONDS}, poolclass=NullPool)
        event.listen(engine, "connect", _leave_transactions_to_us)
        begin, before = "BEGIN IMMEDIATE", "PRAGMA journal_mode = WAL"
    else:
        engine = _postgresql(url, wait_seconds=MIGRATION_SECONDS, poolclass=NullPool)
        begin, before = f"SELECT pg_advisory_xact_lock({WRITER_LOCK})", None
    with translated(is_public=False), engine.connect() as connection:
        if before:
            connection.exec_driver_sql(before)
        connection.exec_driver_sql(begin)
        yield connection
        connection.commit()


@contextmanager
def translated(*, is_public: bool = True) -> Iterator[None]:
    """What the database's own errors mean to the program: it is away, or busy. Raises ServiceUnavailable.

    Why goes to the log where the message may reach clients, else into the message.
    """
    try:
        yield
    except DBAPIError as error:
        if not _is_away(error):
            raise
        if not is_public:
            raise ServiceUnavailable(f"The database does not answer: {str(error.orig).splitlines()[0]}.") from error
        _log.warning("database away", detail=str(error.orig))
        raise ServiceUnavailable("The database does not answer.", hint="Try again.") from error


def _is_away(error: DBAPIError) -> bool:
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", 0)  # the module's own errors have none
        return code & 0xFF == sqlite3.SQLITE_BUSY  # extended codes have the plain one in their low byte
    return error.connection_invalidated or isinstance(error, OperationalError)


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": WAIT_SECONDS}, pool_size=20)

    @event.listens_for(engine, "connect")
    def _configure(connection, record) -> None:
        _leave_transactions_to_us(connection, record)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000}")

    return engine


def _leave_transactions_to_us(connection, _record) -> None:
    connection.isolation_level = None  # transactions begin where we say so, not where the driver guesses


def _postgresql(url: URL, wait_seconds: int = WAIT_SECONDS, connecting: int = WAIT_SECONDS, **options) -> Engine:
    settings = {
        "lock_timeout": f"{wait_seconds}s",
        "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
        "tcp_keepalives_idle": f"{GONE_SECONDS // 3}s",
        "tcp_keepalives_interval": f"{GONE_SECONDS // 3}s",
        "tcp_keepalives_count": "2",
        "client_encoding": "UTF8",
    }
    given = {
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        "connect_timeout": connecting,
        "tcp_user_timeout": connecting * 1000,  # nobody acknowledges what was sent
        "application_name": "computehive",
    }
    try:
        return create_engine(url, connect_args=given, **options)
    except (ImportError, NoSuchModuleError) as error:
        raise SettingsError(
            "PostgreSQL needs a driver that is not installed.", hint="Install computehive[postgres]."
        ) from error
