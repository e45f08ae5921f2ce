"""Following the contracts' events: the only writer of what the database believes about leases.

The cursor and the events of its blocks are committed together, so that an event is applied exactly once; where the
chain's history has changed under the cursor, everything above the fork is forgotten and read again.
"""

from marketplace.domain.chain import (
    BlockRef,
    ChainEvent,
    LeaseClosed,
    LeaseOpened,
    OrderCancelled,
    OrdersCancelledBefore,
)
from marketplace.domain.evidence import BatchState
from marketplace.domain.leases import Closing, LeaseRecord, MatchState
from marketplace.domain.orders import OrderState
from marketplace.domain.outbox import OutboxState
from marketplace.services.market import Market
from marketplace.services.roll_back import roll_back
from marketplace.services.storage import Transaction
from marketplace.services.timeline import (
    refresh_job,
    refresh_lease,
    refresh_lease_and_job,
)

BLOCKS_PER_STEP = 2_000


def follow_chain(market: Market) -> bool:
    """Take in the next blocks; False where there are none. Raises ChainUnavailable."""
    head = market.chain.head()
    with market.store.read() as tx:
        last = tx.blocks.last()
    if last is not None and not _is_on_chain(market, last, head):
        roll_back(market)
        return True
    first = last.number + 1 if last is not None else min(market.chain.deployed_at_block, head.number)
    if head.number < first:
        return False
    final = head if head.number < first + BLOCKS_PER_STEP else market.chain.block(first + BLOCKS_PER_STEP - 1)
    if final is None:
        return True  # the chain got shorter while we looked
    events = market.chain.events(first, final.number)
    blocks = _blocks_of(market, events, final)
    if blocks is None:
        return True  # reorganised while we read: the next step sees what is true now
    with market.store.write() as tx:
        if tx.blocks.last() != last:
            return True
        for event in events:
            _apply(market, tx, event, blocks[event.origin.block_number].timestamp)
        _send_lost_again(tx, events, first, final.number)
        for number in sorted(blocks):
            tx.blocks.add(blocks[number])
    return True


def rebuild(market: Market) -> None:
    """Forget everything that came from the chain and read it again from the contracts' first block.

    Orders, evidence and rounds stay: they are not on chain. Raises ChainUnavailable.
    """
    roll_back(market, to=market.chain.deployed_at_block - 1)
    while follow_chain(market):
        pass


def _send_lost_again(tx: Transaction, events: list[ChainEvent], first: int, last: int) -> None:
    """What was mined in a block of these that is no longer the chain's: each of our transactions has its event."""
    mined = {event.origin.tx_hash for event in events}
    for item in tx.outbox.done_after(first - 1):
        if item.block <= last and mined.isdisjoint(item.hashes):
            tx.outbox.update(item.id, state=OutboxState.SENT, sent_at=0.0, block=0)


def _is_on_chain(market: Market, last: BlockRef, head: BlockRef) -> bool:
    if last.number == head.number:
        return last.hash == head.hash
    found = market.chain.block(last.number) if last.number < head.number else None
    return found is not None and found.hash == last.hash


def _blocks_of(market: Market, events: list[ChainEvent], final: BlockRef) -> dict[int, BlockRef] | None:
    """The blocks of these events and the final one; None where they do not belong to one history."""
    blocks = {final.number: final}
    for event in events:
        number = event.origin.block_number
        if number not in blocks:
            block = market.chain.block(number)
            if block is None:
                return None
            blocks[number] = block
        if blocks[number].hash != event.origin.block_hash:
            return None
    now_final = market.chain.block(final.number)
    return blocks if now_final is not None and now_final.hash == final.hash else None


def _apply(market: Market, tx: Transaction, event: ChainEvent, at: int) -> None:
    if isinstance(event, LeaseOpened) and event.market == market.address:
        _apply_opened(tx, event, at)
    elif isinstance(event, LeaseClosed):
        _apply_closed(tx, event, at)
    elif isinstance(event, OrderCancelled):
        apply_cancel(
            tx,
            event.signer,
            event.salt,
            at,
            all_before=False,
            block=event.origin.block_number,
        )
    elif isinstance(event, OrdersCancelledBefore):
        apply_cancel(
            tx,
            event.signer,
            event.salt,
            at,
            all_before=True,
            block=event.origin.block_number,
        )


def _apply_opened(tx: Transaction, event: LeaseOpened, at: int) -> None:
    lease = LeaseRecord(
        lease_id=event.lease_id,
        bid_hash=event.bid_hash,
        ask_hash=event.ask_hash,
        renter=event.renter,
        provider=event.provider,
        agent=event.agent,
        job_digest=event.job_digest,
        price=event.price,
        penalty=event.penalty,
        fee_bps=event.fee_bps,
        deadline=event.deadline,
        round_digest=event.round_digest,
        opened_block=event.origin.block_number,
        opened_tx=event.origin.tx_hash,
    )
    if not tx.leases.add(lease):
        return
    for match in tx.matches.of_lease(event.lease_id):
        if match.state is not MatchState.OPENED and match.price == event.price:
            tx.matches.set_state(match.id, MatchState.OPENED)
    record = tx.bids.get(event.bid_hash)
    if record is not None:
        detail = {
            "provider": event.provider,
            "price": str(event.price),
            "transaction": event.origin.tx_hash,
        }
        tx.timeline.add(event.bid_hash, at, "lease_opened", detail, event.lease_id)
        if record.state is OrderState.LIVE and len(tx.leases.of_bid(event.bid_hash)) >= record.bid.replicas:
            tx.bids.set_state(event.bid_hash, OrderState.FILLED)
    refresh_lease(tx, event.lease_id)
    refresh_job(tx, event.bid_hash, at, on_chain=True)


def _apply_closed(tx: Transaction, event: LeaseClosed, at: int) -> None:
    closing = Closing(
        outcome=event.outcome,
        paid=event.paid,
        fee=event.fee,
        refund=event.refund,
        result_digest=event.result_digest,
        reason=event.reason,
        block=event.origin.block_number,
        tx_hash=event.origin.tx_hash,
    )
    if not tx.leases.close(event.lease_id, closing):
        return
    lease = tx.leases.get(event.lease_id)
    detail = {
        "outcome": event.outcome.name.lower(),
        "reason": event.reason.name.lower(),
        "paid": str(event.paid),
        "fee": str(event.fee),
        "refund": str(event.refund),
        "transaction": event.origin.tx_hash,
    }
    tx.timeline.add(lease.bid_hash, at, "lease_closed", detail, event.lease_id)
    refresh_lease_and_job(tx, lease, at, on_chain=True)
    for batch in tx.batches.of_lease(event.lease_id):
        _close_batch(tx, batch, at)


def _close_batch(tx: Transaction, batch, at: int) -> None:
    """A batch whose leases are all closed is done; one that lost a lease to something else cannot be sent any more."""
    leases = [tx.leases.get(verdict.lease_id) for verdict in batch.verdicts]
    if all(lease is not None and lease.closing is not None for lease in leases):
        tx.batches.set_state(batch.digest, BatchState.SETTLED)
    elif batch.state is BatchState.PROPOSED:
        tx.batches.set_state(
            batch.digest,
            BatchState.FAILED,
            "a lease of it was closed by something else",
        )
        for lease in leases:
            if lease is not None:
                refresh_lease_and_job(tx, lease, at, on_chain=True)


def apply_cancel(
    tx: Transaction,
    signer: str,
    salt: int,
    at: int,
    *,
    all_before: bool,
    block: int | None,
) -> list[str]:
    """Void the signer's live orders; their hashes. `block` is None for a signed cancel that is not on chain yet."""
    tx.blocks.add_cancellation(signer, salt, all_before=all_before, block=block)
    voided = []
    for record in tx.bids.by_salt(signer, salt, all_before=all_before):
        if record.state is OrderState.LIVE:
            tx.bids.set_state(record.bid_hash, OrderState.CANCELLED, "cancelled by its renter", block)
            refresh_job(tx, record.bid_hash, at, on_chain=block is not None)
            voided.append(record.bid_hash)
    for ask in tx.asks.by_salt(signer, salt, all_before=all_before):
        if ask.state is OrderState.LIVE:
            tx.asks.set_state(ask.ask_hash, OrderState.CANCELLED, "cancelled by its provider", block)
            voided.append(ask.ask_hash)
    return voided
