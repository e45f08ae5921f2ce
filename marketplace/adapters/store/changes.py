"""Who wants to know at once when something was committed: this process, and on PostgreSQL the others.

A worker that sleeps until its next look is woken; one that is not, because a notice was lost, looks by itself later.
"""

from collections.abc import Callable, Iterable
from threading import Event, Thread

import structlog
from sqlalchemy import URL, event
from sqlmodel import Session

from marketplace.adapters.store.tables import LeaseRow, OutboxRow
from marketplace.adapters.store.tables_evidence import AttestationRow, AuditRow, ReceiptRow, SealRow, VerdictRow

CHANNEL = "computehive"
RECONNECT_SECONDS = 5.0
_POLL_SECONDS = 1.0
WAKES: dict[str, tuple[type, ...]] = {
    "outbox": (OutboxRow,),
    "seals": (AttestationRow, SealRow, AuditRow, ReceiptRow),
    "settlement": (VerdictRow, LeaseRow),
}
"""Rows whose change gives a role of the market something to do. One that changes such a row itself looks once more, and
then finds nothing. The chain is not among them: its follower asks the node."""
_log = structlog.get_logger("computehive.store")


class Changes:
    """Events by role, set whenever something was committed that the role waits for. Safe to share between threads."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._waiting: dict[str, list[Event]] = {role: [] for role in WAKES}
        self._stopping = Event()
        self._listener: Thread | None = None

    def subscribe(self, role: str) -> Event:
        """An event for the caller alone, who clears it; that of a role which nothing wakes is never set."""
        woken = Event()
        self._waiting.get(role, []).append(woken)
        if self._url.drivername != "sqlite" and self._listener is None:
            self._listener = Thread(target=self._listen, name="database-notices", daemon=True)
            self._listener.start()
        return woken

    def publish(self, roles: Iterable[str]) -> None:
        """Wake those of this process."""
        for role in roles:
            for woken in self._waiting.get(role, ()):
                woken.set()

    def close(self) -> None:
        """No more notices of other processes."""
        self._stopping.set()
        if self._listener is not None:
            self._listener.join(RECONNECT_SECONDS)

    def _listen(self) -> None:
        import psycopg

        while not self._stopping.is_set():
            try:
                self._listen_once(psycopg.connect)
            except psycopg.Error as error:
                _log.warning("no notices of the database", detail=_told(error), retry_in=RECONNECT_SECONDS)
                self._stopping.wait(RECONNECT_SECONDS)

    def _listen_once(self, connect: Callable) -> None:
        _, address = self._url.get_dialect()().create_connect_args(self._url)  # as the engine reads it
        with connect(**address, autocommit=True, application_name="computehive notices") as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            self.publish(WAKES)  # whatever was missed while nobody listened
            while not self._stopping.is_set():
                for notice in connection.notifies(timeout=_POLL_SECONDS):
                    self.publish(notice.payload.split(","))


def _told(error: Exception) -> str:
    """What goes to the log: an address that could not be read is part of its error's text, and has a password."""
    from psycopg import ProgrammingError

    return type(error).__name__ if isinstance(error, ProgrammingError) else str(error).strip()


def note_changes(session: Session) -> set[str]:
    """The roles that this session's writes will have given something to do: filled as it flushes."""
    found: set[str] = set()

    @event.listens_for(session, "before_flush")
    def _look(flushed: Session, *_) -> None:
        changed = {type(row) for row in flushed.new} | {type(row) for row in flushed.dirty if flushed.is_modified(row)}
        found.update(role for role, rows in WAKES.items() if not changed.isdisjoint(rows))

    return found
