"""Bids as rows."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import bindparam, insert
from sqlmodel import Session, col, func, select

from marketplace.adapters.store.columns import MOST_IN_A_QUERY, PlainText
from marketplace.adapters.store.contents import Contents
from marketplace.adapters.store.paging import in_parts, load_page
from marketplace.adapters.store.schema import IS_LIVE
from marketplace.adapters.store.tables import BidRow
from marketplace.domain.book import is_bid_late
from marketplace.domain.jobs import JobState
from marketplace.domain.orders import BidRecord, OrderState, Standing
from marketplace.domain.paging import Page
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Bid

_BIDS = BidRow.__table__
_HALF, _MOST_LOCKED = 2**31, 2**63 - 1
_RENTER = _BIDS.c.renter == bindparam("renter")
_HIGHEST = select(func.max(_BIDS.c.salt)).where(_RENTER)
_KNOWN = select(_BIDS.c.bid_hash).where(_BIDS.c.bid_hash.in_(bindparam("hashes", expanding=True)))
_LIVE = select(_BIDS.c.bid_hash).where(_BIDS.c.state == OrderState.LIVE.value).order_by(_BIDS.c.id)
_ANY_LIVE = select(_BIDS.c.id).where(_BIDS.c.state == OrderState.LIVE.value).limit(1)
_LIVE_SALTS = select(_BIDS.c.salt).where(_RENTER, _BIDS.c.salt.in_(bindparam("salts", expanding=True)), IS_LIVE)
_STANDING = select(
    _HIGHEST.scalar_subquery(), func.count(), func.sum(_BIDS.c.locked // _HALF), func.sum(_BIDS.c.locked % _HALF)
).where(_RENTER, IS_LIVE)
"""Halves are added up by themselves: a sum of whole amounts might not fit into 64 bits.

Every order asks these: they are made once, and not of mapped rows, which take SQLAlchemy several times as long.
"""
_OF_HASH = select(BidRow).where(BidRow.bid_hash == bindparam("bid_hash", type_=PlainText()))
_CONTENTS: Contents[tuple[Bid, JobSpec]] = Contents(
    BidRow.bid_hash,
    (BidRow.bid, BidRow.job_spec),
    lambda bid, job_spec: (Bid.parse(bid), JobSpec.parse(job_spec)),
    8_192,
)
"""Bids with their job specifications, which they name by its digest."""


class Bids:
    """Every bid that was ever accepted, newest last. What was looked up once is not looked up again."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows: dict[str, BidRow] = {}

    def add(self, records: Sequence[BidRecord]) -> None:
        """In their order, in one statement."""
        if records:
            self._session.execute(insert(_BIDS), list(map(_values, records)))

    def known(self, bid_hashes: Sequence[str]) -> set[str]:
        """Those of them that there are, live or not."""
        found: set[str] = set()
        for first in range(0, len(bid_hashes), MOST_IN_A_QUERY):
            some = {"hashes": bid_hashes[first : first + MOST_IN_A_QUERY]}
            found.update(self._search(_KNOWN, some).scalars())
        return found

    def get(self, bid_hash: str) -> BidRecord | None:
        row = self._row(bid_hash)
        return _record(row) if row else None

    def load(self, bid_hashes: Collection[str]) -> dict[str, BidRecord]:
        """Those of them that there are, in one look; `get` needs none for them after that."""
        for some in in_parts(bid_hashes):
            for row, _ in _CONTENTS.load(self._session, select(BidRow).where(col(BidRow.bid_hash).in_(some))):
                self._rows[row.bid_hash] = row
        return {one: _record(self._rows[one]) for one in bid_hashes if one in self._rows}

    def live(self) -> list[BidRecord]:
        """Bids that can still be matched, in the order in which they came."""
        query = select(BidRow).where(BidRow.state == OrderState.LIVE.value).order_by(col(BidRow.id))
        return [_record(row, known) for row, known in _CONTENTS.load(self._session, query)]

    def has_live(self) -> bool:
        return self._search(_ANY_LIVE, {}).first() is not None

    def late(self, now: int) -> list[BidRecord]:
        """Those of the live ones whose time is over: rows are looked at of these alone."""
        hashes = list(self._search(_LIVE, {}).scalars())
        known = _CONTENTS.by_hash(self._session, hashes)
        return list(self.load([one for one in hashes if is_bid_late(known[one][0], now)]).values())

    def standing(self, renter: str) -> Standing:
        """What a new bid of this renter has to stand beside."""
        highest, count, wholes, rests = self._search(_STANDING, {"renter": renter}).one()
        locked = int(wholes or 0) * _HALF + int(rests or 0)
        return Standing(-1 if highest is None else highest, count, locked)

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

    def live_salts(self, renter: str, salts: Sequence[int]) -> set[int]:
        """Those of the salts that a live bid of this renter has."""
        found: set[int] = set()
        for first in range(0, len(salts), MOST_IN_A_QUERY):
            some = {"renter": renter, "salts": salts[first : first + MOST_IN_A_QUERY]}
            found.update(self._search(_LIVE_SALTS, some).scalars())
        return found

    def with_salt(self, renter: str, salt: int) -> list[BidRecord]:
        query = select(BidRow).where(BidRow.renter == renter, BidRow.salt == salt)
        return list(map(_record, self._session.exec(query)))

    def below_salt(self, renter: str, salt: int) -> list[BidRecord]:
        """The renter's bids with a smaller salt."""
        query = select(BidRow).where(BidRow.renter == renter, BidRow.salt < salt)
        return list(map(_record, self._session.exec(query)))

    def highest_salt(self, renter: str) -> int:
        """Of all the renter's bids that were ever accepted; -1 where there is none."""
        highest = self._search(_HIGHEST, {"renter": renter}).scalar_one()
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
        if row.reason != reason and row.state == OrderState.LIVE.value:  # else it says why it ended
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

    def _search(self, statement: Any, given: dict[str, Any]) -> Any:
        """What waits is written first: the session does so by itself only where mapped rows are looked for."""
        self._session.flush()
        return self._session.execute(statement, given)

    def _row(self, bid_hash: str) -> BidRow | None:
        row = self._rows.get(bid_hash) or self._session.exec(_OF_HASH, params={"bid_hash": bid_hash}).first()
        if row is not None:
            self._rows[bid_hash] = row
        return row

    def _save(self, row: BidRow) -> None:
        """Written with others of its kind, before anything is searched for."""
        self._session.add(row)


def _values(record: BidRecord) -> dict[str, Any]:
    schedule = record.job_spec.schedule
    return {
        "bid_hash": record.bid_hash,
        "renter": record.bid.renter,
        "salt": record.bid.salt,
        "bid": record.bid.to_json(),
        "signature": record.signature,
        "job_spec": record.job_spec.to_json(),
        "placed_at": record.placed_at,
        "state": record.state.value,
        "reason": record.reason,
        "job_state": record.job_state.value,
        "held_until": record.held_until,
        "not_before": schedule.not_before if schedule else None,
        "notice_seconds": schedule.preemption_notice_seconds if schedule else None,
        "locked": min(record.set_aside, _MOST_LOCKED),
    }


def _record(row: BidRow, known: tuple[Bid, JobSpec] | None = None) -> BidRecord:
    bid, job_spec = known or _CONTENTS.of(row)
    return BidRecord(
        bid_hash=row.bid_hash,
        bid=bid,
        signature=row.signature,
        job_spec=job_spec,
        placed_at=row.placed_at,
        state=OrderState(row.state),
        reason=row.reason,
        job_state=JobState(row.job_state),
        held_until=row.held_until,
    )
