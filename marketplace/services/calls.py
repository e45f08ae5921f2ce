"""Matches and leases as the contract's calls take them."""

from collections.abc import Iterable

from marketplace.domain.leases import LeaseRecord, MatchRecord, build_group
from marketplace.ports import Chosen, Match
from marketplace.protocol.packing import LeaseGroup
from marketplace.services.storage import Transaction


def load_match(tx: Transaction, record: MatchRecord) -> Match:
    """A match with both signed orders."""
    bid, ask = tx.bids.get(record.bid_hash), tx.asks.get(record.ask_hash)
    return Match(bid.bid, bid.signature, ask.ask, ask.signature, record.price)


def load_group(tx: Transaction, market: str, lease: LeaseRecord) -> LeaseGroup:
    """The group that the lease was opened in."""
    return build_group(market, tx.leases.of_group(lease.group, lease.opened_tx))


def choose_groups(tx: Transaction, market: str, leases: Iterable[LeaseRecord]) -> list[Chosen]:
    """The groups of these leases with the leases' places, in the order in which the groups come."""
    places: dict[tuple[int, str], list[LeaseRecord]] = {}
    for lease in leases:
        places.setdefault((lease.group, lease.opened_tx), []).append(lease)
    return [
        (load_group(tx, market, members[0]), tuple(sorted(lease.place for lease in members)))
        for members in places.values()
    ]
