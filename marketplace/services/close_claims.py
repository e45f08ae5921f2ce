"""Ending claims and disputes whose time is over. Anyone may; the market does it by itself, for its own leases.

The contract takes them one by one: each is a transaction of its own, and no failure of one holds up another.
"""

from marketplace.domain.evidence import BatchState
from marketplace.domain.leases import LeaseRecord
from marketplace.domain.outbox import OutboxKind
from marketplace.protocol.enums import ClaimState
from marketplace.services.market import Market
from marketplace.services.storage import Transaction

AT_ONCE = 20
"""Transactions of this kind that wait in the outbox at a time: what is opened and settled goes on between them."""
RETRY_SECONDS = 600
"""How long a lease is left alone after such a transaction: where the chain has refused one, it hardly takes another."""


def close_ripe_claims(market: Market) -> int:
    """Owe the chain the end of every claim that nobody disputed in time, and of every dispute that nobody decided.

    What the oracles are about to decide is left to them. Returns how many. Raises ChainUnavailable.
    """
    with market.store.read() as tx:
        claimed = tx.leases.claimed()
    if not claimed:
        return 0
    now = market.chain.head().timestamp
    with market.store.read() as tx:
        room = AT_ONCE - len(_under_way(tx))
        ripe = [lease for lease in claimed if _until(lease) < now and _is_left_alone(market, tx, lease)][: max(0, room)]
    # The chain may know of a release, a dispute or a verdict that the follower has not seen yet.
    ripe = [lease for lease in ripe if market.chain.claim(lease.lease_id).state is _state(lease)]
    with market.store.write() as tx:
        ripe = [lease for lease in ripe if _is_left_alone(market, tx, lease)]
        for lease in ripe:
            tx.outbox.add(_kind(lease), {"leaseId": lease.lease_id}, market.clock.now())
    return len(ripe)


def _is_left_alone(market: Market, tx: Transaction, lease: LeaseRecord) -> bool:
    """Whether nothing is under way for it, and nothing was refused lately."""
    if any(batch.state is not BatchState.FAILED for batch in tx.batches.of_lease(lease.lease_id)):
        return False
    tried = tx.outbox.of_kind(_kind(lease), since=market.clock.now() - RETRY_SECONDS)
    return lease.lease_id not in _under_way(tx) | {item.payload["leaseId"] for item in tried}


def _kind(lease: LeaseRecord) -> OutboxKind:
    return OutboxKind.RELEASE if _state(lease) is ClaimState.CLAIMED else OutboxKind.EXPIRE_DISPUTE


def _state(lease: LeaseRecord) -> ClaimState:
    return lease.claim.state if lease.claim is not None else ClaimState.NONE


def _until(lease: LeaseRecord) -> int:
    claim = lease.claim
    assert claim is not None, "only claimed leases are ripe"
    return claim.until if claim.dispute is None else claim.dispute.until


def _under_way(tx: Transaction) -> set[str]:
    kinds = (OutboxKind.RELEASE, OutboxKind.EXPIRE_DISPUTE)
    return {item.payload["leaseId"] for item in tx.outbox.unfinished() if item.kind in kinds}
