"""Proving that the database says of every lease what the chain says: nothing is changed, the service may run."""

from marketplace.domain.ledger import Comparison, Entry, Ledger, entry_of, find_differences
from marketplace.domain.orders import OrderState
from marketplace.services.follow_chain import BLOCKS_PER_STEP
from marketplace.services.market import Market
from marketplace.services.storage import Transaction

PAGE = 200


def verify_ledger(market: Market) -> Comparison:
    """Compare every lease in the database with what the events up to its last followed block say.

    A bid with a lease must be filled, too. Raises ChainUnavailable.
    """
    with market.store.read() as tx:
        at = tx.blocks.last()
        recorded = _recorded(tx)
        unfilled = _unfilled(tx, recorded)
    if at is None:
        return Comparison(None, 0, ("nothing of the chain has been followed yet",))
    ledger = Ledger(market.address)
    for first in range(market.chain.deployed_at_block, at.number + 1, BLOCKS_PER_STEP):
        ledger.read(market.chain.events(first, min(first + BLOCKS_PER_STEP - 1, at.number)))
    on_chain = market.chain.block(at.number)
    if on_chain is None or on_chain.hash != at.hash:
        return Comparison(None, 0, (f"block {at.number} is not the chain's any more: follow it first",))
    found = find_differences(ledger.entries, recorded)
    return Comparison(at, len(ledger.entries), (*ledger.faults, *map(str, found), *unfilled))


def _recorded(tx: Transaction) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    cursor: str | None = None
    while True:
        page = tx.leases.page(provider=None, agent=None, renter=None, states=(), cursor=cursor, limit=PAGE)
        found |= {lease.lease_id: entry_of(lease) for lease in page.items}
        cursor = page.next_cursor
        if cursor is None:
            return found


def _unfilled(tx: Transaction, recorded: dict[str, Entry]) -> list[str]:
    """Bids that have a lease and could be matched once more."""
    bids = (tx.bids.get(str(entry.facts[0])) for entry in recorded.values())
    return sorted(
        {f"bid {bid.bid_hash} has a lease and is live" for bid in bids if bid and bid.state is OrderState.LIVE}
    )
