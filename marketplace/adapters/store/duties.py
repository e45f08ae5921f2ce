"""Which process has which of the market's roles: one row a role, which its holder renews and whose time runs out."""

import os
import socket
import time
import uuid
from collections.abc import Collection
from pathlib import Path

import psutil
from sqlalchemy import ColumnElement, and_, func, update
from sqlmodel import Session, col, select

from marketplace.adapters.store.columns import POSTGRESQL
from marketplace.adapters.store.tables import DutyRow

DUTY_SECONDS = 15.0
"""For so long a role is its holder's after the last renewal; no other machine takes it over before."""
_PROCESSES = Path("/proc")
_TOLERANCE = 2.0
"""In what `started` counts; two processes with one number are further apart."""


class Duties:
    """The roles of one process, within the sessions that it is given. Nothing is kept here but the process's name."""

    def __init__(self, seconds: float = DUTY_SECONDS) -> None:
        self._seconds = seconds
        self.holder = f"{_process_space()} {os.getpid()} {started(os.getpid())} {uuid.uuid4()}"

    def is_to_be_had(self, session: Session, role: str) -> bool:
        """Whether a `take` would succeed: nobody has it, or who had it is late or dead, or has it already."""
        row = session.get(DutyRow, role)
        return row is None or row.holder == self.holder or not _is_manned(row, _now(session))

    def take(self, session: Session, role: str) -> bool:
        """True where the role is this process's from now on. Only within a write."""
        if not self.is_to_be_had(session, role):
            return False
        session.merge(DutyRow(role=role, holder=self.holder, until=_now(session) + self._seconds))
        session.flush()
        return True

    def has(self, session: Session, role: str) -> bool:
        """Whether nobody has taken it since: also after its time ran out it is this process's until then."""
        row = session.get(DutyRow, role)
        return row is not None and row.holder == self.holder

    def renew(self, session: Session, roles: Collection[str] | None = None) -> frozenset[str]:
        """All that this process has, or only some; by name."""
        until = _now(session) + self._seconds
        mine = self._mine(roles)
        session.exec(update(DutyRow).where(mine).values(until=until))
        return frozenset(session.exec(select(DutyRow.role).where(mine)))

    def manned(self, session: Session) -> frozenset[str]:
        """Those that a process has whose time is not over and that is not known to have ended, by name."""
        now = _now(session)
        return frozenset(row.role for row in session.exec(select(DutyRow)) if _is_manned(row, now))

    def leave(self, session: Session, roles: Collection[str] | None = None) -> None:
        """All that this process has, or only some, is to be had again at once."""
        session.exec(update(DutyRow).where(self._mine(roles)).values(until=0.0))

    def _mine(self, roles: Collection[str] | None) -> ColumnElement[bool]:
        mine = col(DutyRow.holder) == self.holder
        return mine if roles is None else and_(mine, col(DutyRow.role).in_(roles))


def _is_manned(row: DutyRow, now: float) -> bool:
    return row.until > now and not _is_dead(row.holder)


def _now(session: Session) -> float:
    """Unix seconds by the one clock that all holders share: the server's, or with SQLite the machine's."""
    if session.connection().dialect.name == POSTGRESQL:
        return float(session.exec(select(func.extract("epoch", func.clock_timestamp()))).one())
    return time.time()


def _is_dead(holder: str) -> bool:
    """Whether the process is known to have ended: it was of this machine, and is not there any more."""
    space, pid, since, _ = holder.split(" ")
    if space != _process_space():
        return False
    now = started(int(pid))
    return now is None or abs(now - float(since)) > _TOLERANCE


def started(pid: int) -> float | None:
    """When a process that has not ended began: on Linux in ticks since the machine started, which no step of the clock
    moves; elsewhere in Unix seconds. None where there is no such process."""
    try:
        if not (_PROCESSES / "self/stat").exists():
            process = psutil.Process(pid)
            return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
        stat = (_PROCESSES / str(pid) / "stat").read_text()
    except (OSError, psutil.NoSuchProcess):
        return None
    state, *fields = stat.rpartition(")")[2].split()  # from field 3 on, after a name that may hold anything
    return None if state in "ZX" else float(fields[18])


def _process_space() -> str:
    """Names what a process number is unique in: this start of this machine, and the container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return socket.gethostname().replace(" ", "-") or "unknown"
