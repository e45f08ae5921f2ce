"""What an agent must remember across a kill: how far it followed the chain, its leases, its asks, its verdicts.

SQLite in WAL mode with synchronous writes: a step is journalled before it shows outside, so that whatever instruction
the process dies at, the next start goes on from there. Running a deterministic job twice does no harm; signing two
different things about one lease would.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any

from marketplace.domain.chain import EventOrigin, LeaseClaimed, LeaseOpened

VERSION = 2
"""Of the tables below. Leases of version 1 were of an escrow that named them otherwise; verdicts are kept for ever."""
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS notes (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS leases (
    lease_id TEXT PRIMARY KEY, state TEXT NOT NULL, event TEXT NOT NULL, evidence TEXT,
    reason TEXT NOT NULL DEFAULT '', claim TEXT
);
CREATE TABLE IF NOT EXISTS verdicts (lease_id TEXT PRIMARY KEY, verdict TEXT NOT NULL, signature TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS secrets (lease_id TEXT PRIMARY KEY, secret TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS audits (
    lease_id TEXT PRIMARY KEY, attestation TEXT NOT NULL, share TEXT NOT NULL, sealed_at INTEGER NOT NULL, seals TEXT
);
PRAGMA user_version = {VERSION};
"""
_FORGET_OLDER = "DROP TABLE IF EXISTS leases; DROP TABLE IF EXISTS notes;"


@dataclass(frozen=True, slots=True)
class AuditNote:
    """An oracle's part in the draw about a lease: what it was about, its share, and when it was sealed (unix seconds).

    `seals`: for which seals of all members the share was shown; None while it was not.
    """

    attestation: str
    share: str
    sealed_at: int
    seals: str | None = None


class WorkState(StrEnum):
    """How far a lease's work has come on this machine."""

    SEEN = "seen"
    ATTESTED = "attested"
    POSTED = "posted"
    DECLINED = "declined"
    CLOSED = "closed"


class Journal:
    """One agent's memory, in one file. Safe to share between threads."""

    def __init__(self, path: Path, timeout: float = 30) -> None:
        """`timeout`: seconds to wait for another process that writes. Raises sqlite3.Error where it is longer."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=timeout)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        self._db.executescript(_SCHEMA if version == VERSION else _FORGET_OLDER + _SCHEMA)
        self._lock = Lock()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, query: str, *values: Any) -> list[tuple]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    # --- following the chain -------------------------------------------------------------------------------------

    def followed(self) -> tuple[int, str] | None:
        """Number and hash of the last block whose events are journalled."""
        note = self.note("followed")
        return (int(note["number"]), note["hash"]) if note else None

    def record_blocks(
        self,
        number: int,
        block_hash: str,
        opened: Sequence[LeaseOpened],
        closed: Sequence[str],
        claimed: Sequence[LeaseClaimed] = (),
    ) -> None:
        """The events of all blocks up to `number`, at once.

        A known lease opens again only after a reorganisation: what counts is how it opened now; it is closed no more.
        """
        with self._transaction() as db:
            for event in opened:
                db.execute(
                    "INSERT INTO leases (lease_id, state, event) VALUES (?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET event = excluded.event,"
                    " state = CASE WHEN state != 'closed' THEN state WHEN reason != '' THEN 'declined'"
                    " WHEN evidence IS NULL THEN 'seen' ELSE 'attested' END",
                    (event.lease_id, WorkState.SEEN, json.dumps(asdict(event))),
                )
            for event in claimed:
                row = (json.dumps(asdict(event)), event.lease_id)
                db.execute("UPDATE leases SET claim = ? WHERE lease_id = ?", row)
            for lease_id in closed:
                db.execute("UPDATE leases SET state = ? WHERE lease_id = ?", (WorkState.CLOSED, lease_id))
            _put_note(db, "followed", {"number": number, "hash": block_hash})

    def forget_chain(self) -> None:
        """The chain was reorganised: follow it again from the start. Leases and signatures stay remembered.

        No lease is open until the chain says so again: it may never open where it now goes on.
        """
        with self._transaction() as db:
            db.execute("DELETE FROM notes WHERE key = 'followed'")
            db.execute("DELETE FROM leases WHERE state = ?", (WorkState.SEEN,))
            db.execute("UPDATE leases SET claim = NULL, state = ?", (WorkState.CLOSED,))

    # --- leases --------------------------------------------------------------------------------------------------

    def leases(self, state: WorkState) -> list[LeaseOpened]:
        """Leases whose work is in `state`, in the order of the chain."""
        rows = self._rows("SELECT event FROM leases WHERE state = ? ORDER BY rowid", state)
        return [_event(text) for (text,) in rows]

    def open_leases(self) -> list[LeaseOpened]:
        """The leases that are not closed, in the order of the chain."""
        rows = self._rows("SELECT event FROM leases WHERE state != ? ORDER BY rowid", WorkState.CLOSED)
        return [_event(text) for (text,) in rows]

    def leases_of(self, bid_hash: str) -> list[LeaseOpened]:
        """Every lease of a bid that the chain told of, closed ones too, in the order of the chain."""
        query = "SELECT event FROM leases WHERE json_extract(event, '$.bid_hash') = ? ORDER BY rowid"
        return [_event(text) for (text,) in self._rows(query, bid_hash)]

    def claims(self) -> dict[str, LeaseClaimed]:
        """The claims on leases that are not closed, by lease."""
        query = "SELECT claim FROM leases WHERE claim IS NOT NULL AND state != ? ORDER BY rowid"
        found = (_claim(text) for (text,) in self._rows(query, WorkState.CLOSED))
        return {claim.lease_id: claim for claim in found}

    def lease(self, lease_id: str) -> LeaseOpened | None:
        """One lease."""
        rows = self._rows("SELECT event FROM leases WHERE lease_id = ?", lease_id)
        return _event(rows[0][0]) if rows else None

    def evidence(self, lease_id: str) -> dict[str, Any] | None:
        """What was attested for a lease."""
        rows = self._rows("SELECT evidence FROM leases WHERE lease_id = ? AND evidence IS NOT NULL", lease_id)
        return json.loads(rows[0][0]) if rows else None

    def last_finished(self) -> int | None:
        """When the job ended that was attested last, unix seconds."""
        ((last,),) = self._rows(
            "SELECT MAX(CAST(json_extract(evidence, '$.attestation.finishedAt') AS INTEGER)) FROM leases"
        )
        return None if last is None else int(last)

    def record_attested(self, lease_id: str, evidence: dict[str, Any]) -> None:
        """The job has run and its attestation is signed: never run it again."""
        self._move(lease_id, WorkState.ATTESTED, evidence=evidence)

    def record_posted(self, lease_id: str) -> None:
        """The market has the attestation and every blob."""
        self._move(lease_id, WorkState.POSTED)

    def record_declined(self, lease_id: str, reason: str) -> None:
        """This agent will not run it."""
        self._move(lease_id, WorkState.DECLINED, reason=reason)

    def _move(
        self, lease_id: str, state: WorkState, *, evidence: dict[str, Any] | None = None, reason: str = ""
    ) -> None:
        with self._transaction() as db:
            db.execute(
                "UPDATE leases SET state = ?, evidence = COALESCE(?, evidence), reason = ?"
                " WHERE lease_id = ? AND state != ?",
                (state, json.dumps(evidence) if evidence else None, reason, lease_id, WorkState.CLOSED),
            )

    # --- verdicts ------------------------------------------------------------------------------------------------

    def verdict(self, lease_id: str) -> dict[str, Any] | None:
        """The verdict that this oracle gave, or will reveal, for a lease: it never gives another."""
        rows = self._rows("SELECT verdict FROM verdicts WHERE lease_id = ?", lease_id)
        return json.loads(rows[0][0]) if rows else None

    def secret(self, lease_id: str) -> str | None:
        """What the verdict is sealed with; None where it was given in the open, by an older program."""
        rows = self._rows("SELECT secret FROM secrets WHERE lease_id = ?", lease_id)
        return rows[0][0] if rows else None

    def record_verdict(self, lease_id: str, verdict: dict[str, Any], secret: str) -> None:
        """Both at once, before the seal leaves: one of them alone could never be revealed.

        Raises sqlite3.IntegrityError for a second one.
        """
        with self._transaction() as db:
            db.execute("INSERT INTO verdicts VALUES (?, ?, '')", (lease_id, json.dumps(verdict)))
            db.execute("INSERT INTO secrets VALUES (?, ?)", (lease_id, secret))

    def record_secret(self, lease_id: str, secret: str) -> None:
        """For a verdict that was given in the open. Raises sqlite3.IntegrityError for a second one."""
        with self._transaction() as db:
            db.execute("INSERT INTO secrets VALUES (?, ?)", (lease_id, secret))

    # --- random audits -------------------------------------------------------------------------------------------

    def audit(self, lease_id: str) -> AuditNote | None:
        """This oracle's part in the draw about a lease: it never has another."""
        rows = self._rows("SELECT attestation, share, sealed_at, seals FROM audits WHERE lease_id = ?", lease_id)
        return AuditNote(*rows[0]) if rows else None

    def record_audit(self, lease_id: str, note: AuditNote) -> AuditNote:
        """Before the seal leaves; the note that counts: the first, whatever is given later."""
        with self._transaction() as db:
            row = (lease_id, note.attestation, note.share, note.sealed_at)
            db.execute("INSERT OR IGNORE INTO audits VALUES (?, ?, ?, ?, NULL)", row)
        found = self.audit(lease_id)
        assert found is not None
        return found

    def record_audit_seals(self, lease_id: str, seals: str) -> bool:
        """Before the share is shown: for which seals. False where it was for others."""
        with self._transaction() as db:
            query = "UPDATE audits SET seals = ? WHERE lease_id = ? AND (seals IS NULL OR seals = ?)"
            return db.execute(query, (seals, lease_id, seals)).rowcount == 1

    # --- notes ---------------------------------------------------------------------------------------------------

    def note(self, key: str) -> Any:
        """A remembered JSON value, or None."""
        rows = self._rows("SELECT value FROM notes WHERE key = ?", key)
        return json.loads(rows[0][0]) if rows else None

    def record_note(self, key: str, value: Any) -> None:
        """Remember a JSON value."""
        with self._transaction() as db:
            _put_note(db, key, value)


def _put_note(db: sqlite3.Connection, key: str, value: Any) -> None:
    db.execute("INSERT INTO notes VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
               (key, json.dumps(value)))  # fmt: skip


def _event(text: str) -> LeaseOpened:
    document = json.loads(text)
    return LeaseOpened(**document | {"origin": EventOrigin(**document["origin"])})


def _claim(text: str) -> LeaseClaimed:
    document = json.loads(text)
    return LeaseClaimed(**document | {"origin": EventOrigin(**document["origin"])})
