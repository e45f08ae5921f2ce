"""Following the chain into the journal: who locked what for whom, from the contract's own events."""

from collections.abc import Callable
from typing import Protocol

from agent.journal import Journal
from marketplace.domain.chain import BlockRef, ChainEvent, LeaseClosed, LeaseOpened

BLOCKS_AT_ONCE = 5_000


class Chain(Protocol):
    """What an agent reads of the chain. Every method raises ChainUnavailable."""

    @property
    def deployed_at_block(self) -> int: ...
    def head(self) -> BlockRef: ...
    def block(self, number: int) -> BlockRef | None: ...
    def events(self, first: int, last: int) -> list[ChainEvent]: ...


def follow_leases(
    chain: Chain,
    journal: Journal,
    is_mine: Callable[[LeaseOpened], bool],
    tell_closed: Callable[[LeaseClosed], None] = lambda event: None,
) -> int:
    """Journal every lease that `is_mine`, and which are closed, up to the head; the head's number.

    `tell_closed` hears of each of them that closes, once, after it is journalled.
    A reorganisation (the block last followed is no longer there) starts over from the deployment.
    """
    followed = journal.followed()
    if followed is not None and not _still_there(chain, *followed):
        journal.forget_chain()
        followed = None
    first = followed[0] + 1 if followed else chain.deployed_at_block
    head = chain.head()
    while first <= head.number:
        last = min(first + BLOCKS_AT_ONCE - 1, head.number)
        block = head if last == head.number else chain.block(last)
        events = chain.events(first, last)
        opened = [event for event in events if isinstance(event, LeaseOpened) and is_mine(event)]
        closed = [event for event in events if isinstance(event, LeaseClosed)]
        known = {event.lease_id for event in opened} | (journal.open_leases() if closed else set())
        journal.record_blocks(last, block.hash if block else "", opened, [event.lease_id for event in closed])
        for event in closed:
            if event.lease_id in known:
                tell_closed(event)
        first = last + 1
    return head.number


def _still_there(chain: Chain, number: int, block_hash: str) -> bool:
    block = chain.block(number)
    return block is not None and block.hash == block_hash
