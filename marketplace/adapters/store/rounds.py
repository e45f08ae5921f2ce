"""Rounds with their transcripts, and each job's timeline, as rows."""

from typing import Any

from sqlmodel import Session, col, func, select

from marketplace.adapters.store.paging import load_page
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
        for bid_hash in bid_hashes:
            self._session.add(RoundBidRow(bid_hash=bid_hash, number=record.number))
        self._session.flush()

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
        row = self._session.exec(select(RoundRow).order_by(col(RoundRow.number).desc())).first()
        return self._record(row) if row else None

    def _record(self, row: RoundRow) -> RoundRecord:
        transcript = self._session.get(TranscriptRow, row.number)
        return RoundRecord(row.number, row.digest, row.cleared_at, transcript.transcript, row.summary)


def _bare(row: RoundRow) -> RoundRecord:
    return RoundRecord(row.number, row.digest, row.cleared_at, {}, row.summary)


class Timeline:
    """What happened to each job, in order."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self,
        bid_hash: str,
        at: int,
        kind: str,
        detail: dict[str, Any] | None = None,
        lease_id: str = "",
    ) -> None:
        self._session.add(
            TimelineRow(
                bid_hash=bid_hash,
                lease_id=lease_id,
                at=at,
                kind=kind,
                detail=detail or {},
            )
        )
        self._session.flush()

    def of(self, bid_hash: str) -> list[dict[str, Any]]:
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
