"""Attestations, verdicts, receipts and batches as rows."""

from sqlalchemy import delete
from sqlmodel import Session, col, select

from marketplace.adapters.store.tables_evidence import (
    AttestationRow,
    BatchLeaseRow,
    BatchRow,
    BatchSignatureRow,
    ReceiptRow,
    VerdictRow,
)
from marketplace.domain.evidence import (
    AttestationRecord,
    BatchRecord,
    BatchState,
    ReceiptRecord,
    VerdictRecord,
)
from marketplace.protocol.manifest import Manifest
from marketplace.protocol.messages import Attestation, Receipt, Verdict, VerdictReveal
from marketplace.protocol.usage import SignedUsage


class Evidence:
    """What was signed about leases. Nothing is ever overwritten."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_attestation(self, record: AttestationRecord) -> None:
        row = AttestationRow(
            lease_id=record.attestation.lease_id,
            attestation=record.attestation.to_json(),
            signature=record.signature,
            manifest=record.manifest.to_json(),
            received_at=record.received_at,
            usage=record.usage.to_json() if record.usage else None,
            sealed=record.sealed.to_json() if record.sealed else None,
        )
        self._session.add(row)
        self._session.flush()

    def attestation(self, lease_id: str) -> AttestationRecord | None:
        row = self._session.get(AttestationRow, lease_id)
        if row is None:
            return None
        return AttestationRecord(
            Attestation.parse(row.attestation),
            row.signature,
            Manifest.parse(row.manifest),
            row.received_at,
            SignedUsage.parse(row.usage) if row.usage else None,
            Manifest.parse(row.sealed) if row.sealed else None,
        )

    def add_verdict(self, record: VerdictRecord) -> None:
        row = VerdictRow(
            lease_id=record.reveal.lease_id,
            oracle=record.oracle,
            reveal=record.reveal.to_json(),
            signature=record.signature,
            received_at=record.received_at,
            is_late=record.is_late,
        )
        self._session.add(row)
        self._session.flush()

    def verdicts(self, lease_id: str) -> list[VerdictRecord]:
        query = select(VerdictRow).where(VerdictRow.lease_id == lease_id).order_by(col(VerdictRow.oracle))
        return [
            VerdictRecord(VerdictReveal.parse(row.reveal), row.oracle, row.signature, row.received_at, row.is_late)
            for row in self._session.exec(query)
        ]

    def add_receipt(self, record: ReceiptRecord) -> None:
        row = ReceiptRow(
            lease_id=record.receipt.lease_id,
            receipt=record.receipt.to_json(),
            signature=record.signature,
            received_at=record.received_at,
        )
        self._session.add(row)
        self._session.flush()

    def receipt(self, lease_id: str) -> ReceiptRecord | None:
        row = self._session.get(ReceiptRow, lease_id)
        return ReceiptRecord(Receipt.parse(row.receipt), row.signature, row.received_at) if row else None

    def remove_receipt(self, lease_id: str) -> None:
        """Forget a receipt that the contract refused."""
        row = self._session.get(ReceiptRow, lease_id)
        if row is not None:
            self._session.delete(row)
            self._session.flush()


class Batches:
    """Batches of verdicts that oracles are asked to sign."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, record: BatchRecord) -> None:
        """Propose; the same verdicts again after a failure start over, without the signatures that failed."""
        row = self._session.get(BatchRow, record.digest) or BatchRow(
            digest=record.digest,
            verdicts=[verdict.to_json() for verdict in record.verdicts],
            state="",
            reason="",
            proposed_at=0,
            proposals=0,
        )
        row.state, row.reason, row.proposed_at = record.state.value, record.reason, record.proposed_at
        row.proposals += 1
        self._session.add(row)
        self._session.flush()
        self._session.exec(delete(BatchSignatureRow).where(col(BatchSignatureRow.digest) == record.digest))
        for verdict in record.verdicts:
            self._session.merge(BatchLeaseRow(lease_id=verdict.lease_id, digest=record.digest))
        self._session.flush()

    def get(self, digest: str) -> BatchRecord | None:
        row = self._session.get(BatchRow, digest)
        return self._record(row) if row else None

    def in_state(self, state: BatchState) -> list[BatchRecord]:
        query = select(BatchRow).where(BatchRow.state == state.value).order_by(col(BatchRow.proposed_at))
        return [self._record(row) for row in self._session.exec(query).all()]

    def of_lease(self, lease_id: str) -> list[BatchRecord]:
        query = select(BatchRow).join(BatchLeaseRow).where(BatchLeaseRow.lease_id == lease_id)
        return [self._record(row) for row in self._session.exec(query).all()]

    def sign(self, digest: str, oracle: str, signature: str) -> None:
        self._session.merge(BatchSignatureRow(digest=digest, oracle=oracle, signature=signature))
        self._session.flush()

    def set_state(self, digest: str, state: BatchState, reason: str = "") -> None:
        row = self._session.get(BatchRow, digest)
        row.state, row.reason = state.value, reason
        self._session.add(row)
        self._session.flush()

    def _record(self, row: BatchRow) -> BatchRecord:
        query = select(BatchSignatureRow).where(BatchSignatureRow.digest == row.digest)
        return BatchRecord(
            digest=row.digest,
            verdicts=tuple(map(Verdict.parse, row.verdicts)),
            state=BatchState(row.state),
            proposed_at=row.proposed_at,
            signatures={entry.oracle: entry.signature for entry in self._session.exec(query)},
            reason=row.reason,
            proposals=row.proposals,
        )
