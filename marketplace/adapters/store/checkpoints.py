"""Checkpoints as rows: one a lease, the newest."""

from sqlmodel import Session

from marketplace.adapters.store.tables_evidence import CheckpointRow
from marketplace.domain.checkpoints import CheckpointRecord
from marketplace.protocol.checkpoint import Checkpoint
from marketplace.protocol.manifest import Manifest


class Checkpoints:
    """The newest of each lease."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, record: CheckpointRecord) -> None:
        row = CheckpointRow(
            lease_id=record.checkpoint.lease_id,
            checkpoint=record.checkpoint.to_json(),
            signature=record.signature,
            manifest=record.manifest.to_json(),
            received_at=record.received_at,
        )
        self._session.merge(row)
        self._session.flush()

    def get(self, lease_id: str) -> CheckpointRecord | None:
        row = self._session.get(CheckpointRow, lease_id)
        if row is None:
            return None
        return CheckpointRecord(
            Checkpoint.parse(row.checkpoint), row.signature, Manifest.parse(row.manifest), row.received_at
        )
