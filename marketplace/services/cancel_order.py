"""Withdrawing orders by a signed cancel."""

from dataclasses import dataclass

from marketplace.domain.outbox import OutboxKind, OutboxState
from marketplace.protocol.messages import Cancel
from marketplace.services.clock import chain_time
from marketplace.services.follow_chain import apply_cancel
from marketplace.services.market import Market
from marketplace.services.outbox_refused import drop_match
from marketplace.services.signatures import require_signature
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
    knows, and not without end for one signer. Raises InvalidSignature, ChainUnavailable.
    """
    require_signature(market.chain, cancel, cancel.signer, signature)
    now = chain_time(market)
    with market.store.write() as tx:
        for match in tx.matches.reserved():
            if _concerns(tx, match.bid_hash, match.ask_hash, cancel) and _is_unsigned(tx, match.outbox_id):
                drop_match(tx, match, "the order was cancelled", now, hold_until=0)
                refresh_job(tx, match.bid_hash, now)
        voided = apply_cancel(
            tx,
            cancel.signer,
            cancel.salt,
            now,
            all_before=cancel.all_before,
            block=None,
        )
        is_sent = bool(voided) and _has_free_cancels(market, tx, cancel.signer, now)
        if is_sent:
            payload = {"cancel": cancel.to_json(), "signature": signature}
            tx.outbox.add(OutboxKind.CANCEL, payload, now)
    return Cancelled(voided, is_sent)


def _has_free_cancels(market: Market, tx: Transaction, signer: str, now: int) -> bool:
    today = tx.outbox.of_kind(OutboxKind.CANCEL, since=now - SECONDS_PER_DAY)
    return sum(item.payload["cancel"]["signer"] == signer for item in today) < market.rules.paid_cancels_per_day


def _concerns(tx: Transaction, bid_hash: str, ask_hash: str, cancel: Cancel) -> bool:
    bid, ask = tx.bids.get(bid_hash).bid, tx.asks.get(ask_hash).ask
    return any(
        signer == cancel.signer and (salt < cancel.salt if cancel.all_before else salt == cancel.salt)
        for signer, salt in ((bid.renter, bid.salt), (ask.provider, ask.salt))
    )


def _is_unsigned(tx: Transaction, outbox_id: int) -> bool:
    return tx.outbox.get(outbox_id).state is OutboxState.INTENT
