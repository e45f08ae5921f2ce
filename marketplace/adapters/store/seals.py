"""Sealed verdicts, judgements and oracles' failures as rows."""

from collections.abc import Collection

from sqlalchemy import bindparam
from sqlmodel import Session, and_, col, exists, func, or_, select, union

from marketplace.adapters.store.columns import PlainText
from marketplace.adapters.store.paging import in_parts, load_page
from marketplace.adapters.store.tables import LeaseRow
from marketplace.adapters.store.tables_evidence import FaultRow, JudgementRow, SealRow, VerdictRow
from marketplace.domain.paging import Page
from marketplace.domain.seals import Fault, FaultKind, Judgement, OracleCounts, SealRecord
from marketplace.protocol.messages import VerdictSeal

_OF_LEASE = (
    select(SealRow).where(SealRow.lease_id == bindparam("lease_id", type_=PlainText())).order_by(col(SealRow.oracle))
)


class Seals:
    """Sealed verdicts, how far each lease's judgement is, and who failed. Seals are never overwritten."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._of_lease: dict[str, list[SealRow]] = {}
        self._judgements: dict[str, JudgementRow] = {}
        """Only there so that the session keeps them."""

    def load(self, lease_ids: Collection[str]) -> None:
        """All about these leases, in two looks: what is asked about them after that needs none."""
        self._of_lease |= {one: [] for one in lease_ids}
        for some in in_parts(lease_ids):
            for row in self._session.exec(select(SealRow).where(col(SealRow.lease_id).in_(some))):
                self._of_lease[row.lease_id].append(row)
            for row in self._session.exec(select(JudgementRow).where(col(JudgementRow.lease_id).in_(some))):
                self._judgements[row.lease_id] = row

    def begin(self, lease_id: str, at: int) -> None:
        """Evidence is here that oracles are to judge. Doing so twice changes nothing."""
        if self._session.get(JudgementRow, lease_id) is None:
            self._save(JudgementRow(lease_id=lease_id, attested_at=at, members=[]))
            self._session.flush()

    def judgement(self, lease_id: str) -> Judgement | None:
        row = self._session.get(JudgementRow, lease_id)
        return _judgement(row) if row is not None else None

    def due(self, opened_until: int) -> list[str]:
        """Leases whose judgement is not concluded, and may have to go on, longest attested first."""
        lease_id = col(JudgementRow.lease_id)
        is_sealed = exists().where(col(SealRow.lease_id) == lease_id)
        is_closed = exists().where(col(LeaseRow.lease_id) == lease_id, col(LeaseRow.closed_block).is_not(None))
        may_open = and_(col(JudgementRow.opened_at).is_(None), or_(is_sealed, is_closed))
        query = select(JudgementRow.lease_id).where(col(JudgementRow.concluded_at).is_(None))
        query = query.where(or_(may_open, col(JudgementRow.opened_at) <= opened_until))
        return list(self._session.exec(query.order_by(col(JudgementRow.attested_at), lease_id)))

    def to_judge(self, oracle: str) -> list[str]:
        """Open leases with evidence for oracles of which `oracle` has sealed no verdict, oldest first."""
        lease_id = col(LeaseRow.lease_id)
        has_sealed = exists().where(col(SealRow.lease_id) == lease_id, col(SealRow.oracle) == oracle)
        query = select(LeaseRow.lease_id).join(JudgementRow, col(JudgementRow.lease_id) == lease_id)
        query = query.where(col(LeaseRow.closed_block).is_(None), ~has_sealed)
        return list(self._session.exec(query.order_by(col(LeaseRow.id))))

    def to_reveal(self, oracle: str) -> list[Judgement]:
        # A late seal may come when the judgement is concluded: then its lease is still open.
        under_way = union(
            select(JudgementRow.lease_id).where(col(JudgementRow.concluded_at).is_(None)),
            select(LeaseRow.lease_id).where(col(LeaseRow.closed_block).is_(None)),
        )
        lease_id = col(JudgementRow.lease_id)
        # Told by `exists`, so that no plan begins with all that this oracle has ever sealed.
        has_sealed = exists().where(col(SealRow.lease_id) == lease_id, col(SealRow.oracle) == oracle)
        has_revealed = exists().where(col(VerdictRow.lease_id) == lease_id, col(VerdictRow.oracle) == oracle)
        query = select(JudgementRow).where(lease_id.in_(under_way), col(JudgementRow.opened_at).is_not(None))
        query = query.where(has_sealed, ~has_revealed).order_by(col(JudgementRow.attested_at), lease_id)
        return list(map(_judgement, self._session.exec(query)))

    def open(self, lease_id: str, at: int, members: tuple[str, ...]) -> None:
        row = self._session.get(JudgementRow, lease_id)
        row.opened_at, row.members = at, list(members)
        self._save(row)

    def conclude(self, lease_id: str, at: int) -> None:
        row = self._session.get(JudgementRow, lease_id)
        row.concluded_at = at
        self._save(row)

    def add(self, record: SealRecord) -> None:
        row = SealRow(
            lease_id=record.seal.lease_id,
            oracle=record.oracle,
            seal=record.seal.to_json(),
            signature=record.signature,
            received_at=record.received_at,
            is_late=record.is_late,
        )
        self._save(row)
        if row.lease_id in self._of_lease:
            self._of_lease[row.lease_id].append(row)

    def of_lease(self, lease_id: str) -> list[SealRecord]:
        return list(map(_seal, self._rows(lease_id)))

    def of_oracle(self, lease_id: str, oracle: str) -> SealRecord | None:
        return next((_seal(row) for row in self._rows(lease_id) if row.oracle == oracle), None)

    def add_fault(self, fault: Fault) -> bool:
        """True if it was new: an oracle fails a lease in one way only once."""
        query = select(FaultRow).where(FaultRow.lease_id == fault.lease_id, FaultRow.oracle == fault.oracle)
        if any(row.kind == fault.kind.value for row in self._session.exec(query)):
            return False
        row = FaultRow(
            lease_id=fault.lease_id,
            oracle=fault.oracle,
            kind=fault.kind.value,
            noted_at=fault.noted_at,
            evidence=fault.evidence,
        )
        self._save(row)
        return True

    def faults_of(self, lease_id: str) -> list[Fault]:
        query = select(FaultRow).where(FaultRow.lease_id == lease_id).order_by(col(FaultRow.id))
        return [_fault(row) for row in self._session.exec(query)]

    def faults(
        self, *, oracle: str | None, kinds: tuple[FaultKind, ...], cursor: str | None, limit: int
    ) -> Page[Fault]:
        """Newest first. Raises MalformedMessage for a cursor that no page gave out."""
        query = select(FaultRow)
        if oracle is not None:
            query = query.where(FaultRow.oracle == oracle)
        if kinds:
            query = query.where(col(FaultRow.kind).in_([one.value for one in kinds]))
        return load_page(self._session, query, FaultRow.id, _fault, cursor, limit)

    def counts(self, oracle: str) -> OracleCounts:
        found = select(FaultRow.kind, func.count()).where(FaultRow.oracle == oracle).group_by(FaultRow.kind)
        by_kind = dict(self._session.exec(found).all())
        return OracleCounts(
            sealed=self._count(SealRow, oracle),
            revealed=self._count(VerdictRow, oracle),
            faults={kind: by_kind.get(kind.value, 0) for kind in FaultKind},
        )

    def _count(self, table: type[SealRow] | type[VerdictRow], oracle: str) -> int:
        return self._session.exec(select(func.count()).select_from(table).where(table.oracle == oracle)).one()

    def _rows(self, lease_id: str) -> list[SealRow]:
        """By oracle."""
        if lease_id in self._of_lease:
            return sorted(self._of_lease[lease_id], key=lambda row: row.oracle)
        return list(self._session.exec(_OF_LEASE, params={"lease_id": lease_id}))

    def _save(self, row: SealRow | JudgementRow | FaultRow) -> None:
        """Written with others of its kind, before anything is searched for."""
        self._session.add(row)


def _seal(row: SealRow) -> SealRecord:
    return SealRecord(VerdictSeal.parse(row.seal), row.oracle, row.signature, row.received_at, row.is_late)


def _judgement(row: JudgementRow) -> Judgement:
    return Judgement(row.lease_id, row.attested_at, row.opened_at, tuple(row.members), row.concluded_at)


def _fault(row: FaultRow) -> Fault:
    return Fault(row.lease_id, row.oracle, FaultKind(row.kind), row.noted_at, row.evidence)
