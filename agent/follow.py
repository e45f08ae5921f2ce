"""Following the chain into the journal: who locked what for whom, from the contract's own events."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from agent.chain import FollowedChain
from agent.journal import Journal
from marketplace.domain.chain import (
    BlockRef,
    ChainEvent,
    CloseReason,
    EventOrigin,
    LeaseClaimed,
    LeaseClosed,
    LeaseOpened,
    LeasesSettled,
)
from marketplace.protocol.enums import Outcome
from marketplace.telemetry.logs import JOB_NAMES

BLOCKS_AT_ONCE = 5_000
BPS = 10_000


@dataclass(frozen=True, slots=True)
class Ended:
    """How a lease ended; micro-USDC, `paid` net of the fee."""

    lease_id: str
    outcome: Outcome
    paid: int
    reason: CloseReason
    origin: EventOrigin
    """Of the event that says so."""


def follow_leases(
    chain: FollowedChain,
    journal: Journal,
    is_mine: Callable[[LeaseOpened], bool],
    tell_closed: Callable[[Ended], None] = lambda ended: None,
) -> int:
    """Journal every lease that `is_mine`, and which are claimed or closed, up to the head; the head's number.

    `tell_closed` hears of each of them that closes, once, after it is journalled.
    A reorganisation (another block stands where the one last followed was) starts over from the deployment. A node that
    has no block of that number yet lags behind the one that was asked before: nothing is new then.
    """
    followed, head = journal.followed(), chain.head()
    if followed is not None:
        found = chain.block(followed[0])
        if found is None or head.number < followed[0]:
            return head.number
        if not _is_same(found, followed[1]):
            journal.forget_chain()
            followed = None
    first = followed[0] + 1 if followed else chain.deployed_at_block
    while first <= head.number:
        last = min(first + BLOCKS_AT_ONCE - 1, head.number)
        block = head if last == head.number else chain.block(last)
        news = _read(chain.events(first, last), journal, is_mine)
        for lease in news.opened:
            JOB_NAMES.learn(lease.lease_id, lease.bid_hash)
        closed = [ended.lease_id for ended in news.closed]
        journal.record_blocks(last, block.hash if block else "", news.opened, closed, news.claimed)
        for ended in news.closed:
            tell_closed(ended)
        first = last + 1
    return head.number


@dataclass(slots=True)
class _News:
    opened: list[LeaseOpened]
    claimed: list[LeaseClaimed]
    closed: list[Ended]


def _read(events: Sequence[ChainEvent], journal: Journal, is_mine: Callable[[LeaseOpened], bool]) -> _News:
    """What these events mean for the leases that are followed.

    Verdicts name a lease by its place in a group, and a market uses the number of a group again once all its leases are
    closed or claimed: the events must be read in order.
    """
    news = _News([], [], [])
    known = {event.lease_id: event for event in journal.open_leases()} if any(map(_is_end, events)) else {}
    claimed = journal.claims()
    places = {_place(event): event for event in known.values() if event.lease_id not in claimed}
    for event in events:
        if isinstance(event, LeaseOpened):
            places.pop(_place(event), None)
            if is_mine(event):
                news.opened.append(event)
                known[event.lease_id] = places[_place(event)] = event
        elif isinstance(event, LeasesSettled):
            news.closed += _settled(event, places)
        elif isinstance(event, LeaseClaimed | LeaseClosed) and event.lease_id in known:
            if places.get(_place(known[event.lease_id])) == known[event.lease_id]:
                del places[_place(known[event.lease_id])]
            if isinstance(event, LeaseClaimed):
                news.claimed.append(event)
            else:
                news.closed.append(Ended(event.lease_id, event.outcome, event.paid, event.reason, event.origin))
    return news


def _settled(event: LeasesSettled, places: dict[tuple[str, int, int], LeaseOpened]) -> Iterator[Ended]:
    for one in event.settled:
        lease = places.pop((event.market, one.group, one.place), None)
        if lease is not None:
            fee = one.pay * lease.fee_bps // BPS
            yield Ended(lease.lease_id, one.outcome, one.pay - fee, CloseReason.VERDICT, event.origin)


def _is_end(event: ChainEvent) -> bool:
    return isinstance(event, LeasesSettled | LeaseClaimed | LeaseClosed)


def _place(event: LeaseOpened) -> tuple[str, int, int]:
    return event.market, event.group, event.place


def _is_same(found: BlockRef, block_hash: str) -> bool:
    return found.hash == block_hash
