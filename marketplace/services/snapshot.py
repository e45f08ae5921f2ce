"""The book as a round sees it: live orders, less what is promised already, as far as balances cover them."""

from dataclasses import dataclass

from marketplace.domain.book import BookSnapshot, PlacedAsk, PlacedBid
from marketplace.domain.leases import LeaseRecord, MatchRecord
from marketplace.domain.orders import AskRecord, BidRecord
from marketplace.protocol.canonical import json_digest
from marketplace.protocol.units import format_usdc
from marketplace.services.clock import chain_time
from marketplace.services.market import Market


@dataclass(frozen=True, slots=True)
class Book:
    """A snapshot, and why some live bids are not in it."""

    snapshot: BookSnapshot
    left_out: dict[str, str]

    def digest(self) -> str:
        """Equal for equal books, whatever the time."""
        return json_digest(
            {
                "bids": [[one.bid_hash, one.remaining] for one in self.snapshot.bids],
                "asks": [
                    [
                        one.ask_hash,
                        one.free_units,
                        str(one.available_stake),
                        one.settled_leases,
                    ]
                    for one in self.snapshot.asks
                ],
            }
        )


@dataclass(frozen=True, slots=True)
class _Loaded:
    bids: list[BidRecord]
    asks: list[AskRecord]
    leases: dict[str, list[LeaseRecord]]
    reserved: list[MatchRecord]
    reserved_asks: dict[str, AskRecord]
    """The asks of reserved matches, also those that are live no more."""
    open: list[LeaseRecord]

    def units_taken(self, provider: str, agent: str) -> int:
        """Leases and matches on a node, under whichever of its asks: a renewed ask does not make a node larger."""
        taken = sum((lease.provider, lease.agent) == (provider, agent) for lease in self.open)
        for match in self.reserved:
            ask = self.reserved_asks[match.ask_hash].ask
            taken += (ask.provider, ask.agent) == (provider, agent)
        return taken


def load_book(market: Market) -> Book:
    """The live book now. Raises ChainUnavailable."""
    loaded = _load(market)
    now = chain_time(market)
    asks = _place_asks(market, loaded)
    bids, left_out = _place_bids(market, loaded, now)
    return Book(BookSnapshot.of(now, bids, asks), left_out)


def _load(market: Market) -> _Loaded:
    with market.store.read() as tx:
        bids = tx.bids.live()
        open_leases = tx.leases.open()
        opened = {lease.lease_id for lease in open_leases}
        reserved = [match for match in tx.matches.reserved() if match.lease_id not in opened]
        return _Loaded(
            bids=bids,
            asks=tx.asks.live(),
            leases={record.bid_hash: tx.leases.of_bid(record.bid_hash) for record in bids},
            reserved=reserved,
            reserved_asks={match.ask_hash: tx.asks.get(match.ask_hash) for match in reserved},
            open=open_leases,
        )


def _place_asks(market: Market, loaded: _Loaded) -> list[PlacedAsk]:
    """Nodes that show signs of life, with the units and the stake that are left."""
    alive_since = market.clock.now() - market.rules.node_silence_seconds
    alive = [record for record in loaded.asks if record.last_seen >= alive_since]
    promised: dict[str, int] = {}
    for match in loaded.reserved:
        provider = loaded.reserved_asks[match.ask_hash].ask.provider
        promised[provider] = promised.get(provider, 0) + match.price
    providers = {record.ask.provider for record in alive}
    stakes = {one: market.chain.stake(one).available - promised.get(one, 0) for one in providers}
    settled = {one: market.chain.reputation(one).settled for one in providers}
    placed = []
    for record in alive:
        taken = loaded.units_taken(record.ask.provider, record.ask.agent)
        placed.append(
            PlacedAsk(
                ask=record.ask,
                signature=record.signature,
                profile=record.profile,
                ask_hash=record.ask_hash,
                free_units=max(0, record.ask.units - taken),
                available_stake=max(0, stakes[record.ask.provider]),
                settled_leases=settled[record.ask.provider],
            )
        )
    return placed


def _place_bids(market: Market, loaded: _Loaded, now: int) -> tuple[list[PlacedBid], dict[str, str]]:
    """Bids in the order in which they came, as long as their renter's free balance covers them."""
    renter_of = {record.bid_hash: record.bid.renter for record in loaded.bids}
    left = {renter: market.chain.balance(renter).free for renter in set(renter_of.values())}
    for match in loaded.reserved:
        if match.bid_hash in renter_of:
            left[renter_of[match.bid_hash]] -= match.price
    placed: list[PlacedBid] = []
    left_out: dict[str, str] = {}
    for record in loaded.bids:
        reserved = [match for match in loaded.reserved if match.bid_hash == record.bid_hash]
        leases = loaded.leases[record.bid_hash]
        remaining = record.bid.replicas - len(leases) - len(reserved)
        if remaining <= 0:
            continue
        if record.held_until > now:
            left_out[record.bid_hash] = record.reason
            continue
        needed = remaining * record.bid.max_price
        if needed > left[record.bid.renter]:
            left_out[record.bid_hash] = (
                f"The escrow holds {format_usdc(max(0, left[record.bid.renter]))} USDC that are free for this bid;"
                f" it may lock {format_usdc(needed)} USDC."
            )
            continue
        left[record.bid.renter] -= needed
        taken = {lease.provider for lease in leases}
        taken |= {loaded.reserved_asks[match.ask_hash].ask.provider for match in reserved}
        placed.append(
            PlacedBid(
                bid=record.bid,
                signature=record.signature,
                job_spec=record.job_spec,
                bid_hash=record.bid_hash,
                remaining=remaining,
                taken_providers=frozenset(taken),
            )
        )
    return placed, left_out
