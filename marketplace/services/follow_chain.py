"""Following the contracts' events: the only writer of what the database believes about leases.

The cursor and the events of its blocks are committed together, so that an event is applied exactly once; where the
chain's history has changed under the cursor, everything above the fork is forgotten and read again.
"""

from marketplace.domain.chain import BlockRef, ChainEvent
from marketplace.domain.outbox import OutboxState
from marketplace.services.apply_event import apply_events, in_runs
from marketplace.services.market import Market
from marketplace.services.observed_events import find_changes, note_changes
from marketplace.services.roll_back import roll_back
from marketplace.services.storage import Transaction
from marketplace.telemetry.market_metrics import FOLLOWED, HEAD, REORGS

BLOCKS_PER_STEP = 2_000


def follow_chain(market: Market) -> bool:
    """Take in the next blocks; False where there are none. Raises ChainUnavailable."""
    head, meter = market.chain.head(), market.instruments.meter
    meter.set(HEAD, head.number)
    last = market.answer("followed", lambda: _last(market))
    if last is not None and not _is_on_chain(market, last, head):
        fork = roll_back(market)
        meter.observe(REORGS, last.number - fork)
        return True
    first = last.number + 1 if last is not None else min(market.chain.deployed_at_block, head.number)
    if head.number < first:
        meter.set(FOLLOWED, first - 1)  # also at the start of a process that finds nothing new
        return False
    final = head if head.number < first + BLOCKS_PER_STEP else market.chain.block(first + BLOCKS_PER_STEP - 1)
    if final is None:
        return True  # the chain got shorter while we looked
    events = market.chain.events(first, final.number)
    blocks = _blocks_of(market, events, final)
    if blocks is None:
        return True  # reorganised while we read: the next step sees what is true now
    with market.store.write() as tx:
        if tx.blocks.last() != last:
            return True
        changes = []
        for run in in_runs(events):
            at = blocks[run[0].origin.block_number].timestamp
            for event in run:
                changes += find_changes(market, tx, event, at)
            apply_events(market, tx, run, at)
        _send_lost_again(tx, events, first, final.number)
        for number in sorted(blocks):
            tx.blocks.add(blocks[number])
    meter.set(FOLLOWED, final.number)
    note_changes(market, changes)
    return True


def rebuild(market: Market) -> None:
    """Forget everything that came from the chain and read it again from the contracts' first block.

    Orders, evidence and rounds stay: they are not on chain. Raises ChainUnavailable.
    """
    roll_back(market, to=market.chain.deployed_at_block - 1)
    while follow_chain(market):
        pass


def _send_lost_again(tx: Transaction, events: list[ChainEvent], first: int, last: int) -> None:
    """What was mined in a block of these that is no longer the chain's: each of our transactions has its event."""
    mined = {event.origin.tx_hash for event in events}
    for item in tx.outbox.done_after(first - 1):
        if item.block <= last and mined.isdisjoint(item.hashes):
            tx.outbox.update(item.id, state=OutboxState.SENT, sent_at=0.0, block=0)


def blocks_behind(market: Market, tx: Transaction, head: int) -> int:
    """How many blocks up to `head` are still to be followed; where none was, since the contracts are there."""
    followed = tx.blocks.last()
    return max(0, head - (followed.number if followed else market.chain.deployed_at_block))


def _last(market: Market) -> BlockRef | None:
    with market.store.read() as tx:
        return tx.blocks.last()


def _is_on_chain(market: Market, last: BlockRef, head: BlockRef) -> bool:
    if last.number == head.number:
        return last.hash == head.hash
    found = market.chain.block(last.number) if last.number < head.number else None
    return found is not None and found.hash == last.hash


def _blocks_of(market: Market, events: list[ChainEvent], final: BlockRef) -> dict[int, BlockRef] | None:
    """The blocks of these events and the final one; None where they do not belong to one history."""
    blocks = {final.number: final}
    for event in events:
        number = event.origin.block_number
        if number not in blocks:
            block = market.chain.block(number)
            if block is None:
                return None
            blocks[number] = block
        if blocks[number].hash != event.origin.block_hash:
            return None
    now_final = market.chain.block(final.number)
    return blocks if now_final is not None and now_final.hash == final.hash else None
