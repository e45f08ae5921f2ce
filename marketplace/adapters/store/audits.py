"""Draws of random audits as rows: one a lease and oracle."""

from sqlmodel import Session, col, select

from marketplace.adapters.store.tables_evidence import AuditRow
from marketplace.domain.audits import AuditRecord
from marketplace.protocol.audits import AuditSeal, AuditShare


class Audits:
    """What oracles signed about draws. Nothing is ever overwritten."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, record: AuditRecord) -> None:
        row = AuditRow(
            lease_id=record.seal.lease_id,
            oracle=record.oracle,
            seal=record.seal.to_json(),
            seal_signature=record.seal_signature,
        )
        self._session.add(row)
        self._session.flush()

    def open(self, record: AuditRecord) -> None:
        row = self._session.get(AuditRow, (record.seal.lease_id, record.oracle))
        row.share, row.share_signature = record.share.to_json(), record.share_signature
        self._session.add(row)
        self._session.flush()

    def of_lease(self, lease_id: str) -> list[AuditRecord]:
        query = select(AuditRow).where(AuditRow.lease_id == lease_id).order_by(col(AuditRow.oracle))
        return [_record(row) for row in self._session.exec(query)]


def _record(row: AuditRow) -> AuditRecord:
    share = AuditShare.parse(row.share) if row.share is not None else None
    return AuditRecord(AuditSeal.parse(row.seal), row.oracle, row.seal_signature, share, row.share_signature)
