"""Which process has which of the market's roles: one row a role, which its holder renews and whose time runs out."""

import os
import socket
import time
import uuid
from pathlib import Path

import psutil
from sqlalchemy import func, update
from sqlmodel import Session, col, select

from marketplace.adapters.store.columns import POSTGRESQL
from marketplace.adapters.store.tables import DutyRow

DUTY_SECONDS = 15.0
"""For so long a role is its holder's after the last renewal; no other machine takes it over before."""


class Duties:
    """The roles of one process, within the sessions that it is given. Nothing is kept here but the process's name."""

    def __init__(self, seconds: float = DUTY_SECONDS) -> None:
        self._seconds = seconds
        self.holder = f"{_process_space()} {os.getpid()} {psutil.Process().create_time()} {uuid.uuid4()}"

    def is_to_be_had(self, session: Session, role: str) -> bool:
        """Whether a `take` would succeed: nobody has it, or who had it is late or dead, or has it already."""
        row = session.get(DutyRow, role)
        return self.is_vacant(session, role) or (row is not None and row.holder == self.holder)

    def is_vacant(self, session: Session, role: str) -> bool:
        """Whether nobody has it, this process neither, or who had it is late or dead."""
        row = session.get(DutyRow, role)
        return row is None or row.until <= _now(session) or _is_dead(row.holder)

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

    def renew(self, session: Session) -> frozenset[str]:
        """All that this process has, by name."""
        until = _now(session) + self._seconds
        mine = col(DutyRow.holder) == self.holder
        session.exec(update(DutyRow).where(mine).values(until=until))
        return frozenset(session.exec(select(DutyRow.role).where(mine)))

    def leave(self, session: Session) -> None:
        """All that this process has is to be had again at once."""
        session.exec(update(DutyRow).where(col(DutyRow.holder) == self.holder).values(until=0.0))


def _now(session: Session) -> float:
    """Unix seconds by the one clock that all holders share: the server's, or with SQLite the machine's."""
    if session.connection().dialect.name == POSTGRESQL:
        return float(session.exec(select(func.extract("epoch", func.clock_timestamp()))).one())
    return time.time()


def _is_dead(holder: str) -> bool:
    """Whether the process is known to have ended: it was of this machine, and is not there any more."""
    space, pid, created, _ = holder.split(" ")
    if space != _process_space():
        return False
    try:
        process = psutil.Process(int(pid))
        return process.create_time() != float(created) or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _process_space() -> str:
    """Names what a process number is unique in: this start of this machine, and the container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return socket.gethostname().replace(" ", "-") or "unknown"
