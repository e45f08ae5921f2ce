"""Matches that come to nothing: bid and unit are free again, and an order that can never open leaves the book."""

from marketplace.domain.leases import MatchRecord
from marketplace.domain.orders import OrderState
from marketplace.protocol.enums import SkipReason
from marketplace.services.storage import Transaction

_REASONS = {
    SkipReason.ASK_EXPIRED: "the provider's ask had expired",
    SkipReason.ASK_CANCELLED: "the provider had cancelled its ask",
    SkipReason.ASK_SIGNATURE: "the contract did not accept the signature of the provider's ask",
    SkipReason.QUOTE: "the contract found the price below the quote or above the maximum",
    SkipReason.BID_EXPIRED: "the bid had expired",
    SkipReason.BID_SIGNATURE: "the contract did not accept the bid's signature",
    SkipReason.BALANCE: "the renter's free balance did not hold the price",
    SkipReason.SALT_USED: "the bid's salt was used or cancelled on chain",
    SkipReason.COVER: "the provider's stake did not cover one more lease",
    SkipReason.UNITS: "the provider had as many open leases as it allows",
    SkipReason.REPLICAS: "the contract counted one replica too many",
    SkipReason.SETTLEMENT: "the contract does not do what the bid asks for",
}
_BID_ENDS = {
    SkipReason.BID_EXPIRED: OrderState.EXPIRED,
    SkipReason.BID_SIGNATURE: OrderState.CANCELLED,
    SkipReason.SALT_USED: OrderState.CANCELLED,
    SkipReason.SETTLEMENT: OrderState.CANCELLED,
}
_ASK_ENDS = {
    SkipReason.ASK_EXPIRED: OrderState.EXPIRED,
    SkipReason.ASK_CANCELLED: OrderState.CANCELLED,
    SkipReason.ASK_SIGNATURE: OrderState.CANCELLED,
}


def drop_match(
    tx: Transaction, record: MatchRecord, reason: str, now: int, *, hold_until: int, block: int | None = None
) -> None:
    """Free bid and unit again; the bid sits out until `hold_until`. `block` is that of the MatchSkipped, if any."""
    tx.matches.drop(record.id, reason, block)
    tx.bids.hold(record.bid_hash, hold_until, reason)
    detail = {"round": record.round_number, "provider": record.provider, "reason": reason}
    tx.timeline.add(record.bid_hash, now, "match_dropped", detail)


def skip_match(
    tx: Transaction,
    record: MatchRecord,
    reason: SkipReason,
    now: int,
    *,
    hold_seconds: int,
    seen_at: int,
    block: int | None,
) -> None:
    """Drop a match for the contract's own reason; what makes its order worthless takes the order out of the book.

    `seen_at` is the block whose state says so: where it is reorganised away, the order is live again. `block` is that
    of the MatchSkipped, and None where the contract was only asked.
    """
    text = _REASONS.get(reason, f"the contract left it out ({reason})")
    hold = 0 if reason in _ASK_ENDS else now + hold_seconds
    drop_match(tx, record, text, now, hold_until=hold, block=block)
    bid, ask = tx.bids.get(record.bid_hash), tx.asks.get(record.ask_hash)
    if reason in _BID_ENDS and bid.state is OrderState.LIVE:
        tx.bids.set_state(bid.bid_hash, _BID_ENDS[reason], text, seen_at)
    if reason in _ASK_ENDS and ask.state is OrderState.LIVE:
        tx.asks.set_state(ask.ask_hash, _ASK_ENDS[reason], text, seen_at)
