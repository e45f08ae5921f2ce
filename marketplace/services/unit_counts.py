"""How many units of an ask each lease takes, from its orders: the contract counts leases, whatever their size."""

from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from marketplace.domain.constraints import Unit
from marketplace.domain.kept import Kept
from marketplace.services.storage import Transaction

Units = dict[tuple[str, str], int]
"""By the hashes of bid and ask."""

_COUNTS: Kept[tuple[str, str], int] = Kept(65_536)
"""The same pairs are asked about at every round and look at the market; what a pair takes follows from its hashes."""


class _Unknown(Exception):
    """An order that is not known here: what a pair takes is then no fact to keep."""


class Paired(Protocol):
    """A lease, or a match that will be one."""

    @property
    def bid_hash(self) -> str: ...
    @property
    def ask_hash(self) -> str: ...


def count_units(tx: Transaction, pairs: Iterable[Paired]) -> Units:
    """Units that each takes; one where an order is not known here."""
    keys = [(pair.bid_hash, pair.ask_hash) for pair in pairs]
    tx.bids.load({key[0] for key in keys if key not in _COUNTS})
    return {key: _count(tx, *key) for key in keys}


def _count(tx: Transaction, bid_hash: str, ask_hash: str) -> int:
    def count() -> int:
        bid, ask = tx.bids.get(bid_hash), tx.asks.get(ask_hash)
        if bid is None or ask is None:
            raise _Unknown
        return Unit.share_of(ask.profile, ask.ask.units).count_for(bid.bid) if ask.ask.units > 1 else 1

    try:
        return _COUNTS.get((bid_hash, ask_hash), count)
    except _Unknown:
        return 1  # and not kept: more may be known later


def count_leased(tx: Transaction) -> dict[str, int]:
    """Units that open leases take, by agent, that is by node."""
    leases = tx.leases.open_orders()
    units = count_units(tx, leases)
    leased: Counter[str] = Counter()
    for lease in leases:
        leased[lease.agent] += units[lease.bid_hash, lease.ask_hash]
    return dict(leased)
