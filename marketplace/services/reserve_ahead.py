"""Bids whose start lies ahead: a round promises each a unit, the outbox opens the lease when the start comes.

The promise is the market's, not the contract's: nothing is locked before the start. A promise that its node cannot
keep is broken as soon as that is known, and the bid is back in the book: it is promised another unit, or served like
any other once its start has come, or it expires. Whatever happens, its money has not moved.
"""

from marketplace.domain.leases import MatchRecord
from marketplace.domain.orders import AskRecord, OrderState
from marketplace.domain.outbox import OutboxItem, OutboxState
from marketplace.services.clear_round import clear_book
from marketplace.services.clock import chain_time
from marketplace.services.drop_match import drop_match
from marketplace.services.market import Market
from marketplace.services.snapshot import load_book
from marketplace.services.storage import Transaction
from marketplace.services.timeline import refresh_job

LOOK_SECONDS = 30
"""How long before its start a promise is broken whose node shows no signs of life."""
STARTS_AT_ONCE = 8
"""Different starts that are looked at in one go, by turns where there are more: each is a book of its own."""


def reserve_ahead(market: Market) -> int:
    """Break the promises that cannot be kept, then promise units to bids that wait for one; the number of rounds.

    Bids that begin at the same time are cleared together, over what each ask has free from then on. Raises
    ChainUnavailable.
    """
    now = chain_time(market)
    break_promises(market, now)
    with market.store.read() as tx:
        starts = tx.bids.starts_after(now)
    rounds = 0
    for start in _turn(starts, now):
        book = load_book(market, start)
        if not book.snapshot.bids or is_known(market, book.snapshot.bids[0].bid_hash, book.digest()):
            continue
        rounds += clear_book(market, book) is not None
    return rounds


def _turn(starts: list[int], now: int) -> list[int]:
    """Those whose turn it is: all, the nearest first, or where that is too much so many, others a second later."""
    first = now % len(starts) if len(starts) > STARTS_AT_ONCE else 0
    return (starts[first:] + starts[:first])[:STARTS_AT_ONCE]


def break_promises(market: Market, now: int) -> list[str]:
    """Free bids whose promised node has taken its ask back, is leaving or is silent; their hashes."""
    with market.store.read() as tx:
        if not _promised(tx):
            return []  # as mostly: then nobody who writes is held up
    with market.store.write() as tx:
        broken: dict[str, str] = {}
        promised = _promised(tx)
        for match in promised:
            reason = _broken_by(market, tx, match, now)
            if reason:
                broken.setdefault(match.bid_hash, reason)
        for match in promised:
            if match.bid_hash in broken:
                drop_match(tx, match, broken[match.bid_hash], now, hold_until=0)
        for bid_hash in broken:
            refresh_job(tx, bid_hash, now)
    return sorted(broken)


def _promised(tx: Transaction) -> list[MatchRecord]:
    reserved = tx.matches.reserved()
    promises = {number for number in {match.outbox_id for match in reserved} if _is_promise(tx.outbox.get(number))}
    return [match for match in reserved if match.outbox_id in promises]


def _is_promise(item: OutboxItem | None) -> bool:
    return item is not None and item.opens_at > 0 and item.state is OutboxState.INTENT


def _broken_by(market: Market, tx: Transaction, match: MatchRecord, now: int) -> str:
    """Why the promise cannot be kept, empty where it can. An ask that a newer one replaced is still good for it."""
    ask: AskRecord = tx.asks.get(match.ask_hash)
    start = tx.outbox.get(match.outbox_id).opens_at
    node = tx.asks.latest_of_agent(ask.ask.agent) or ask
    if ask.state is OrderState.CANCELLED:
        return "the node that was reserved has taken its ask back"
    if node.drains_by:
        return "the node that was reserved is leaving"
    is_silent = node.last_seen < market.clock.now() - market.rules.node_silence_seconds
    if is_silent and now >= start - LOOK_SECONDS:
        return "the node that was reserved shows no signs of life"
    return ""


def is_known(market: Market, bid_hash: str, book_digest: str) -> bool:
    """Whether the last round with this bid saw the same book and matched nothing in it."""
    with market.store.read() as tx:
        last = tx.rounds.last_with(bid_hash)
    return last is not None and last.summary["book"] == book_digest and last.summary["matches"] == 0
