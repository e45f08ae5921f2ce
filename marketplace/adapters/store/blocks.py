"""How far the chain was followed, and what was cancelled on it, as rows."""

from sqlalchemy import bindparam, delete
from sqlmodel import Session, col, select

from marketplace.adapters.store.tables import BlockRow, CancellationRow
from marketplace.domain.chain import BlockRef
from marketplace.domain.orders import voids_ask, voids_bid
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.messages import Ask, Bid, Cancel

KEPT_BLOCKS = 2_000
"""Block hashes kept to find where two histories part."""
_ROWS = CancellationRow.__table__.c
_CANCELS = select(_ROWS.kind, _ROWS.salt).where(_ROWS.signer == bindparam("signer"))


class Blocks:
    """The cursor of the follower: blocks whose events are in the database."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def last(self) -> BlockRef | None:
        row = self._session.exec(select(BlockRow).order_by(col(BlockRow.number).desc()).limit(1)).first()
        return BlockRef(row.number, row.hash, row.timestamp) if row else None

    def newest_first(self) -> list[BlockRef]:
        query = select(BlockRow).order_by(col(BlockRow.number).desc())
        return [BlockRef(row.number, row.hash, row.timestamp) for row in self._session.exec(query)]

    def add(self, block: BlockRef) -> None:
        self._session.merge(BlockRow(number=block.number, hash=block.hash, timestamp=block.timestamp))
        self._session.exec(delete(BlockRow).where(col(BlockRow.number) < block.number - KEPT_BLOCKS))
        self._session.flush()

    def roll_back(self, block: int) -> None:
        """Forget blocks and on-chain cancellations above `block`."""
        self._session.exec(delete(BlockRow).where(col(BlockRow.number) > block))
        self._session.exec(delete(CancellationRow).where(col(CancellationRow.block) > block))
        self._session.flush()

    def add_cancellation(self, signer: str, kind: CancelKind, salt: int, *, block: int | None) -> None:
        """`block` is None for a signed cancel that is not on chain yet; noting it twice changes nothing."""
        known = select(CancellationRow).where(
            CancellationRow.signer == signer,
            CancellationRow.kind == int(kind),
            CancellationRow.salt == salt,
            CancellationRow.block == block,
        )
        if self._session.exec(known).first() is not None:
            return
        self._session.add(CancellationRow(signer=signer, kind=int(kind), salt=salt, block=block))
        self._session.flush()

    def is_cancelled(self, order: Bid | Ask) -> bool:
        """Whether its signer has cancelled the order."""
        signer, voids = (order.renter, voids_bid) if isinstance(order, Bid) else (order.provider, voids_ask)
        return any(voids(cancel, order) for cancel in self.cancels_of(signer))

    def cancels_of(self, signer: str) -> list[Cancel]:
        """All that this account has cancelled, here or on chain."""
        found = self._session.execute(_CANCELS, {"signer": signer})
        return [Cancel(signer=signer, kind=kind, salt=salt) for kind, salt in found]

    def is_on_chain(self, cancel: Cancel) -> bool:
        """Whether a followed block has this very cancellation."""
        query = select(CancellationRow).where(
            CancellationRow.signer == cancel.signer,
            CancellationRow.kind == int(cancel.kind),
            CancellationRow.salt == cancel.salt,
            col(CancellationRow.block).is_not(None),
        )
        return self._session.exec(query).first() is not None
