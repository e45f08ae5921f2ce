"""A transaction that the contract refuses: the bad part goes, with its reason; the good part is tried again."""

from marketplace.domain.evidence import BatchState
from marketplace.domain.leases import MatchRecord, MatchState
from marketplace.domain.orders import OrderState
from marketplace.domain.outbox import (
    OutboxItem,
    OutboxKind,
    OutboxState,
    backoff_seconds,
)
from marketplace.errors import Reverted
from marketplace.ports import Match
from marketplace.protocol.enums import LeaseState
from marketplace.services.clock import chain_time
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
    with market.store.read() as tx:
        reserved = [one for one in tx.matches.of_outbox(item.id) if one.state is MatchState.RESERVED]
        bids = {one.id: tx.bids.get(one.bid_hash) for one in reserved}
        asks = {one.id: tx.asks.get(one.ask_hash) for one in reserved}
    good: list[Match] = []
    dropped: list[tuple[MatchRecord, Reverted]] = []
    opened: list[MatchRecord] = []
    for record in reserved:
        if market.chain.lease(record.lease_id).state is not LeaseState.NONE:
            opened.append(record)  # an earlier sending got through: the follower will see its event
            continue
        bid, ask = bids[record.id], asks[record.id]
        match = Match(bid.bid, bid.signature, ask.ask, ask.signature, record.price)
        try:
            # Together with those found good: two matches may each be covered, and not both.
            market.chain.simulate_open([*good, match], item.payload["roundDigest"], market.address)
        except Reverted as reason:
            dropped.append((record, reason))
        else:
            good.append(match)
    if not dropped and not opened and item.attempts + 1 >= market.rules.max_attempts:
        dropped, good = [(record, error) for record in reserved], []
    _apply_open(market, item, error, dropped, opened, is_over=not good)


def _apply_open(
    market: Market,
    item: OutboxItem,
    error: Reverted,
    dropped: list[tuple[MatchRecord, Reverted]],
    opened: list[MatchRecord],
    *,
    is_over: bool,
) -> None:
    now = chain_time(market)
    attempts = 0 if dropped or opened else item.attempts + 1
    with market.store.write() as tx:
        for record, reason in dropped:
            drop_match(tx, record, reason.message, now, hold_until=now + market.rules.hold_seconds)
            _dismiss_unsigned(tx, record, reason)
        for record in opened:
            tx.matches.set_state(record.id, MatchState.OPENED)
        tx.outbox.update(
            item.id,
            state=OutboxState.FAILED if is_over else OutboxState.INTENT,
            attempts=attempts,
            next_try_at=market.clock.now() + (backoff_seconds(attempts) if attempts else 0.0),
            error=error.message,
        )
        for record in [one for one, _ in dropped] + opened:
            refresh_job(tx, record.bid_hash, now)


def drop_match(tx: Transaction, record: MatchRecord, reason: str, now: int, *, hold_until: int) -> None:
    """Free bid and ask again; the bid sits out until `hold_until`."""
    tx.matches.set_state(record.id, MatchState.DROPPED, reason)
    tx.bids.hold(record.bid_hash, hold_until, reason)
    detail = {"round": record.round_number, "reason": reason}
    tx.timeline.add(record.bid_hash, now, "match_dropped", detail, record.lease_id)


def _dismiss_unsigned(tx: Transaction, record: MatchRecord, reason: Reverted) -> None:
    """Take an order out of the book whose signature the contract does not accept: an account contract may change its
    mind after the market has checked, and would spoil every round's match anew."""
    if reason.name != "InvalidSignature":
        return
    signer = str(reason.args_.get("signer", "")).lower()
    bid, ask = tx.bids.get(record.bid_hash), tx.asks.get(record.ask_hash)
    if bid.bid.renter.lower() == signer and bid.state is OrderState.LIVE:
        tx.bids.set_state(bid.bid_hash, OrderState.CANCELLED, reason.message)
    if ask.ask.provider.lower() == signer and ask.state is OrderState.LIVE:
        tx.asks.set_state(ask.ask_hash, OrderState.CANCELLED, reason.message)


def _refuse_refund(market: Market, item: OutboxItem, error: Reverted) -> None:
    now = chain_time(market)
    left = []
    for lease_id in item.payload["leaseIds"]:
        lease = market.chain.lease(lease_id)
        if lease.state is LeaseState.OPEN and lease.deadline < now:
            left.append(lease_id)
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
    """Settle, accept and cancel: what was signed by others is sent as it is, or not at all."""
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
