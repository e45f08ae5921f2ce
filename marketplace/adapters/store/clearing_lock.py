"""Held while a round is cleared, by one thread of one process: of two rounds over the same book one is in vain.

Nothing depends on it: a round is recorded only where no other was meanwhile. So nobody waits long for a holder that was
stopped, or whose machine is gone.
"""

from threading import RLock
from types import TracebackType

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from marketplace.adapters.store.engines import translated

CLEARING_LOCK = 0x48495646
"""The advisory lock of the session, on PostgreSQL: it ends with its connection."""
PATIENCE_SECONDS = 2
"""So long a process waits for another's round; then it clears beside it."""
_LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL's code of what `lock_timeout` ends."""
_log = structlog.get_logger("computehive.store")


class ClearingLock:
    """A context manager that a thread may enter again. Among processes it excludes on PostgreSQL only."""

    def __init__(self, engine: Engine, *, is_shared: bool) -> None:
        self._engine, self._is_shared = engine, is_shared
        self._threads, self._depth = RLock(), 0
        self._connection: Connection | None = None

    def __enter__(self) -> None:
        """Raises ServiceUnavailable where the database does not answer."""
        self._threads.acquire()
        try:
            if self._depth == 0 and self._is_shared:
                self._connection = self._lock()
            self._depth += 1
        except BaseException:
            self._threads.release()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        try:
            if self._depth == 0 and self._connection is not None:
                self._connection.invalidate()  # closed, and with it the lock is gone, whatever state it is in
                self._connection.close()
                self._connection = None
        finally:
            self._threads.release()

    def _lock(self) -> Connection | None:
        """The connection that holds it; None where another process has it for long."""
        with translated():
            connection = self._engine.connect()
            try:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.exec_driver_sql(f"SET lock_timeout = '{PATIENCE_SECONDS}s'")
                connection.exec_driver_sql(f"SELECT pg_advisory_lock({CLEARING_LOCK})")
            except BaseException as error:
                connection.invalidate()  # its patience is no other transaction's
                connection.close()
                if not _is_taken(error):
                    raise
                _log.warning("another process clears", waited=PATIENCE_SECONDS)
                return None
            return connection


def _is_taken(error: BaseException) -> bool:
    return isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE
