"""A transaction that the contract refuses as a whole: the bad part goes, with its reason; the rest is tried again."""

from marketplace.domain.evidence import BatchState
from marketplace.domain.leases import MatchRecord, MatchState
from marketplace.domain.outbox import (
    OutboxItem,
    OutboxKind,
    OutboxState,
    backoff_seconds,
)
from marketplace.errors import Reverted
from marketplace.protocol.enums import SkipReason
from marketplace.services.calls import load_group, load_match
from marketplace.services.clock import chain_time
from marketplace.services.drop_match import drop_match, skip_match
from marketplace.services.market import Market
from marketplace.services.storage import Transaction
from marketplace.services.timeline import refresh_job, refresh_lease_and_job


class NothingLeft(Exception):
    """Everything that the transaction was about has gone away; internal to the outbox."""


def refuse(market: Market, item: OutboxItem, error: Reverted) -> bool:
    """Deal with a refusal. Raises ChainUnavailable, and is then called again. Always True: something was done."""
    if item.kind is OutboxKind.OPEN:
        _refuse_open(market, item, error)
    elif item.kind is OutboxKind.REFUND:
        _refuse_refund(market, item, error)
    else:
        _refuse_whole(market, item, error)
    return True


def _refuse_open(market: Market, item: OutboxItem, error: Reverted) -> None:
    """The contract leaves out what is bad and opens the rest, so this is about all of it: each match is tried alone."""
    with market.store.read() as tx:
        planned = tx.matches.of_outbox(item.id)
        reserved = [one for one in planned if one.state is MatchState.RESERVED]
        matches = [load_match(tx, one) for one in reserved]
    refused: dict[int, Reverted] = {}
    for record, match in zip(reserved, matches, strict=True):
        try:
            market.chain.simulate_open([match], item.payload["roundDigest"], market.address)
        except Reverted as reason:
            refused[record.id] = reason
    if not refused and item.attempts + 1 >= market.rules.max_attempts:
        refused = {record.id: error for record in reserved}
    now, head = chain_time(market), market.chain.head().number
    attempts = 0 if refused else item.attempts + 1
    bids_refused = {record.bid_hash for record in reserved if record.id in refused}
    left = [record for record in reserved if record.bid_hash not in bids_refused]
    with market.store.write() as tx:
        if tx.matches.of_outbox(item.id) != planned:
            return  # followed or cancelled meanwhile: asked again, about what there is now
        for record in reserved:
            if record.bid_hash in bids_refused:
                _drop(market, tx, record, refused.get(record.id), now, head)
        if not refused:
            _halve(tx, item, left)
        tx.outbox.update(
            item.id,
            state=OutboxState.INTENT if left else OutboxState.FAILED,
            attempts=attempts,
            next_try_at=market.clock.now() + (backoff_seconds(attempts) if attempts else 0.0),
            error=error.message,
        )
        for bid_hash in bids_refused:
            refresh_job(tx, bid_hash, now)


def _drop(
    market: Market, tx: Transaction, record: MatchRecord, reason: Reverted | None, now: int, seen_at: int
) -> None:
    seconds = market.rules.hold_seconds
    if reason is None:
        drop_match(tx, record, "another replica of the bid cannot be opened", now, hold_until=now + seconds)
    elif reason.name == "NothingOpened" and int(reason.args_["first"]) in set(SkipReason):
        skip = SkipReason(int(reason.args_["first"]))
        skip_match(tx, record, skip, now, hold_seconds=seconds, seen_at=seen_at, block=None)
    else:
        drop_match(tx, record, reason.message, now, hold_until=now + seconds)


def _halve(tx: Transaction, item: OutboxItem, matches: list[MatchRecord]) -> None:
    """Where each match alone would open, all together may be too much for one transaction: two are owed instead."""
    bids = list(dict.fromkeys(match.bid_hash for match in matches))
    second = set(bids[(len(bids) + 1) // 2 :])
    if not second:
        return
    other = tx.outbox.add(item.kind, dict(item.payload), item.created_at)
    for match in matches:
        if match.bid_hash in second:
            tx.matches.move(match.id, other)


def _refuse_refund(market: Market, item: OutboxItem, error: Reverted) -> None:
    now = chain_time(market)
    with market.store.read() as tx:
        leases = [lease for lease in map(tx.leases.get, item.payload["leaseIds"]) if lease is not None]
        groups = {lease.lease_id: load_group(tx, market.address, lease) for lease in leases}
    left = [
        lease.lease_id
        for lease in leases
        if lease.deadline < now and market.chain.is_open(groups[lease.lease_id], lease.place)
    ]
    attempts = item.attempts + 1
    is_over = not left or attempts >= market.rules.max_attempts
    with market.store.write() as tx:
        tx.outbox.update(
            item.id,
            state=OutboxState.FAILED if is_over else OutboxState.INTENT,
            payload={"leaseIds": left or item.payload["leaseIds"]},
            attempts=attempts,
            next_try_at=market.clock.now() + backoff_seconds(attempts),
            error=error.message,
        )


def _refuse_whole(market: Market, item: OutboxItem, error: Reverted) -> None:
    """What was signed by others is sent as it is, or not at all; the end of a claim, when it is looked at again."""
    now = chain_time(market)
    with market.store.write() as tx:
        tx.outbox.update(
            item.id,
            state=OutboxState.FAILED,
            attempts=item.attempts + 1,
            error=error.message,
        )
        lease_ids: list[str] = []
        if item.kind is OutboxKind.SETTLE:
            batch = tx.batches.get(item.payload["batch"])
            if batch.state is not BatchState.SETTLED:
                tx.batches.set_state(batch.digest, BatchState.FAILED, error.message)
            lease_ids = [verdict.lease_id for verdict in batch.verdicts]
        elif item.kind is OutboxKind.ACCEPT:
            lease_ids = [item.payload["leaseId"]]
            tx.evidence.remove_receipt(lease_ids[0])
        for lease_id in lease_ids:
            lease = tx.leases.get(lease_id)
            if lease is not None:
                detail = {"reason": error.message}
                tx.timeline.add(lease.bid_hash, now, f"{item.kind}_refused", detail, lease_id)
                refresh_lease_and_job(tx, lease, now)
