"""Bids as rows."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlmodel import Session, col, func, select

from marketplace.adapters.store.paging import load_page
from marketplace.adapters.store.tables import BidRow
from marketplace.domain.jobs import JobState
from marketplace.domain.orders import BidRecord, OrderState
from marketplace.domain.paging import Page
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Bid


class Bids:
    """Every bid that was ever accepted, newest last."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, record: BidRecord) -> None:
        row = asdict(record) | {
            "bid": record.bid.to_json(),
            "job_spec": record.job_spec.to_json(),
            "renter": record.bid.renter,
            "salt": record.bid.salt,
            "not_before": record.job_spec.schedule.not_before if record.job_spec.schedule else None,
            "notice_seconds": record.job_spec.schedule.preemption_notice_seconds if record.job_spec.schedule else None,
        }
        self._session.add(BidRow(**row))
        self._session.flush()

    def get(self, bid_hash: str) -> BidRecord | None:
        row = self._row(bid_hash)
        return _record(row) if row else None

    def live(self) -> list[BidRecord]:
        """Bids that can still be matched, in the order in which they came."""
        query = select(BidRow).where(BidRow.state == OrderState.LIVE.value).order_by(col(BidRow.id))
        return list(map(_record, self._session.exec(query)))

    def live_of(self, renter: str) -> list[BidRecord]:
        query = select(BidRow).where(BidRow.state == OrderState.LIVE.value, BidRow.renter == renter)
        return list(map(_record, self._session.exec(query)))

    def preemptible(self, job_state: JobState) -> list[BidRecord]:
        """Bids that a better one may displace, whose job stands there."""
        is_preemptible = col(BidRow.notice_seconds).is_not(None)
        query = select(BidRow).where(BidRow.job_state == job_state.value, is_preemptible).order_by(col(BidRow.id))
        return list(map(_record, self._session.exec(query)))

    def starts_after(self, now: int) -> list[int]:
        """The different times after `now` at which queued bids want to begin, the nearest first."""
        start = col(BidRow.not_before)
        is_queued = BidRow.state == OrderState.LIVE.value, BidRow.job_state == JobState.QUEUED.value
        return list(self._session.exec(select(start).where(*is_queued, start > now).distinct().order_by(start)))

    def with_salt(self, renter: str, salt: int) -> list[BidRecord]:
        query = select(BidRow).where(BidRow.renter == renter, BidRow.salt == salt)
        return list(map(_record, self._session.exec(query)))

    def below_salt(self, renter: str, salt: int) -> list[BidRecord]:
        """The renter's bids with a smaller salt."""
        query = select(BidRow).where(BidRow.renter == renter, BidRow.salt < salt)
        return list(map(_record, self._session.exec(query)))

    def highest_salt(self, renter: str) -> int:
        """Of all the renter's bids that were ever accepted; -1 where there is none."""
        highest = self._session.exec(select(func.max(BidRow.salt)).where(BidRow.renter == renter)).one()
        return -1 if highest is None else highest

    def page(
        self,
        *,
        renter: str | None,
        states: Sequence[str],
        cursor: str | None,
        limit: int,
    ) -> Page[BidRecord]:
        query = select(BidRow)
        if renter is not None:
            query = query.where(BidRow.renter == renter)
        if states:
            query = query.where(col(BidRow.job_state).in_(states))
        return load_page(self._session, query, BidRow.id, _record, cursor, limit)

    def count_by_state(self) -> dict[str, int]:
        query = select(BidRow.job_state, func.count()).group_by(BidRow.job_state)
        return dict(self._session.exec(query).all())

    def set_state(
        self,
        bid_hash: str,
        state: OrderState,
        reason: str = "",
        ended_block: int | None = None,
    ) -> None:
        row = self._row(bid_hash)
        row.state, row.reason, row.ended_block = (
            state.value,
            reason,
            ended_block,
        )
        self._save(row)

    def set_reason(self, bid_hash: str, reason: str) -> None:
        """Why a live bid was not matched; the state stays."""
        row = self._row(bid_hash)
        if row.reason != reason:
            row.reason = reason
            self._save(row)

    def set_job_state(self, bid_hash: str, job_state: JobState) -> None:
        row = self._row(bid_hash)
        row.job_state = job_state.value
        self._save(row)

    def hold(self, bid_hash: str, until: int, reason: str) -> None:
        """Leave the bid out of rounds until then."""
        row = self._row(bid_hash)
        row.held_until, row.reason = until, reason
        self._save(row)

    def revive_after(self, block: int) -> list[str]:
        """Bids that an event in a block above `block` had taken out of the book are live again; their hashes."""
        rows = self._session.exec(select(BidRow).where(col(BidRow.ended_block) > block)).all()
        for row in rows:
            row.state, row.reason, row.ended_block = OrderState.LIVE.value, "", None
            self._save(row)
        return [row.bid_hash for row in rows]

    def _row(self, bid_hash: str) -> BidRow | None:
        return self._session.exec(select(BidRow).where(BidRow.bid_hash == bid_hash)).first()

    def _save(self, row: BidRow) -> None:
        self._session.add(row)
        self._session.flush()


def _record(row: BidRow) -> BidRecord:
    return BidRecord(
        bid_hash=row.bid_hash,
        bid=Bid.parse(row.bid),
        signature=row.signature,
        job_spec=JobSpec.parse(row.job_spec),
        placed_at=row.placed_at,
        state=OrderState(row.state),
        reason=row.reason,
        job_state=JobState(row.job_state),
        held_until=row.held_until,
    )
