"""Withdrawing orders by a signed cancel."""

from dataclasses import dataclass

from marketplace.domain.leases import MatchRecord
from marketplace.domain.orders import voids_ask, voids_bid
from marketplace.domain.outbox import OutboxKind, OutboxState
from marketplace.domain.signatures import require_signature
from marketplace.errors import MalformedMessage
from marketplace.protocol.audit_log import LogKind
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.messages import Cancel
from marketplace.services.apply_event import apply_cancel
from marketplace.services.clock import chain_time
from marketplace.services.drop_match import drop_match
from marketplace.services.market import Market
from marketplace.services.storage import Transaction
from marketplace.services.timeline import refresh_job

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The hashes of the orders that were live; `is_sent` is whether the market also voids them on chain."""

    orders: list[str]
    is_sent: bool


def cancel_order(market: Market, cancel: Cancel, signature: str) -> Cancelled:
    """Take the signer's orders out of the book and void them on chain.

    What is open, or signed to be opened, goes on. The market pays the gas, so it sends only what voids an order it
    knows, and not without end for one signer. Raises MalformedMessage, InvalidSignature, ChainUnavailable.
    """
    if cancel.kind not in set(CancelKind):
        raise MalformedMessage("Cancel.kind", f"{cancel.kind} is none of 0 (bid), 1 (bids before), 2 (asks before)")
    if cancel.kind == CancelKind.ASKS_BEFORE and cancel.salt >= 2**32:
        raise MalformedMessage("Cancel.salt", f"{cancel.salt} is above every salt that an ask can have")
    require_signature(market.chain, market.chain.domain, cancel, cancel.signer, signature)
    now = chain_time(market)
    with market.store.write() as tx:
        for match in _undone_by(tx, cancel):
            drop_match(tx, match, "an order of it was cancelled", now, hold_until=0)
            refresh_job(tx, match.bid_hash, now)
        voided = apply_cancel(tx, cancel, now, block=None)
        for order_hash in voided:
            tx.log.add(LogKind.ORDER_CANCELLED, now, order_hash, {"signer": cancel.signer})
        is_sent = bool(voided) and _has_free_cancels(market, tx, cancel.signer, now)
        if is_sent:
            payload = {"cancel": cancel.to_json(), "signature": signature}
            tx.outbox.add(OutboxKind.CANCEL, payload, now)
    return Cancelled(voided, is_sent)


def _has_free_cancels(market: Market, tx: Transaction, signer: str, now: int) -> bool:
    today = tx.outbox.of_kind(OutboxKind.CANCEL, since=now - SECONDS_PER_DAY)
    return sum(item.payload["cancel"]["signer"] == signer for item in today) < market.rules.paid_cancels_per_day


def _undone_by(tx: Transaction, cancel: Cancel) -> list[MatchRecord]:
    """Matches that are not signed yet and lose an order, with the other replicas of their bids: all open or none."""
    reserved = [match for match in tx.matches.reserved() if _is_unsigned(tx, match.outbox_id)]
    undone = {
        (match.bid_hash, match.outbox_id)
        for match in reserved
        if voids_bid(cancel, tx.bids.get(match.bid_hash).bid) or voids_ask(cancel, tx.asks.get(match.ask_hash).ask)
    }
    return [match for match in reserved if (match.bid_hash, match.outbox_id) in undone]


def _is_unsigned(tx: Transaction, outbox_id: int) -> bool:
    return tx.outbox.get(outbox_id).state is OutboxState.INTENT
