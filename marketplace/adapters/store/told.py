"""What a commit tells agents and oracles, in the words of `domain.work`: read off the rows that it writes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import inspect
from sqlmodel import Session, col, select

from marketplace.adapters.store.tables import LeaseRow, NoticeRow
from marketplace.adapters.store.tables_evidence import (
    AuditRow,
    BatchRow,
    JudgementRow,
    KeyGrantRow,
    ReceiptRow,
    SealRow,
)
from marketplace.domain.work import BATCHES, CLAIMS, LEASES, NOTICES, RECEIPTS, REVEALS, word_of

_OF_LEASE: dict[type, str] = {ReceiptRow: RECEIPTS, NoticeRow: NOTICES}
"""Rows that name a lease, and of what its agent is told."""
_TO_JUDGE = (JudgementRow, AuditRow, KeyGrantRow)
"""Rows that, new, let oracles go on with claims."""


@dataclass(slots=True)
class Told:
    """The words of one transaction."""

    words: set[str] = field(default_factory=set)
    _to_look_up: dict[str, set[str]] = field(default_factory=dict)
    """Leases by topic, whose agents are to be told."""

    def note(self, new: Iterable[Any], modified: Iterable[Any]) -> None:
        """Rows that are about to be written."""
        for row in new:
            if isinstance(row, _TO_JUDGE):
                self.words.add(CLAIMS)
            elif isinstance(row, BatchRow):
                self.words.add(BATCHES)
            elif isinstance(row, SealRow) and row.is_late:  # the others' are open already
                self.words.add(REVEALS)
            elif isinstance(row, LeaseRow):
                self._add(LEASES, row.agent)
            elif type(row) in _OF_LEASE:
                self._to_look_up.setdefault(_OF_LEASE[type(row)], set()).add(row.lease_id)
        for row in modified:
            if isinstance(row, JudgementRow) and _has_changed(row, "opened_at"):
                self.words.add(REVEALS)
            elif isinstance(row, AuditRow):
                self.words.add(CLAIMS)
            elif isinstance(row, BatchRow) and _has_changed(row, "proposals"):
                self.words.add(BATCHES)
            elif isinstance(row, LeaseRow) and _has_changed(row, "closed_block"):
                self._add(LEASES, row.agent)

    def look_up(self, session: Session) -> None:
        """Find whose the leases are of which only the number is known: once, before the commit."""
        for topic, lease_ids in self._to_look_up.items():
            for agent in session.exec(select(LeaseRow.agent).where(col(LeaseRow.lease_id).in_(lease_ids))):
                self._add(topic, agent)

    def _add(self, topic: str, agent: str) -> None:
        if agent:  # none of this market's orders
            self.words.add(word_of(topic, agent))


def _has_changed(row: Any, name: str) -> bool:
    return bool(inspect(row).attrs[name].history.has_changes())
