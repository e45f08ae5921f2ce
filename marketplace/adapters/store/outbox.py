"""The outbox as rows."""

from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col, select

from marketplace.adapters.store.tables import OutboxHashRow, OutboxRow
from marketplace.domain.outbox import OutboxItem, OutboxKind, OutboxState

_UNFINISHED = (
    OutboxState.SIGNED.value,
    OutboxState.SENT.value,
    OutboxState.INTENT.value,
)


class Outbox:
    """Transactions owed to the chain, oldest first."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, kind: OutboxKind, payload: dict[str, Any], now: int) -> int:
        row = OutboxRow(
            kind=kind.value,
            payload=payload,
            state=OutboxState.INTENT.value,
            created_at=now,
        )
        self._session.add(row)
        self._session.flush()
        return row.id

    def get(self, item_id: int) -> OutboxItem | None:
        row = self._session.get(OutboxRow, item_id)
        return _item(row) if row else None

    def unfinished(self) -> list[OutboxItem]:
        """What is signed or sent comes first, by nonce: after a reorganisation there may be several."""
        query = select(OutboxRow).where(col(OutboxRow.state).in_(_UNFINISHED)).order_by(col(OutboxRow.id))
        rank = {OutboxState.SENT: 0, OutboxState.SIGNED: 0, OutboxState.INTENT: 1}
        return sorted(
            map(_item, self._session.exec(query)),
            key=lambda item: (rank[item.state], item.nonce if rank[item.state] == 0 else 0, item.id),
        )

    def update(self, item_id: int, **changes: Any) -> None:
        """Set some fields of an item."""
        row = self._session.get(OutboxRow, item_id)
        for name, value in changes.items():
            if isinstance(value, tuple):
                value = list(value)
            setattr(row, name, value.value if isinstance(value, OutboxState) else value)
        self._session.add(row)
        self._session.flush()
        if changes.keys() & {"tx_hash", "replaced"}:
            self._index_hashes(item_id, {row.tx_hash, *row.replaced} - {""})

    def of_kind(self, kind: OutboxKind, *, since: int) -> list[OutboxItem]:
        """Items of a kind that were added at `since` or later, in whatever state."""
        query = select(OutboxRow).where(OutboxRow.kind == kind.value, col(OutboxRow.created_at) >= since)
        return list(map(_item, self._session.exec(query)))

    def of_transaction(self, tx_hash: str) -> OutboxItem | None:
        """The item that this transaction is of: one of the bytes that were signed for it."""
        query = select(OutboxRow).join(OutboxHashRow).where(OutboxHashRow.tx_hash == tx_hash)
        row = self._session.exec(query.order_by(col(OutboxRow.id))).first()
        return _item(row) if row else None

    def done_after(self, block: int) -> list[OutboxItem]:
        """Items whose transaction was mined above `block`."""
        query = select(OutboxRow).where(OutboxRow.state == OutboxState.DONE.value, col(OutboxRow.block) > block)
        return list(map(_item, self._session.exec(query)))

    def _index_hashes(self, item_id: int, hashes: set[str]) -> None:
        self._session.exec(delete(OutboxHashRow).where(col(OutboxHashRow.outbox_id) == item_id))
        self._session.add_all(OutboxHashRow(tx_hash=one, outbox_id=item_id) for one in sorted(hashes))
        self._session.flush()


def _item(row: OutboxRow) -> OutboxItem:
    plain = {name: getattr(row, name) for name in OutboxItem.__dataclass_fields__}
    exact = {"kind": OutboxKind(row.kind), "state": OutboxState(row.state), "replaced": tuple(row.replaced)}
    return OutboxItem(**plain | exact)
