"""Preemptible jobs: they are served by what other bids leave over, and make way when such a bid wants their unit.

A bid that waits in the book is cleared once more, over the units that preemptible leases hold. Where that serves it,
and at no less than the lease that has to go, the round is kept as the reason and the lease gets its notice. Nothing of
that round opens: once the lease is closed its unit is free, and the next round gives it to whom it is worth most.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from marketplace.clearing import PricedMatch, clear_round, write_transcript
from marketplace.domain.book import BookSnapshot, PlacedAsk, PlacedBid
from marketplace.domain.constraints import is_allowed
from marketplace.domain.jobs import JobState
from marketplace.domain.leases import LeaseRecord
from marketplace.domain.notices import NoticeRecord
from marketplace.domain.orders import BidRecord, OrderState
from marketplace.domain.rounds import RoundRecord
from marketplace.domain.seals import JUDGED
from marketplace.services.clear_round import PARAMETERS, clear_book, summarise
from marketplace.services.clock import chain_time
from marketplace.services.market import Market
from marketplace.services.reserve_ahead import is_known
from marketplace.services.snapshot import Book, load_asks, load_book
from marketplace.services.storage import Transaction

HANDOVER_SECONDS = 60
"""What settling an evicted lease may take beyond its notice: a bid that cannot wait so long evicts nobody."""


TRIES = 4
"""Leases of a node that are weighed for one bid."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A preemptible lease that runs, and its bid."""

    lease: LeaseRecord
    bid: BidRecord

    @property
    def notice_seconds(self) -> int:
        return self.bid.job_spec.schedule.preemption_notice_seconds or 0


def preempt(market: Market) -> int:
    """Serve preemptible bids with what is left over, withdraw notices without a cause, and give new ones; how many.

    Raises ChainUnavailable.
    """
    withdraw_notices(market)
    with market.store.read() as tx:
        has_spare = bool(tx.bids.preemptible(JobState.QUEUED))
    spare = load_book(market, is_spare=True) if has_spare else None
    if (
        spare is not None
        and spare.snapshot.bids
        and not is_known(market, spare.snapshot.bids[0].bid_hash, spare.digest())
    ):
        clear_book(market, spare)
    return give_notices(market)


def withdraw_notices(market: Market) -> list[str]:
    """Drop notices whose lease is closed, or whose cause went away before their time; the leases that may go on."""
    now = chain_time(market)
    going_on: list[str] = []
    with market.store.read() as tx:
        if not tx.notices.all():
            return going_on  # as mostly: then nobody who writes is held up
    with market.store.write() as tx:
        for notice in tx.notices.all():
            lease = tx.leases.get(notice.lease_id)
            if lease is None or lease.closing is not None:
                tx.notices.remove(notice.lease_id)
            elif now < notice.stops_at and not _still_waits(tx, notice.bid_hash):
                tx.notices.remove(notice.lease_id)
                tx.timeline.add(lease.bid_hash, now, "eviction_withdrawn", {}, lease.lease_id)
                going_on.append(lease.lease_id)
    return going_on


def give_notices(market: Market) -> int:
    """Tell preemptible leases to make way where a round over their units serves a bid that waits; how many."""
    now = chain_time(market)
    with market.store.read() as tx:
        held = _held(tx, now)
        causes = {notice.bid_hash for notice in tx.notices.all()}
        number = tx.rounds.next_number()
    if not held:
        return 0
    patience = min(one.notice_seconds for one in held) + HANDOVER_SECONDS
    waiting = [one for one in _waiting(market) if one.bid_hash not in causes and _can_wait(one, now + patience)]
    if not waiting:
        return 0
    book = Book(BookSnapshot.of(now, waiting, _held_asks(market, held)), {})
    result = clear_round(book.snapshot, PARAMETERS)
    notices = _choose(market, book.snapshot, result.matches, held, number)
    if not notices:
        return 0
    transcript = write_transcript(result, PARAMETERS, market.chain.domain, market.address, number)
    # Once the units are free the ordinary round's book looks just like this one, and must be cleared all the same.
    summary = summarise(result, book) | {"book": "", "matches": 0, "notices": len(notices)}
    record = RoundRecord(number, transcript.digest, now, transcript.document, summary)
    return len(notices) if _commit(market, record, notices) else 0


def _held(tx: Transaction, now: int) -> list[_Held]:
    """Preemptible leases that run and have no notice, the cheapest first."""
    under_notice = {notice.lease_id for notice in tx.notices.all()}
    found = []
    for bid in tx.bids.preemptible(JobState.RUNNING):
        for lease in tx.leases.of_bid(bid.bid_hash):
            is_running = lease.closing is None and lease.stage is JobState.RUNNING and lease.deadline > now
            # Of others nobody but the renter closes a failed lease: its unit would not be free before its deadline.
            is_running = is_running and bid.bid.verification in JUDGED
            if is_running and lease.lease_id not in under_notice:
                found.append(_Held(lease, bid))
    return sorted(found, key=lambda one: (one.lease.price, one.lease.lease_id))


def _waiting(market: Market) -> Sequence[PlacedBid]:
    """Bids for now that an ordinary round has already left unserved, and that are one lease each."""
    bids = load_book(market).snapshot.bids
    with market.store.read() as tx:
        return [one for one in bids if one.bid.replicas == 1 and tx.bids.get(one.bid_hash).reason]


def _can_wait(placed: PlacedBid, until: int) -> bool:
    return placed.bid.valid_until >= until and placed.bid.deadline >= until + placed.bid.duration_seconds


def _held_asks(market: Market, held: list[_Held]) -> list[PlacedAsk]:
    """The nodes of these leases as if the leases were over. Where a unit stands idle nobody has to go."""
    idle = {one.ask_hash for one in load_asks(market) if one.free_units > 0}
    leases = {one.lease.lease_id for one in held}
    agents = {one.lease.agent for one in held}
    freed = load_asks(market, without=leases)
    return [one for one in freed if one.ask.agent in agents and one.ask_hash not in idle]


def _choose(
    market: Market, snapshot: BookSnapshot, matches: Sequence[PricedMatch], held: list[_Held], number: int
) -> list[NoticeRecord]:
    """For each match the cheapest lease of its node that pays no more and is enough; a match without one ends none."""
    now, left, notices = snapshot.now, list(held), []
    asks = {one.ask_hash: one.ask for one in snapshot.asks}
    bids = {one.bid_hash: one for one in snapshot.bids}
    for match in sorted(matches, key=lambda match: (-match.price, match.bid_hash)):
        ask, placed = asks[match.ask_hash], bids[match.bid_hash]
        there = [
            one
            for one in left
            if (one.lease.provider, one.lease.agent) == (ask.provider, ask.agent)
            and one.lease.price <= match.price
            and _can_wait(placed, now + one.notice_seconds + HANDOVER_SECONDS)
        ]
        found = next((one for one in there[:TRIES] if _makes_room(market, one, placed, match.ask_hash)), None)
        if found is not None:
            left.remove(found)
            stops_at = now + found.notice_seconds
            notices.append(NoticeRecord(found.lease.lease_id, match.bid_hash, number, now, stops_at))
    return notices


def _makes_room(market: Market, held: _Held, placed: PlacedBid, ask_hash: str) -> bool:
    """Whether the bid would fit at the ask if this lease alone were over: its units and its stake may not be enough."""
    freed = load_asks(market, without={held.lease.lease_id})
    return any(one.ask_hash == ask_hash and is_allowed(placed, one, chain_time(market)) for one in freed)


def _still_waits(tx: Transaction, bid_hash: str) -> bool:
    record = tx.bids.get(bid_hash)
    return record is not None and record.state is OrderState.LIVE and record.job_state is JobState.QUEUED


def _commit(market: Market, record: RoundRecord, notices: list[NoticeRecord]) -> bool:
    with market.store.write() as tx:
        if tx.rounds.next_number() != record.number or not all(_still_waits(tx, one.bid_hash) for one in notices):
            return False
        tx.rounds.add(record, [])
        for notice in notices:
            tx.notices.add(notice)
            lease = tx.leases.get(notice.lease_id)
            detail = {"round": notice.round_number, "until": notice.stops_at}
            tx.timeline.add(lease.bid_hash, notice.given_at, "eviction_notice", detail, notice.lease_id)
    return True


Notices = list[dict[str, object]]
"""Which of a node's leases make way, for whom, by which round, and when they are to be stopped."""


def notices_of(tx: Transaction, agents: Collection[str]) -> dict[str, Notices]:
    """What these nodes are told, by agent; nothing for those of which nothing is wanted."""
    found: dict[str, Notices] = {}
    for notice in tx.notices.all():
        lease = tx.leases.get(notice.lease_id)
        if lease is None or lease.agent not in agents or lease.closing is not None:
            continue
        cited = tx.rounds.get(notice.round_number)
        if cited is not None:
            found.setdefault(lease.agent, []).append(
                {
                    "leaseId": notice.lease_id,
                    "bidHash": notice.bid_hash,
                    "round": notice.round_number,
                    "roundDigest": cited.digest,
                    "stopsAt": notice.stops_at,
                }
            )
    return found
