"""Leases as rows."""

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, func
from sqlmodel import Session, col, or_, select

from marketplace.adapters.store.columns import PlainText
from marketplace.adapters.store.paging import in_parts, load_page
from marketplace.adapters.store.tables import LeaseRow
from marketplace.domain.chain import CloseReason
from marketplace.domain.jobs import JobState
from marketplace.domain.leases import Claim, Closing, Dispute, LeaseRecord, OpenOrders
from marketplace.domain.paging import Page
from marketplace.protocol.enums import Outcome

_CLOSING = (
    "outcome",
    "paid",
    "fee",
    "refund",
    "result_digest",
    "close_reason",
    "closed_block",
    "closed_tx",
    "closed_at",
)
_DISPUTE = ("dispute_bond", "dispute_until", "disputed_block")
_CLAIM = ("claim_pay", "claim_digest", "claim_until", "claimed_block", *_DISPUTE)
_NOT_COLUMNS = ("closing", "claim")
_OF_ID = select(LeaseRow).where(LeaseRow.lease_id == bindparam("lease_id", type_=PlainText()))
_OF_BID = (
    select(LeaseRow).where(LeaseRow.bid_hash == bindparam("bid_hash", type_=PlainText())).order_by(col(LeaseRow.id))
)


class Leases:
    """What the chain's events say about leases: written by the follower alone.

    What was looked up once is not looked up again.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows: dict[str, LeaseRow | None] = {}
        """None where there is no such lease."""

    def add(self, lease: LeaseRecord) -> bool:
        """True if it was new; an event seen twice changes nothing."""
        if self._row(lease.lease_id) is not None:
            return False
        plain = {name: getattr(lease, name) for name in LeaseRecord.__dataclass_fields__ if name not in _NOT_COLUMNS}
        row = LeaseRow(**plain | {"stage": lease.stage.value})
        self._rows[row.lease_id] = row
        self._save(row)
        return True

    def close(self, lease_id: str, closing: Closing) -> bool:
        """True if the lease was open here."""
        row = self._row(lease_id)
        if row is None or row.closed_block is not None:
            return False
        row.outcome, row.paid, row.fee, row.refund = (
            int(closing.outcome),
            closing.paid,
            closing.fee,
            closing.refund,
        )
        row.result_digest, row.close_reason = closing.result_digest, int(closing.reason)
        row.closed_block, row.closed_tx, row.closed_at = closing.block, closing.tx_hash, closing.at
        self._save(row)
        return True

    def claim(self, lease_id: str, claim: Claim) -> bool:
        """True if the lease was open here, and not claimed or disputed in this way already."""
        row = self._row(lease_id)
        if row is None or row.closed_block is not None or _claim(row) == claim:
            return False
        row.claim_pay, row.claim_digest = claim.pay, claim.result_digest
        row.claim_until, row.claimed_block = claim.until, claim.block
        if claim.dispute is not None:
            row.dispute_bond, row.dispute_until = claim.dispute.bond, claim.dispute.until
            row.disputed_block = claim.dispute.block
        self._save(row)
        return True

    def get(self, lease_id: str) -> LeaseRecord | None:
        row = self._row(lease_id)
        return _lease(row) if row else None

    def load(self, lease_ids: Collection[str]) -> dict[str, LeaseRecord]:
        """Those of them that there are, in one look; `get` needs none for them after that."""
        for some in in_parts([one for one in lease_ids if one not in self._rows]):
            self._rows |= dict.fromkeys(some)
            for row in self._session.exec(select(LeaseRow).where(col(LeaseRow.lease_id).in_(some))):
                self._rows[row.lease_id] = row
        rows = {one: self._rows[one] for one in lease_ids}
        return {one: _lease(row) for one, row in rows.items() if row is not None}

    def standing_in(self, group: int) -> dict[int, LeaseRecord]:
        """By place the leases that are open there: neither closed nor claimed, which leave the place to another."""
        query = select(LeaseRow).where(
            LeaseRow.group == group, col(LeaseRow.closed_block).is_(None), col(LeaseRow.claimed_block).is_(None)
        )
        rows = self._session.exec(query).all()
        self._rows |= {row.lease_id: row for row in rows}
        return {row.place: _lease(row) for row in rows}

    def of_group(self, group: int, opened_tx: str) -> list[LeaseRecord]:
        """All that this transaction opened in the group, by place."""
        query = select(LeaseRow).where(LeaseRow.group == group, LeaseRow.opened_tx == opened_tx)
        return list(map(_lease, self._session.exec(query.order_by(col(LeaseRow.place)))))

    def of_bid(self, bid_hash: str) -> list[LeaseRecord]:
        return list(map(_lease, self._session.exec(_OF_BID, params={"bid_hash": bid_hash})))

    def of_bids(self, bid_hashes: Collection[str]) -> dict[str, list[LeaseRecord]]:
        """The same of several, in one look."""
        found: dict[str, list[LeaseRecord]] = {one: [] for one in bid_hashes}
        for some in in_parts(bid_hashes):
            query = select(LeaseRow).where(col(LeaseRow.bid_hash).in_(some)).order_by(col(LeaseRow.id))
            for row in self._session.exec(query):
                found[row.bid_hash].append(_lease(row))
        return found

    def open(self) -> list[LeaseRecord]:
        """Leases that the chain has not closed."""
        query = select(LeaseRow).where(col(LeaseRow.closed_block).is_(None)).order_by(col(LeaseRow.id))
        return list(map(_lease, self._session.exec(query)))

    def claimed(self) -> list[LeaseRecord]:
        """Those of them that were claimed."""
        query = select(LeaseRow).where(col(LeaseRow.closed_block).is_(None), col(LeaseRow.claimed_block).is_not(None))
        return list(map(_lease, self._session.exec(query.order_by(col(LeaseRow.id)))))

    def open_orders(self) -> list[OpenOrders]:
        """Of each lease that the chain has not closed, agent and orders: less than all of it, and so much sooner."""
        columns = (LeaseRow.agent, LeaseRow.bid_hash, LeaseRow.ask_hash)
        query = select(*columns).where(col(LeaseRow.closed_block).is_(None)).order_by(col(LeaseRow.id))
        return [OpenOrders(*row) for row in self._session.exec(query)]

    def page(
        self,
        *,
        provider: str | None,
        agent: str | None,
        renter: str | None,
        states: Sequence[str],
        cursor: str | None,
        limit: int,
    ) -> Page[LeaseRecord]:
        query = select(LeaseRow)
        for column, wanted in (
            (LeaseRow.provider, provider),
            (LeaseRow.agent, agent),
            (LeaseRow.renter, renter),
        ):
            if wanted is not None:
                query = query.where(column == wanted)
        if states:
            query = query.where(col(LeaseRow.stage).in_(states))
        return load_page(self._session, query, LeaseRow.id, _lease, cursor, limit)

    def count_by_stage(self) -> dict[str, int]:
        query = select(LeaseRow.stage, func.count()).group_by(LeaseRow.stage)
        return dict(self._session.exec(query).all())

    def set_stage(self, lease_id: str, stage: JobState) -> None:
        row = self._row(lease_id)
        row.stage = stage.value
        self._save(row)

    def roll_back(self, block: int) -> list[LeaseRecord]:
        """Forget what happened to leases above `block`; those concerned, as they were before."""
        blocks = (LeaseRow.opened_block, LeaseRow.claimed_block, LeaseRow.disputed_block, LeaseRow.closed_block)
        rows = self._session.exec(select(LeaseRow).where(or_(*(col(one) > block for one in blocks)))).all()
        found = list(map(_lease, rows))
        for row in rows:
            if row.opened_block > block:
                self._rows.pop(row.lease_id, None)
                self._session.delete(row)
                continue
            for at, names in (
                (row.closed_block, _CLOSING),
                (row.disputed_block, _DISPUTE),
                (row.claimed_block, _CLAIM),
            ):
                if at is not None and at > block:
                    for name in names:
                        setattr(row, name, None)
            self._session.add(row)
        self._session.flush()
        return found

    def _row(self, lease_id: str) -> LeaseRow | None:
        if lease_id not in self._rows:
            self._rows[lease_id] = self._session.exec(_OF_ID, params={"lease_id": lease_id}).first()
        return self._rows[lease_id]

    def _save(self, row: LeaseRow) -> None:
        """Written with others of its kind, before anything is searched for."""
        self._session.add(row)


def _lease(row: LeaseRow) -> LeaseRecord:
    names = [name for name in LeaseRecord.__dataclass_fields__ if name not in (*_NOT_COLUMNS, "stage")]
    closing = None
    if row.closed_block is not None:
        closing = Closing(
            outcome=Outcome(row.outcome),
            paid=row.paid,
            fee=row.fee,
            refund=row.refund,
            result_digest=row.result_digest,
            reason=CloseReason(row.close_reason),
            block=row.closed_block,
            tx_hash=row.closed_tx,
            at=row.closed_at,
        )
    return LeaseRecord(
        **{name: getattr(row, name) for name in names},
        closing=closing,
        claim=_claim(row),
        stage=JobState(row.stage),
    )


def _claim(row: LeaseRow) -> Claim | None:
    if row.claimed_block is None:
        return None
    dispute = None
    if row.disputed_block is not None:
        dispute = Dispute(row.dispute_bond, row.dispute_until, row.disputed_block)
    return Claim(row.claim_pay, row.claim_digest, row.claim_until, row.claimed_block, dispute)
