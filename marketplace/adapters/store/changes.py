"""Who wants to know at once when something was committed: this process, and on PostgreSQL the others.

A worker that sleeps until its next look is woken; one that is not, because a notice was lost, looks by itself later.
So are agents and oracles that follow their work (`told.py` has what tells them).
"""

import secrets
from collections.abc import Callable, Collection, Iterable
from threading import Event, Lock, Thread

import structlog
from sqlalchemy import URL, event
from sqlmodel import Session

from marketplace.adapters.store.tables import LeaseRow, OutboxRow
from marketplace.adapters.store.tables_evidence import AttestationRow, AuditRow, ReceiptRow, SealRow, VerdictRow
from marketplace.adapters.store.told import Told
from marketplace.domain.work import EVERYTHING

CHANNEL = "computehive"
RECONNECT_SECONDS = 5.0
MOST_WORDS = 300
"""In one notice: PostgreSQL takes 8,000 bytes of it."""
_POLL_SECONDS = 1.0
WAKES: dict[str, tuple[type, ...]] = {
    "outbox": (OutboxRow,),
    "follower": (OutboxRow,),
    "seals": (AttestationRow, SealRow, AuditRow, ReceiptRow),
    "settlement": (VerdictRow, LeaseRow),
}
"""Rows whose change gives a role of the market something to do. One that changes such a row itself looks once more, and
then finds nothing. The follower asks the node, and sooner where a transaction of the market's own may just be mined."""
_log = structlog.get_logger("computehive.store")


class Changes:
    """Tells of words: roles of WAKES, whose events are set, and `domain.work`'s. Safe to share between threads."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._waiting: dict[str, list[Event]] = {role: [] for role in WAKES}
        self._listeners: list[Callable[[Collection[str]], None]] = []
        self._own = f"@{secrets.token_hex(4)}"
        """Whose notices these are: what this process has committed it knows without the server."""
        self._stopping = Event()
        self._starting = Lock()
        self._listener: Thread | None = None

    def subscribe(self, role: str) -> Event:
        """An event for the caller alone, who clears it; that of a role which nothing wakes is never set."""
        woken = Event()
        self._waiting.get(role, []).append(woken)
        self._begin()
        return woken

    def listen(self, hear: Callable[[Collection[str]], None]) -> None:
        """Have `hear` called with the words of each commit from now on, in whichever thread; it must not wait."""
        self._listeners.append(hear)
        self._begin()

    def publish(self, words: Collection[str]) -> None:
        """Tell this process."""
        if not words:
            return
        for word in words:
            for woken in self._waiting.get(word, ()):
                woken.set()
        for hear in self._listeners:
            hear(words)

    def notice(self, words: Iterable[str]) -> str:
        """What tells the other processes of these words."""
        told = sorted(words)
        if len(told) > MOST_WORDS:
            told = [*(word for word in told if word in WAKES), EVERYTHING]
        return ",".join([self._own, *told])

    def close(self) -> None:
        """No more notices of other processes."""
        self._stopping.set()
        if self._listener is not None:
            self._listener.join(RECONNECT_SECONDS)

    def _begin(self) -> None:
        with self._starting:
            if self._url.drivername != "sqlite" and self._listener is None:
                self._listener = Thread(target=self._listen, name="database-notices", daemon=True)
                self._listener.start()

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
            self.publish([*WAKES, EVERYTHING])  # whatever was missed while nobody listened
            while not self._stopping.is_set():
                for notice in connection.notifies(timeout=_POLL_SECONDS):
                    words = notice.payload.split(",")
                    if self._own not in words:
                        self.publish(words)


def _told(error: Exception) -> str:
    """What goes to the log: an address that could not be read is part of its error's text, and has a password."""
    from psycopg import ProgrammingError

    return type(error).__name__ if isinstance(error, ProgrammingError) else str(error).strip()


def note_changes(session: Session) -> Told:
    """What this session's writes will have to be told of: filled as it flushes."""
    found = Told()

    @event.listens_for(session, "before_flush")
    def _look(flushed: Session, *_) -> None:
        new, modified = list(flushed.new), [row for row in flushed.dirty if flushed.is_modified(row)]
        changed = {type(row) for row in (*new, *modified)}
        found.words.update(role for role, rows in WAKES.items() if not changed.isdisjoint(rows))
        found.note(new, modified)

    return found
