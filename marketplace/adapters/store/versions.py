"""Whether anything was committed since: asked so often that it must cost next to nothing."""

from threading import Lock

from sqlalchemy import Connection, Engine

from marketplace.adapters.store.engines import translated

_SQLITE = "PRAGMA data_version"
"""What others have committed, as one connection sees it: the same connection has to ask each time, and never write."""
_POSTGRESQL = "SELECT CAST(pg_current_snapshot() AS text)"
"""Which transactions count as committed; a transaction that only reads is none of them. It may be another one though
nothing was committed here, because the server has other databases."""


class Versions:
    """What a database's commits are told apart by. Safe to share between threads."""

    def __init__(self, engine: Engine, *, is_sqlite: bool) -> None:
        self._engine, self._is_sqlite = engine, is_sqlite
        self._asking = Lock()
        self._connection: Connection | None = None

    def now(self) -> str:
        """Equal for two calls only where no process has committed anything between them. Raises ServiceUnavailable."""
        return self._of_sqlite() if self._is_sqlite else self._of_postgresql()

    def close(self) -> None:
        """Return the connection."""
        with self._asking:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _of_sqlite(self) -> str:
        with self._asking, translated():
            if self._connection is None:
                self._connection = self._engine.connect()
            return str(self._connection.exec_driver_sql(_SQLITE).scalar_one())

    def _of_postgresql(self) -> str:
        with translated(), self._engine.connect() as connection:
            return connection.exec_driver_sql(_POSTGRESQL).scalar_one()
