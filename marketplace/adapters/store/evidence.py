"""Attestations, verdicts, receipts and batches as rows."""

from collections.abc import Collection

from sqlalchemy import bindparam, delete
from sqlmodel import Session, col, exists, func, select

from marketplace.adapters.store.columns import PlainText
from marketplace.adapters.store.paging import in_parts
from marketplace.adapters.store.tables import LeaseRow
from marketplace.adapters.store.tables_evidence import (
    AttestationRow,
    BatchLeaseRow,
    BatchRow,
    BatchSignatureRow,
    ReceiptRow,
    SealRow,
    VerdictRow,
)
from marketplace.adapters.store.tables_retention import ExitRow
from marketplace.domain.evidence import (
    AttestationRecord,
    BatchRecord,
    BatchState,
    ReceiptRecord,
    Standing,
    VerdictRecord,
)
from marketplace.domain.kept import Kept
from marketplace.protocol.manifest import Manifest
from marketplace.protocol.messages import Attestation, Receipt, Verdict, VerdictReveal
from marketplace.protocol.usage import SignedUsage

_ID = bindparam("lease_id", type_=PlainText())
_VERDICTS = select(VerdictRow).where(VerdictRow.lease_id == _ID).order_by(col(VerdictRow.oracle))
_SIGNED = select(AttestationRow.attestation).where(AttestationRow.lease_id == _ID)
_MANIFEST = select(AttestationRow.manifest).where(AttestationRow.lease_id == _ID)
_UNDER_WAY = (BatchState.PROPOSED.value, BatchState.SETTLING.value)
_LEASE = col(LeaseRow.lease_id)
_STANDINGS = select(
    LeaseRow.lease_id,
    exists().where(col(AttestationRow.lease_id) == _LEASE),
    select(func.count()).select_from(SealRow).where(col(SealRow.lease_id) == _LEASE).scalar_subquery(),
    exists()
    .where(col(BatchLeaseRow.lease_id) == _LEASE)
    .where(col(BatchRow.digest) == col(BatchLeaseRow.digest), col(BatchRow.state).in_(_UNDER_WAY)),
    select(ReceiptRow.receipt).where(col(ReceiptRow.lease_id) == _LEASE).scalar_subquery(),
).where(_LEASE.in_(bindparam("lease_ids", type_=PlainText(), expanding=True)))
_BATCHES = select(BatchRow).join(BatchLeaseRow).where(BatchLeaseRow.lease_id == _ID)
_CONTENTS: Kept[str, tuple[Verdict, ...]] = Kept(256)
"""Batches' verdicts by the digest that is signed."""


class Evidence:
    """What was signed about leases. Nothing is ever overwritten."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._verdicts: dict[str, list[VerdictRow]] = {}
        self._attestations: dict[str, AttestationRow | None] = {}
        self._receipts: dict[str, ReceiptRow | None] = {}

    def load(self, lease_ids: Collection[str]) -> None:
        """All about these leases, in three looks: what is asked about them after that needs none."""
        self._verdicts |= {one: [] for one in lease_ids}
        self._attestations |= dict.fromkeys(lease_ids)
        self._receipts |= dict.fromkeys(lease_ids)
        for some in in_parts(lease_ids):
            for row in self._session.exec(select(VerdictRow).where(col(VerdictRow.lease_id).in_(some))):
                self._verdicts[row.lease_id].append(row)
            for row in self._session.exec(select(AttestationRow).where(col(AttestationRow.lease_id).in_(some))):
                self._attestations[row.lease_id] = row
            for row in self._session.exec(select(ReceiptRow).where(col(ReceiptRow.lease_id).in_(some))):
                self._receipts[row.lease_id] = row

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
        self._attestations.pop(row.lease_id, None)
        self._session.add(row)
        self._session.flush()

    def attestation(self, lease_id: str) -> AttestationRecord | None:
        known = lease_id in self._attestations
        row = self._attestations[lease_id] if known else self._session.get(AttestationRow, lease_id)
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

    def signed(self, lease_id: str) -> Attestation | None:
        found = self._session.exec(_SIGNED, params={"lease_id": lease_id}).first()
        return Attestation.parse(found) if found else None

    def exit_code(self, lease_id: str) -> int | None:
        signed = self.signed(lease_id)
        if signed is not None:
            return signed.exit_code
        kept = self._session.get(ExitRow, lease_id)
        return kept.exit_code if kept else None

    def sizes(self, lease_id: str) -> dict[str, int]:
        """As it was stored, which is as it was checked."""
        found = self._session.exec(_MANIFEST, params={"lease_id": lease_id}).first()
        return {entry["path"]: entry["size"] for entry in found["entries"]} if found else {}

    def add_verdict(self, record: VerdictRecord) -> None:
        row = VerdictRow(
            lease_id=record.reveal.lease_id,
            oracle=record.oracle,
            reveal=record.reveal.to_json(),
            signature=record.signature,
            received_at=record.received_at,
            is_late=record.is_late,
        )
        self._session.add(row)  # written with others of its kind, before anything is searched for
        if row.lease_id in self._verdicts:
            self._verdicts[row.lease_id].append(row)

    def verdicts(self, lease_id: str) -> list[VerdictRecord]:
        return list(map(_verdict, self._rows(lease_id)))

    def verdict_of(self, lease_id: str, oracle: str) -> VerdictRecord | None:
        return next((_verdict(row) for row in self._rows(lease_id) if row.oracle == oracle), None)

    def _rows(self, lease_id: str) -> list[VerdictRow]:
        """By oracle."""
        if lease_id in self._verdicts:
            return sorted(self._verdicts[lease_id], key=lambda row: row.oracle)
        return list(self._session.exec(_VERDICTS, params={"lease_id": lease_id}))

    def verdicts_of(self, oracle: str, lease_ids: Collection[str]) -> dict[str, VerdictRecord]:
        """What one oracle has revealed about these leases, by lease."""
        found: dict[str, VerdictRecord] = {}
        for some in in_parts(lease_ids):
            query = select(VerdictRow).where(VerdictRow.oracle == oracle, col(VerdictRow.lease_id).in_(some))
            found |= {row.lease_id: _verdict(row) for row in self._session.exec(query)}
        return found

    def undecided(self) -> dict[str, list[VerdictRecord]]:
        """Verdicts on leases that are open and in no batch but failed ones, by lease, in the order of the leases."""
        has_batch = (
            exists()
            .where(col(BatchLeaseRow.lease_id) == col(LeaseRow.lease_id))
            .where(col(BatchRow.digest) == col(BatchLeaseRow.digest))
            .where(col(BatchRow.state) != BatchState.FAILED.value)
        )
        query = select(VerdictRow).join(LeaseRow, col(LeaseRow.lease_id) == col(VerdictRow.lease_id))
        query = query.where(col(LeaseRow.closed_block).is_(None), ~has_batch)
        found: dict[str, list[VerdictRecord]] = {}
        for row in self._session.exec(query.order_by(col(LeaseRow.id), col(VerdictRow.oracle))):
            found.setdefault(row.lease_id, []).append(_verdict(row))
        return found

    def standings(self, lease_ids: Collection[str]) -> dict[str, Standing]:
        """How far it all is, by lease: all of it in one look."""
        self._session.flush()
        found: dict[str, Standing] = {}
        for some in in_parts(lease_ids):
            for lease_id, *known, receipt in self._session.exec(_STANDINGS, params={"lease_ids": some}):
                found[lease_id] = Standing(*known, Receipt.parse(receipt) if receipt is not None else None)
        return found

    def add_receipt(self, record: ReceiptRecord) -> None:
        row = ReceiptRow(
            lease_id=record.receipt.lease_id,
            receipt=record.receipt.to_json(),
            signature=record.signature,
            received_at=record.received_at,
        )
        self._receipts.pop(row.lease_id, None)
        self._session.add(row)
        self._session.flush()

    def receipt(self, lease_id: str) -> ReceiptRecord | None:
        row = self._receipts[lease_id] if lease_id in self._receipts else self._session.get(ReceiptRow, lease_id)
        return ReceiptRecord(Receipt.parse(row.receipt), row.signature, row.received_at) if row else None

    def remove_receipt(self, lease_id: str) -> None:
        """Forget a receipt that the contract refused."""
        self._receipts.pop(lease_id, None)
        row = self._session.get(ReceiptRow, lease_id)
        if row is not None:
            self._session.delete(row)
            self._session.flush()


class Batches:
    """Batches of verdicts that oracles are asked to sign."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._has: dict[str, bool] = {}

    def load(self, lease_ids: Collection[str]) -> None:
        """Which of these leases have one, in one look: `has` needs none for them after that."""
        self._has |= dict.fromkeys(lease_ids, False)
        for some in in_parts(lease_ids):
            query = select(BatchLeaseRow.lease_id).where(col(BatchLeaseRow.lease_id).in_(some))
            self._has |= dict.fromkeys(self._session.exec(query), True)

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
        lease_ids = [verdict.lease_id for verdict in record.verdicts]
        there = col(BatchLeaseRow.lease_id).in_(lease_ids), col(BatchLeaseRow.digest) == record.digest
        known = set(self._session.exec(select(BatchLeaseRow.lease_id).where(*there)))
        self._session.add_all(
            BatchLeaseRow(lease_id=one, digest=record.digest) for one in lease_ids if one not in known
        )
        self._has |= dict.fromkeys(lease_ids, True)
        self._session.flush()

    def get(self, digest: str) -> BatchRecord | None:
        row = self._session.get(BatchRow, digest)
        return self._record(row) if row else None

    def in_state(self, state: BatchState) -> list[BatchRecord]:
        query = select(BatchRow).where(BatchRow.state == state.value).order_by(col(BatchRow.proposed_at))
        return [self._record(row) for row in self._session.exec(query).all()]

    def of_lease(self, lease_id: str) -> list[BatchRecord]:
        return [self._record(row) for row in self._session.exec(_BATCHES, params={"lease_id": lease_id}).all()]

    def over(self, lease_ids: Collection[str]) -> list[str]:
        """Batches with one of these leases, all of whose leases the chain has closed; by digest."""
        self._session.flush()
        digests: set[str] = set()
        for some in in_parts(lease_ids):
            query = select(BatchLeaseRow.digest).where(col(BatchLeaseRow.lease_id).in_(some))
            digests.update(self._session.exec(query))
        return [digest for digest in sorted(digests) if self._is_over(self._session.get(BatchRow, digest))]

    def has(self, lease_id: str) -> bool:
        """Whether any batch, failed or not, has the lease."""
        if lease_id in self._has:
            return self._has[lease_id]
        query = select(BatchLeaseRow.digest).where(BatchLeaseRow.lease_id == lease_id).limit(1)
        return self._session.exec(query).first() is not None

    def _is_over(self, row: BatchRow) -> bool:
        leases = [verdict["leaseId"] for verdict in row.verdicts]
        query = select(func.count()).select_from(LeaseRow)
        query = query.where(col(LeaseRow.lease_id).in_(leases), col(LeaseRow.closed_block).is_not(None))
        return self._session.exec(query).one() == len(leases)

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
            verdicts=_CONTENTS.get(row.digest, lambda: tuple(map(Verdict.parse, row.verdicts))),
            state=BatchState(row.state),
            proposed_at=row.proposed_at,
            signatures={entry.oracle: entry.signature for entry in self._session.exec(query)},
            reason=row.reason,
            proposals=row.proposals,
        )


def _verdict(row: VerdictRow) -> VerdictRecord:
    return VerdictRecord(VerdictReveal.parse(row.reveal), row.oracle, row.signature, row.received_at, row.is_late)
