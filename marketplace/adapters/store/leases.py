"""Leases and matches as rows."""

from collections.abc import Sequence

from sqlalchemy import func
from sqlmodel import Session, col, or_, select

from marketplace.adapters.store.paging import load_page
from marketplace.adapters.store.tables import LeaseRow, MatchRow
from marketplace.domain.chain import CloseReason
from marketplace.domain.jobs import JobState
from marketplace.domain.leases import Claim, Closing, Dispute, LeaseRecord, MatchRecord, MatchState
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
)
_DISPUTE = ("dispute_bond", "dispute_until", "disputed_block")
_CLAIM = ("claim_pay", "claim_digest", "claim_until", "claimed_block", *_DISPUTE)
_NOT_COLUMNS = ("closing", "claim")


class Leases:
    """What the chain's events say about leases: written by the follower alone."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, lease: LeaseRecord) -> bool:
        """True if it was new; an event seen twice changes nothing."""
        if self._row(lease.lease_id) is not None:
            return False
        plain = {name: getattr(lease, name) for name in LeaseRecord.__dataclass_fields__ if name not in _NOT_COLUMNS}
        self._session.add(LeaseRow(**plain | {"stage": lease.stage.value}))
        self._session.flush()
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
        row.closed_block, row.closed_tx = closing.block, closing.tx_hash
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

    def at(self, group: int, place: int) -> LeaseRecord | None:
        """The lease that is open there: neither closed nor claimed, both of which leave the place to another."""
        query = select(LeaseRow).where(
            LeaseRow.group == group,
            LeaseRow.place == place,
            col(LeaseRow.closed_block).is_(None),
            col(LeaseRow.claimed_block).is_(None),
        )
        row = self._session.exec(query).first()
        return _lease(row) if row else None

    def of_group(self, group: int, opened_tx: str) -> list[LeaseRecord]:
        """All that this transaction opened in the group, by place."""
        query = select(LeaseRow).where(LeaseRow.group == group, LeaseRow.opened_tx == opened_tx)
        return list(map(_lease, self._session.exec(query.order_by(col(LeaseRow.place)))))

    def of_bid(self, bid_hash: str) -> list[LeaseRecord]:
        query = select(LeaseRow).where(LeaseRow.bid_hash == bid_hash).order_by(col(LeaseRow.id))
        return list(map(_lease, self._session.exec(query)))

    def open(self) -> list[LeaseRecord]:
        """Leases that the chain has not closed."""
        query = select(LeaseRow).where(col(LeaseRow.closed_block).is_(None)).order_by(col(LeaseRow.id))
        return list(map(_lease, self._session.exec(query)))

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
        return self._session.exec(select(LeaseRow).where(LeaseRow.lease_id == lease_id)).first()

    def _save(self, row: LeaseRow) -> None:
        self._session.add(row)
        self._session.flush()


class Matches:
    """What the market planned."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, match: MatchRecord) -> int:
        """Its id; `match.id` is not looked at."""
        plain = {name: getattr(match, name) for name in MatchRecord.__dataclass_fields__ if name != "id"}
        row = MatchRow(**plain | {"state": match.state.value})
        self._session.add(row)
        self._session.flush()
        return row.id

    def get(self, match_id: int) -> MatchRecord | None:
        row = self._session.get(MatchRow, match_id)
        return _match(row) if row else None

    def reserved(self) -> list[MatchRecord]:
        """Matches whose lease is not on chain yet."""
        return self._where(MatchRow.state == MatchState.RESERVED.value)

    def of_bid(self, bid_hash: str) -> list[MatchRecord]:
        return self._where(MatchRow.bid_hash == bid_hash)

    def of_round(self, number: int) -> list[MatchRecord]:
        return self._where(MatchRow.round_number == number)

    def of_outbox(self, outbox_id: int) -> list[MatchRecord]:
        return self._where(MatchRow.outbox_id == outbox_id)

    def of_lease(self, lease_id: str) -> list[MatchRecord]:
        return self._where(MatchRow.lease_id == lease_id)

    def reserve_again(self, match_id: int) -> None:
        """Its lease, or its being left out, was reorganised away: the transaction is to come again."""
        self._set(match_id, MatchState.RESERVED)

    def open(self, match_id: int, lease_id: str) -> None:
        self._set(match_id, MatchState.OPENED, lease_id=lease_id)

    def drop(self, match_id: int, reason: str, block: int | None) -> None:
        """`block` is where the contract left it out, if that was on chain."""
        self._set(match_id, MatchState.DROPPED, reason=reason, dropped_block=block)

    def move(self, match_id: int, outbox_id: int) -> None:
        """To another transaction."""
        row = self._session.get(MatchRow, match_id)
        row.outbox_id = outbox_id
        self._save(row)

    def roll_back(self, block: int) -> list[MatchRecord]:
        """Matches that the contract left out above `block` are reserved again; they, as they were before."""
        found = self._where(col(MatchRow.dropped_block) > block)
        for match in found:
            self.reserve_again(match.id)
        return found

    def _set(
        self,
        match_id: int,
        state: MatchState,
        *,
        lease_id: str = "",
        reason: str = "",
        dropped_block: int | None = None,
    ) -> None:
        row = self._session.get(MatchRow, match_id)
        row.state, row.lease_id, row.reason, row.dropped_block = state.value, lease_id, reason, dropped_block
        self._save(row)

    def _save(self, row: MatchRow) -> None:
        self._session.add(row)
        self._session.flush()

    def _where(self, condition) -> list[MatchRecord]:
        return list(
            map(
                _match,
                self._session.exec(select(MatchRow).where(condition).order_by(col(MatchRow.id))),
            )
        )


def _match(row: MatchRow) -> MatchRecord:
    plain = {name: getattr(row, name) for name in MatchRecord.__dataclass_fields__}
    return MatchRecord(**plain | {"state": MatchState(row.state)})


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
