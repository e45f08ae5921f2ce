"""Forgetting blocks that are no longer part of the chain."""

from marketplace.domain.evidence import BatchState
from marketplace.domain.leases import LeaseRecord, MatchState
from marketplace.domain.orders import OrderState
from marketplace.domain.outbox import OutboxKind, OutboxState
from marketplace.services.market import Market
from marketplace.services.storage import Transaction
from marketplace.services.timeline import refresh_job, refresh_lease


def roll_back(market: Market, *, to: int | None = None) -> int:
    """Forget everything above block `to`, by default the last followed block that the chain still has; its number.

    Transactions that were mined above it count as sent again: their result is asked for anew, and they are sent anew
    where the new history does not have them. Raises ChainUnavailable.
    """
    fork = _fork(market) if to is None else to
    now = market.clock.now()
    with market.store.write() as tx:
        tx.blocks.roll_back(fork)
        changed = tx.leases.roll_back(fork)
        left_out = tx.matches.roll_back(fork)
        for item in tx.outbox.done_after(fork):
            tx.outbox.update(item.id, state=OutboxState.SENT, sent_at=0.0, block=0)
        jobs = _revive(tx, fork) | {one.bid_hash for one in [*changed, *left_out]}
        for lease in changed:
            _forget(tx, lease, fork)
        for bid_hash in jobs:
            _owe_again(tx, bid_hash)
        for bid_hash in sorted(jobs):
            refresh_job(tx, bid_hash, now, rolled_back=True)
    return fork


def _fork(market: Market) -> int:
    """The newest block that we followed and the chain still has."""
    with market.store.read() as tx:
        followed = tx.blocks.newest_first()
    for block in followed:
        found = market.chain.block(block.number)
        if found is not None and found.hash == block.hash:
            return block.number
    return market.chain.deployed_at_block - 1


def _revive(tx: Transaction, fork: int) -> set[str]:
    """Orders that only the forgotten blocks had taken out of the book are live again; the bids among them."""
    bids = tx.bids.revive_after(fork)
    for bid_hash in bids:
        _keep_cancelled(tx, bid_hash)
    for ask in map(tx.asks.get, tx.asks.revive_after(fork)):
        if tx.blocks.is_cancelled(ask.ask):
            tx.asks.set_state(ask.ask_hash, OrderState.CANCELLED, "cancelled by its provider")
        elif any(one.ask.salt > ask.ask.salt for one in tx.asks.live_of_node(ask.ask.provider, ask.ask.agent)):
            tx.asks.set_state(ask.ask_hash, OrderState.SUPERSEDED, "replaced by a newer one")
    return set(bids)


def _keep_cancelled(tx: Transaction, bid_hash: str) -> None:
    """What its renter has signed away stays away, whatever the chain forgets."""
    if tx.blocks.is_cancelled(tx.bids.get(bid_hash).bid):
        tx.bids.set_state(bid_hash, OrderState.CANCELLED, "cancelled by its renter")


def _forget(tx: Transaction, lease: LeaseRecord, fork: int) -> None:
    owed = {item.payload["batch"] for item in tx.outbox.unfinished() if item.kind is OutboxKind.SETTLE}
    for batch in tx.batches.of_lease(lease.lease_id):
        if batch.state is BatchState.SETTLED and batch.digest in owed:
            tx.batches.set_state(batch.digest, BatchState.SETTLING)
        elif batch.state is BatchState.SETTLED:
            tx.batches.set_state(batch.digest, BatchState.FAILED, "what had closed its leases was reorganised away")
    if lease.opened_block <= fork:
        refresh_lease(tx, lease.lease_id)
        return
    for match in tx.matches.of_lease(lease.lease_id):
        if match.state is MatchState.OPENED:
            tx.matches.reserve_again(match.id)
    record = tx.bids.get(lease.bid_hash)
    if record is not None and record.state is OrderState.FILLED:
        tx.bids.set_state(lease.bid_hash, OrderState.LIVE)
        _keep_cancelled(tx, lease.bid_hash)


def _owe_again(tx: Transaction, bid_hash: str) -> None:
    """A match that is reserved again has a transaction again.

    The outbox may have heard before us that the new history refuses it, when nothing seemed to be left of it.
    """
    reserved = [match for match in tx.matches.of_bid(bid_hash) if match.state is MatchState.RESERVED]
    for item in map(tx.outbox.get, {match.outbox_id for match in reserved}):
        if item.state is OutboxState.FAILED:
            tx.outbox.update(item.id, state=OutboxState.INTENT, attempts=0, next_try_at=0.0)
