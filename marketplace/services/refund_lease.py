"""Giving renters their money back once a lease's deadline has passed. Anyone may; the market does it by itself."""

from marketplace.domain.jobs import JobState
from marketplace.domain.leases import LeaseRecord
from marketplace.domain.outbox import OutboxKind
from marketplace.errors import ConflictError, NotFound
from marketplace.services.calls import load_group
from marketplace.services.market import Market
from marketplace.services.storage import Transaction


def refund_overdue(market: Market) -> int:
    """Owe the chain a refund for every open lease past its deadline; how many. Raises ChainUnavailable.

    A lease with a result has some more time, so that a market that was away at the deadline settles what it can. A
    claimed lease is past refunds: what it comes to is its claim's or dispute's business.
    """
    latest = market.chain.head().timestamp
    with market.store.read() as tx:
        under_way = _under_way(tx)
        leases = [
            lease
            for lease in tx.leases.open()
            if lease.claim is None and lease.deadline + _grace(market, lease) < latest
            if lease.lease_id not in under_way
        ]
    return len(_enqueue(market, leases)) if leases else 0


def request_refund(market: Market, bid_hash: str) -> list[str]:
    """The leases of a job whose refund is now under way.

    Raises NotFound; ConflictError where there is no open lease past its deadline; ChainUnavailable.
    """
    with market.store.read() as tx:
        if tx.bids.get(bid_hash) is None:
            raise NotFound("job", bid_hash)
        leases = [lease for lease in tx.leases.of_bid(bid_hash) if lease.closing is None and lease.claim is None]
        refunds = _under_way(tx)
        under_way = [lease.lease_id for lease in leases if lease.lease_id in refunds]
    waiting = [lease for lease in leases if lease.lease_id not in under_way]
    enqueued = _enqueue(market, waiting)
    if not enqueued and not under_way:
        deadlines = sorted(lease.deadline for lease in leases)
        raise ConflictError(
            f"Job {bid_hash} has no open lease past its deadline.",
            hint=f"The earliest deadline is {deadlines[0]}." if deadlines else "",
            deadlines=deadlines,
        )
    return under_way + enqueued


def _enqueue(market: Market, leases: list[LeaseRecord]) -> list[str]:
    now = market.chain.head().timestamp
    late = [lease for lease in leases if lease.deadline < now]
    with market.store.read() as tx:
        late = [lease for lease in late if tx.leases.get(lease.lease_id) is not None]
        groups = {lease.lease_id: load_group(tx, market.address, lease) for lease in late}
    # The chain may have closed a lease, or its provider may have claimed it, while the follower believes it open.
    overdue = [lease.lease_id for lease in late if market.chain.is_open(groups[lease.lease_id], lease.place)]
    with market.store.write() as tx:
        under_way = _under_way(tx)
        overdue = [lease_id for lease_id in overdue if lease_id not in under_way]
        for start in range(0, len(overdue), market.rules.max_batch):
            chunk = overdue[start : start + market.rules.max_batch]
            tx.outbox.add(OutboxKind.REFUND, {"leaseIds": chunk}, market.clock.now())
    return overdue


def _grace(market: Market, lease: LeaseRecord) -> int:
    return 0 if lease.stage is JobState.RUNNING else market.rules.settle_grace_seconds


def _under_way(tx: Transaction) -> set[str]:
    refunds = (item for item in tx.outbox.unfinished() if item.kind is OutboxKind.REFUND)
    return {lease_id for item in refunds for lease_id in item.payload["leaseIds"]}
