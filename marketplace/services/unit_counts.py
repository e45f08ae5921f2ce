"""How many units of an ask each lease takes, from its orders: the contract counts leases, whatever their size."""

from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from marketplace.domain.constraints import Unit
from marketplace.services.storage import Transaction

Units = dict[tuple[str, str], int]
"""By the hashes of bid and ask."""


class Paired(Protocol):
    """A lease, or a match that will be one."""

    @property
    def bid_hash(self) -> str: ...
    @property
    def ask_hash(self) -> str: ...


def count_units(tx: Transaction, pairs: Iterable[Paired]) -> Units:
    """Units that each takes; one where an order is not known here."""
    units: Units = {}
    for pair in pairs:
        ask = tx.asks.get(pair.ask_hash)
        bid = tx.bids.get(pair.bid_hash) if ask and ask.ask.units > 1 else None
        share = Unit.share_of(ask.profile, ask.ask.units) if ask and bid else None
        units[pair.bid_hash, pair.ask_hash] = share.count_for(bid.bid) if share and bid else 1
    return units


def count_leased(tx: Transaction) -> dict[str, int]:
    """Units that open leases take, by agent, that is by node."""
    leases = tx.leases.open()
    units = count_units(tx, leases)
    leased: Counter[str] = Counter()
    for lease in leases:
        leased[lease.agent] += units[lease.bid_hash, lease.ask_hash]
    return dict(leased)
