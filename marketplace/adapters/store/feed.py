"""What has happened, off the rows that say so.

There is one writer at a time, on either database, and it numbers rows: so a row that is seen has none before it that
will be seen later.
"""

from sqlmodel import Session, col, select

from marketplace.adapters.store.tables import RoundRow, TimelineRow
from marketplace.adapters.store.tables_retention import HistoryRow
from marketplace.domain.feed import JOBS, ROUNDS, FeedEvent


class Feed:
    """`services.storage_retention.Feed`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def history(self) -> str:
        row = self._session.get(HistoryRow, 1)
        return row.name if row else ""

    def begin_history(self, name: str) -> None:
        self._session.merge(HistoryRow(id=1, name=name))
        self._session.flush()

    def events_after(self, position: int, limit: int) -> list[FeedEvent]:
        """Of all jobs' timelines."""
        query = select(TimelineRow).where(col(TimelineRow.id) > position).order_by(col(TimelineRow.id)).limit(limit)
        return [
            FeedEvent(
                f"{JOBS}.{row.bid_hash}",
                row.id or 0,
                {
                    "jobId": row.bid_hash,
                    "leaseId": row.lease_id or None,
                    "at": row.at,
                    "kind": row.kind,
                    "detail": row.detail,
                },
            )
            for row in self._session.exec(query)
        ]

    def rounds_after(self, position: int, limit: int) -> list[FeedEvent]:
        """Without their transcripts."""
        query = select(RoundRow).where(col(RoundRow.number) > position).order_by(col(RoundRow.number)).limit(limit)
        return [
            FeedEvent(ROUNDS, row.number, {"number": row.number, "digest": row.digest, "at": row.cleared_at})
            for row in self._session.exec(query)
        ]
