"""Workflows as rows."""

from sqlmodel import Session, col, select

from marketplace.adapters.store.bids import Bids
from marketplace.adapters.store.paging import load_page
from marketplace.adapters.store.tables import BidRow, WorkflowBidRow, WorkflowRow
from marketplace.domain.orders import BidRecord, OrderState
from marketplace.domain.paging import Page
from marketplace.domain.workflows import WorkflowRecord


class Workflows:
    """Every workflow that was ever placed, newest last."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, record: WorkflowRecord) -> None:
        row = WorkflowRow(
            workflow_id=record.workflow_id,
            name=record.name,
            renter=record.renter,
            bids=list(record.bids),
            placed_at=record.placed_at,
        )
        self._session.add(row)
        self._session.flush()
        for bid_hash in record.bids:
            self._session.add(WorkflowBidRow(bid_hash=bid_hash, workflow=row.id))
        self._session.flush()

    def get(self, workflow_id: str) -> WorkflowRecord | None:
        row = self._session.exec(select(WorkflowRow).where(WorkflowRow.workflow_id == workflow_id)).first()
        return _record(row) if row else None

    def holds(self, bid_hash: str) -> bool:
        return self._session.get(WorkflowBidRow, bid_hash) is not None

    def live_bids(self) -> list[BidRecord]:
        query = (
            select(BidRow.bid_hash)
            .join(WorkflowBidRow, col(WorkflowBidRow.bid_hash) == col(BidRow.bid_hash))
            .where(BidRow.state == OrderState.LIVE.value)
            .order_by(col(BidRow.id))
        )
        bids = Bids(self._session)
        return [found for bid_hash in self._session.exec(query) if (found := bids.get(bid_hash)) is not None]

    def page(self, *, renter: str | None, cursor: str | None, limit: int) -> Page[WorkflowRecord]:
        query = select(WorkflowRow)
        if renter is not None:
            query = query.where(WorkflowRow.renter == renter)
        return load_page(self._session, query, WorkflowRow.id, _record, cursor, limit)


def _record(row: WorkflowRow) -> WorkflowRecord:
    return WorkflowRecord(row.workflow_id, row.name, row.renter, tuple(row.bids), row.placed_at)
