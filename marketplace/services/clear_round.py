"""One round: snapshot, clearing, transcript, and the intent to open its leases, committed together.

A bid that is filled at once is a round of that bid alone over the standing asks.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from marketplace.clearing import (
    Parameters,
    PricedMatch,
    RoundResult,
    clear_round,
    explain_bid,
    write_transcript,
)
from marketplace.domain.book import BookSnapshot
from marketplace.domain.leases import MatchRecord, MatchState
from marketplace.domain.orders import OrderState
from marketplace.domain.outbox import OutboxKind
from marketplace.domain.rounds import RoundRecord
from marketplace.protocol.audit_log import LogKind
from marketplace.services.clock import chain_time
from marketplace.services.hold_workflows import cancel_hopeless
from marketplace.services.market import Market
from marketplace.services.observed_rounds import note_round
from marketplace.services.snapshot import Book, load_book
from marketplace.services.storage import Transaction
from marketplace.services.timeline import refresh_job, refresh_jobs

PARAMETERS = Parameters()
MOST_EXPLAINED = 25
"""Bids that went without, told why in one round: each takes a look at every ask."""


def run_round(market: Market) -> RoundRecord | None:
    """Clear the book once; None where there is nothing new to clear. Raises ChainUnavailable.

    An order that was cancelled while the round was computed voids the round: the next one sees the book without it.
    """
    with market.clearing:
        expire_orders(market)
        cancel_hopeless(market)
        with market.store.read() as tx:
            if not tx.bids.has_live():
                return None
            last = tx.rounds.last()
        book = load_book(market)
        with market.store.write() as tx:
            for bid_hash, reason in book.left_out.items():
                tx.bids.set_reason(bid_hash, reason)
        if not book.snapshot.bids:
            return None
        if last is not None and _says_nothing_new(last, book):
            return None
        return clear_book(market, book)


def _says_nothing_new(last: RoundRecord, book: Book) -> bool:
    """Whether another round would match nothing, as the last one did, and has nobody to tell why."""
    is_same = last.summary["matches"] == 0 and last.summary["book"] == book.digest()
    return is_same and all(one.bid_hash in book.explained for one in book.snapshot.bids)


def fill_now(market: Market, bid_hash: str) -> int | None:
    """The number of the round that gave a bid its units, now; None where it goes on waiting for the next one.

    Its price is the bare quote of the asks that leave the bid most, which no next round over these asks could better
    (`LiveBook.quote`). Bids that wait have chosen to: they are neither asked nor filled. Filling a bid again changes
    nothing. Raises ChainUnavailable.
    """
    with market.clearing:
        matched = round_of(market, bid_hash)
        if matched is not None:
            return matched
        book = load_book(market)
        alone = BookSnapshot.of(
            book.snapshot.now, [one for one in book.snapshot.bids if one.bid_hash == bid_hash], book.snapshot.asks
        )
        if not alone.bids:
            return None
        record = clear_book(market, Book(alone, {}), needs_match=True)
    return record.number if record else None


def round_of(market: Market, bid_hash: str) -> int | None:
    """The number of the last round that gave a bid its units and still stands; None where none did."""
    with market.store.read() as tx:
        matched = [one.round_number for one in tx.matches.of_bid(bid_hash) if one.state is not MatchState.DROPPED]
    return max(matched, default=None)


def clear_book(market: Market, book: Book, *, needs_match: bool = False) -> RoundRecord | None:
    """Clear this book and plan its leases; None where an order went away meanwhile, or no bid got what it needs."""
    started = time.time()
    with market.store.read() as tx:
        number = tx.rounds.next_number()
    result = clear_round(book.snapshot, PARAMETERS)
    if needs_match and not result.matches:
        return None
    transcript = write_transcript(result, PARAMETERS, market.chain.domain, market.address, number)
    record = RoundRecord(
        number=number,
        digest=transcript.digest,
        cleared_at=book.snapshot.now,
        transcript=transcript.document,
        summary=summarise(result, book),
    )
    if not _commit(market, record, result, book):
        return None
    note_round(market.instruments, record, result, started, time.time())
    return record


def expire_orders(market: Market) -> None:
    """Take orders out of the book that can no longer be matched because of time. Raises ChainUnavailable.

    A bid's time is over with its `validUntil`, or when its deadline leaves too little for its seconds.
    """
    now = chain_time(market)
    with market.store.read() as tx:
        late_bids, late_asks = tx.bids.late(now), tx.asks.late(now)
    if not late_bids and not late_asks:
        return
    with market.store.write() as tx:
        for record in late_bids:
            if tx.bids.get(record.bid_hash).state is OrderState.LIVE:
                tx.bids.set_state(
                    record.bid_hash,
                    OrderState.EXPIRED,
                    record.reason or "its time ran out",
                )
                refresh_job(tx, record.bid_hash, now)
        for ask in late_asks:
            tx.asks.set_state(ask.ask_hash, OrderState.EXPIRED, "its time ran out")


def opening_order(matches: Sequence[PricedMatch], providers: Mapping[str, str]) -> list[list[PricedMatch]]:
    """The matches of each bid together, in the order of the `open` that takes them.

    Bids with one replica first, by ask: the contract looks at an ask once where its matches are next to each other.
    Replicas by ascending provider, as the contract wants them: that makes them distinct.
    """
    of_bid: dict[str, list[PricedMatch]] = {}
    for match in matches:
        of_bid.setdefault(match.bid_hash, []).append(match)
    single = sorted(
        (one for one in of_bid.values() if len(one) == 1), key=lambda one: (one[0].ask_hash, one[0].bid_hash)
    )
    several = [
        sorted(replicas, key=lambda match: int(providers[match.ask_hash], 16))
        for _, replicas in sorted(of_bid.items())
        if len(replicas) > 1
    ]
    return single + several


def _chunks(bids: list[list[PricedMatch]], limit: int) -> Iterator[list[PricedMatch]]:
    """At most `limit` matches together, a bid's never apart: what is not opened with the others cannot be later."""
    chunk: list[PricedMatch] = []
    for replicas in bids:
        if chunk and len(chunk) + len(replicas) > limit:
            yield chunk
            chunk = []
        chunk = chunk + replicas
    if chunk:
        yield chunk


def summarise(result: RoundResult, book: Book) -> dict:
    """What a list of rounds shows."""
    certificate = result.certificate
    ahead = {"startsAt": book.starts_at} if book.starts_at else {}
    return ahead | {
        "book": book.digest(),
        "bids": len(result.problem.snapshot.bids),
        "asks": len(result.problem.snapshot.asks),
        "matches": len(result.matches),
        "surplus": str(certificate.surplus),
        "bound": str(certificate.bound),
        "epsilon": str(certificate.epsilon),
    }


def _commit(market: Market, record: RoundRecord, result: RoundResult, book: Book) -> bool:
    providers = {one.ask_hash: one.ask.provider for one in book.snapshot.asks}
    reasons = {bid_hash: explain_bid(result, bid_hash).reason for bid_hash in _to_explain(record.number, result, book)}
    with market.store.write() as tx:
        if tx.rounds.next_number() != record.number or not _all_live(tx, result):
            return False
        details: dict[str, dict[str, Any]] = {}
        tx.rounds.add(record, [one.bid_hash for one in book.snapshot.bids])
        entered = {"round": record.number, "matches": len(result.matches)}
        tx.log.add(LogKind.ROUND_RECORDED, record.cleared_at, record.digest, entered)
        for bid_hash, reason in reasons.items():
            if tx.bids.get(bid_hash).reason != reason:
                tx.bids.set_reason(bid_hash, reason)
                tx.timeline.add(
                    bid_hash,
                    record.cleared_at,
                    "not_matched",
                    {"round": record.number, "reason": reason},
                )
        for chunk in _chunks(opening_order(result.matches, providers), market.rules.max_batch):
            item = _owe(tx, record, book.starts_at)
            for match in chunk:
                provider = providers[match.ask_hash]
                tx.matches.add(
                    MatchRecord(
                        id=0,
                        round_number=record.number,
                        outbox_id=item,
                        bid_hash=match.bid_hash,
                        ask_hash=match.ask_hash,
                        provider=provider,
                        price=match.price,
                    )
                )
                tx.bids.set_reason(match.bid_hash, "")
                told = {"round": record.number, "provider": provider, "price": str(match.price)}
                details.setdefault(match.bid_hash, told | ({"start": book.starts_at} if book.starts_at else {}))
        refresh_jobs(tx, details, record.cleared_at, details=details)
    return True


def _to_explain(number: int, result: RoundResult, book: Book) -> list[str]:
    """Bids that went without and are told why: those first that never were, of the others each round some by lot."""
    matched = {match.bid_hash for match in result.matches}
    without = [one.bid_hash for one in book.snapshot.bids if one.bid_hash not in matched]
    new = [bid_hash for bid_hash in without if bid_hash not in book.explained]
    told = [bid_hash for bid_hash in without if bid_hash in book.explained]
    Random(number).shuffle(told)
    return [*new, *told][:MOST_EXPLAINED]


def _owe(tx: Transaction, record: RoundRecord, starts_at: int) -> int:
    """The transaction that opens leases of this round, when their start has come."""
    if not starts_at:
        return tx.outbox.add(OutboxKind.OPEN, {"roundDigest": record.digest}, record.cleared_at)
    payload = {"roundDigest": record.digest, "opensAt": starts_at}
    item = tx.outbox.add(OutboxKind.OPEN, payload, record.cleared_at)
    tx.outbox.update(item, next_try_at=float(starts_at))
    return item


def _all_live(tx: Transaction, result: RoundResult) -> bool:
    tx.bids.load({match.bid_hash for match in result.matches})
    bids = (tx.bids.get(match.bid_hash) for match in result.matches)
    asks = (tx.asks.get(match.ask_hash) for match in result.matches)
    return all(one.state is OrderState.LIVE for one in [*bids, *asks])
