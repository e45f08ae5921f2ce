"""Disks that fill up, under processes that end at any instruction: what was committed is there, the rest never was."""

import shutil
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from agent.journal import Journal
from marketplace.adapters.blobs import FolderBlobs
from marketplace.adapters.store import Database
from marketplace.errors import ServiceUnavailable
from tests.simulation.faults import Faults


class FaultyStore:
    """`services.storage.Store` over a real database. `pause` is called where other threads may come in between.

    `thread` names who is at work now: all of them are one to the database, which knows a role by its thread.
    """

    def __init__(
        self, inner: Database, process: str, faults: Faults, pause: Callable[[], None], thread: Callable[[], str]
    ) -> None:
        self._inner, self._process, self._faults, self._pause, self._thread = inner, process, faults, pause, thread
        self._duties: dict[str, str] = {}
        self.is_open = False
        """While a transaction is: then nobody may call anything over a network."""

    @contextmanager
    def read(self) -> Iterator[Any]:
        self._begin()
        with self._inner.read() as tx, self._transaction():
            yield tx

    look = read
    is_viewed = False
    """There are no replicas here."""

    @contextmanager
    def write(self) -> Iterator[Any]:
        self._begin()
        role = self._duties.get(self._thread())
        with self._inner.on_duty(role) if role else nullcontext(), self._inner.write() as tx, self._transaction():
            yield tx
            self._faults.full()
            self._faults.crash(self._process)
        self._faults.crash(self._process)

    def version(self) -> str:
        self._begin()
        return self._inner.version()

    @contextmanager
    def on_duty(self, role: str) -> Iterator[None]:
        thread = self._thread()
        self._duties[thread] = role
        try:
            yield
        finally:
            del self._duties[thread]

    def take_duty(self, role: str) -> bool:
        self._begin()
        return self._inner.take_duty(role)

    def renew_duties(self, roles: Collection[str] | None = None) -> frozenset[str]:
        self._begin()
        return self._inner.renew_duties(roles)

    def _begin(self) -> None:
        if not self.is_open:
            self._pause()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        before, self.is_open = self.is_open, True
        try:
            yield
        finally:
            self.is_open = before


class FaultyBlobs(FolderBlobs):
    """`ports.Blobs` on a real folder."""

    def __init__(self, folder: Path, process: str, faults: Faults) -> None:
        super().__init__(folder, 1_000_000)
        self._process, self._faults = process, faults

    def put(self, digest: str, data: bytes) -> bool:
        self._faults.crash(self._process)
        if self._faults.strikes("disk full"):
            raise ServiceUnavailable("There is no room left for blobs.")
        stored = super().put(digest, data)
        self._faults.crash(self._process)
        return stored


class FaultyJournal(Journal):
    """An agent's journal on a real file."""

    def __init__(self, path: Path, process: str, faults: Faults) -> None:
        super().__init__(path)
        self._process, self._faults = process, faults

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with super()._transaction() as db:
            yield db
            self._faults.full()
            self._faults.crash(self._process)
        self._faults.crash(self._process)


def copy_database(source: Path, target: Path) -> None:
    """What is committed, as SQLite's own backup takes it."""
    for old in (target, *_aside(target)):
        old.unlink(missing_ok=True)
    reading, writing = sqlite3.connect(source), sqlite3.connect(target)
    try:
        reading.backup(writing)
    finally:
        reading.close()
        writing.close()


def restore_database(backup: Path, target: Path) -> None:
    """Put an old copy in the place of a database that nobody has open."""
    for old in _aside(target):
        old.unlink(missing_ok=True)
    shutil.copyfile(backup, target)


def _aside(path: Path) -> tuple[Path, Path]:
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")
