"""Rounds with their transcripts, and each job's timeline, as rows."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, col, func, select

from marketplace.adapters.store.paging import in_parts, load_page
from marketplace.adapters.store.tables import (
    RoundBidRow,
    RoundRow,
    TimelineRow,
    TranscriptRow,
)
from marketplace.domain.paging import Page
from marketplace.domain.rounds import RoundRecord


class Rounds:
    """Every round that was recorded."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def next_number(self) -> int:
        return (self._session.exec(select(func.max(RoundRow.number))).one() or 0) + 1

    def add(self, record: RoundRecord, bid_hashes: list[str]) -> None:
        self._session.add(
            RoundRow(
                number=record.number,
                digest=record.digest,
                cleared_at=record.cleared_at,
                summary=record.summary,
            )
        )
        self._session.flush()
        self._session.add(TranscriptRow(number=record.number, transcript=record.transcript))
        self._session.flush()
        if bid_hashes:  # of a great book thousands: as objects they would take longer than the round
            self._session.execute(
                insert(RoundBidRow), [{"bid_hash": one, "number": record.number} for one in bid_hashes]
            )

    def get(self, number: int) -> RoundRecord | None:
        row = self._session.get(RoundRow, number) if 0 < number < 2**63 else None
        return self._record(row) if row else None

    def last_with(self, bid_hash: str, *, matched_in: int | None = None) -> RoundRecord | None:
        """The last round that considered the bid."""
        query = select(func.max(RoundBidRow.number)).where(RoundBidRow.bid_hash == bid_hash)
        number = matched_in or self._session.exec(query).one()
        return self.get(number) if number else None

    def page(self, cursor: str | None, limit: int) -> Page[RoundRecord]:
        """Rounds without their transcripts."""
        return load_page(self._session, select(RoundRow), RoundRow.number, _bare, cursor, limit)

    def last(self) -> RoundRecord | None:
        """Without its transcript, which has every order of the book."""
        row = self._session.exec(select(RoundRow).order_by(col(RoundRow.number).desc()).limit(1)).first()
        return _bare(row) if row else None

    def _record(self, row: RoundRow) -> RoundRecord:
        transcript = self._session.get(TranscriptRow, row.number)
        return RoundRecord(row.number, row.digest, row.cleared_at, transcript.transcript, row.summary)


def _bare(row: RoundRow) -> RoundRecord:
    return RoundRecord(row.number, row.digest, row.cleared_at, {}, row.summary)


class Timeline:
    """What happened to each job, in order. What is added is written together, before anything is looked up here."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._added: list[dict[str, Any]] = []

    def add(
        self,
        bid_hash: str,
        at: int,
        kind: str,
        detail: dict[str, Any] | None = None,
        lease_id: str = "",
    ) -> None:
        self._added.append({"bid_hash": bid_hash, "lease_id": lease_id, "at": at, "kind": kind, "detail": detail or {}})

    def write(self) -> None:
        """All that was added, in one statement: before the transaction ends at the latest."""
        added, self._added = self._added, []
        if added:
            self._session.execute(insert(TimelineRow), added)

    def told(self, bid_hashes: Collection[str], kind: str) -> list[tuple[str, dict[str, Any]]]:
        """Lease and detail of every such event of these jobs, in order."""
        self.write()
        found: list[tuple[str, dict[str, Any]]] = []
        for some in in_parts(bid_hashes):
            query = select(TimelineRow).where(col(TimelineRow.bid_hash).in_(some), TimelineRow.kind == kind)
            found += [(row.lease_id, row.detail) for row in self._session.exec(query.order_by(col(TimelineRow.id)))]
        return found

    def add_each(self, bids: Sequence[tuple[str, int]], kind: str) -> None:
        for bid_hash, at in bids:
            self.add(bid_hash, at, kind)

    def of(self, bid_hash: str) -> list[dict[str, Any]]:
        self.write()
        query = select(TimelineRow).where(TimelineRow.bid_hash == bid_hash).order_by(col(TimelineRow.id))
        return [
            {
                "id": row.id,
                "at": row.at,
                "kind": row.kind,
                "leaseId": row.lease_id or None,
                "detail": row.detail,
            }
            for row in self._session.exec(query)
        ]
