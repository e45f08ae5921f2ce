"""The audit log as rows. What a transaction enters is hashed and written once, just before its commit.

A transaction reads the frontier (the hashes that the tree's growth depends on), appends, and writes it back: nothing
else of the tree is read or computed, however long the log is.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlmodel import Session, col, select

from marketplace.adapters.store.tables_log import LogEntryRow, LogFrontierRow
from marketplace.protocol.audit_log import LogEntry, LogKind
from marketplace.protocol.canonical import canonical_json
from marketplace.protocol.merkle_log import HASH_BYTES, Frontier, Node, completed_by, hash_leaf

_FRONTIER = select(LogFrontierRow.size, LogFrontierRow.peaks)
_ADVANCE = update(LogFrontierRow).values(size=bindparam("to_size"), peaks=bindparam("to_peaks"))
_ADD = insert(LogEntryRow)


class AuditLog:
    """`services.storage_log.AuditLog`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: list[tuple[LogKind, int, str, dict[str, Any]]] = []

    def add(self, kind: LogKind, at: int, subject: str = "", detail: dict[str, Any] | None = None) -> None:
        self._waiting.append((kind, at, subject, detail or {}))

    def write(self) -> None:
        """Give what was added its places in the log. Once a transaction, last."""
        if not self._waiting:
            return
        frontier, rows = self.frontier(), []
        for kind, at, subject, detail in self._waiting:
            text = canonical_json(
                {"index": frontier.size, "at": at, "kind": kind.value, "subject": subject, "detail": detail}
            )
            position = frontier.size
            frontier, completed = frontier.append(hash_leaf(text))
            rows.append(
                {"position": position, "subject": subject, "entry": text.decode(), "nodes": b"".join(completed)}
            )
        connection = self._session.connection()
        connection.execute(_ADD, rows)
        connection.execute(_ADVANCE, {"to_size": frontier.size, "to_peaks": frontier.to_bytes()})
        self._waiting.clear()

    def frontier(self) -> Frontier:
        size, peaks = self._session.connection().execute(_FRONTIER).one()
        return Frontier.from_bytes(size, peaks)

    def nodes(self, wanted: Collection[Node]) -> dict[Node, bytes]:
        query = select(LogEntryRow.position, LogEntryRow.nodes).where(
            col(LogEntryRow.position).in_({completed_by(one) for one in wanted})
        )
        stored = dict(self._session.exec(query).all())
        return {
            (level, place): stored[completed_by((level, place))][level * HASH_BYTES : (level + 1) * HASH_BYTES]
            for level, place in wanted
        }

    def page(self, first: int, limit: int) -> list[LogEntry]:
        query = select(LogEntryRow.entry).where(LogEntryRow.position >= first).order_by(col(LogEntryRow.position))
        return [LogEntry.model_validate_json(text) for text in self._session.exec(query.limit(limit))]

    def of_subject(self, subject: str, limit: int) -> list[LogEntry]:
        query = select(LogEntryRow.entry).where(LogEntryRow.subject == subject).order_by(col(LogEntryRow.position))
        return [LogEntry.model_validate_json(text) for text in self._session.exec(query.limit(limit))]
