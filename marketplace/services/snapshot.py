"""The book as a round sees it: live orders, less what is promised already, as far as balances cover them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from marketplace.domain.book import BookSnapshot, PlacedAsk, PlacedBid
from marketplace.domain.chain import RenterAccount
from marketplace.domain.leases import LeaseRecord, MatchRecord
from marketplace.domain.orders import SALT_WINDOW, AskRecord, BidRecord
from marketplace.protocol.canonical import json_digest
from marketplace.protocol.units import format_usdc
from marketplace.services.calendars import OPENING_SECONDS, load_calendars
from marketplace.services.clock import chain_time
from marketplace.services.hold_workflows import find_held
from marketplace.services.judged_sandboxes import is_judged, judged_sandboxes
from marketplace.services.market import Market
from marketplace.services.unit_counts import Units, count_units


@dataclass(frozen=True, slots=True)
class Book:
    """A snapshot, and why some live bids are not in it."""

    snapshot: BookSnapshot
    left_out: dict[str, str]
    starts_at: int = 0
    """When its bids begin, where that lies ahead; 0 for now."""
    explained: frozenset[str] = frozenset()
    """Bids that an earlier round told why they were not matched."""

    def digest(self) -> str:
        """Equal for equal books, whatever the time."""
        return json_digest(
            {
                "bids": [one.bid_hash for one in self.snapshot.bids],
                "asks": [
                    [
                        one.ask_hash,
                        one.free_units,
                        str(one.available_stake),
                        one.settled_leases,
                        str(one.free_until),
                        one.is_judged,
                    ]
                    for one in self.snapshot.asks
                ],
            }
        )


@dataclass(frozen=True, slots=True)
class _Loaded:
    bids: list[BidRecord]
    """Live ones of which nothing is open or on its way."""
    asks: list[AskRecord]
    leases: list[LeaseRecord]
    reserved: list[MatchRecord]
    reserved_bids: dict[str, BidRecord]
    units: Units
    """Of leases and of what is reserved."""
    judged: frozenset[str]
    """`judged_sandboxes`."""
    held: dict[str, str]
    """Bids of workflows that must not begin yet, and why."""


def load_book(market: Market, starts_at: int = 0, *, is_spare: bool = False) -> Book:
    """The live book of bids that may begin now, or of those that must not begin before `starts_at`, which lies ahead.

    Preemptible bids are in a book of their own (`is_spare`): they get what others leave over. What an ask has is what
    it has at that time. Raises ChainUnavailable.
    """
    loaded = _load(market)
    now = chain_time(market)
    at = max(now, starts_at)
    asks = _place_asks(market, loaded, now, at)
    bids, left_out = _place_bids(market, loaded, now)
    schedules = ((one, one.job_spec.schedule) for one in bids)
    wanted = [one for one, when in schedules if max(now, when.not_before) == at and when.is_preemptible is is_spare]
    explained = frozenset(record.bid_hash for record in loaded.bids if record.reason)
    return Book(BookSnapshot.of(now, wanted, asks), left_out, at if at > now else 0, explained)


def load_asks(market: Market, without: Collection[str] = ()) -> list[PlacedAsk]:
    """The asks of nodes that are alive, with what they would have if the leases `without` were over.

    Raises ChainUnavailable.
    """
    now, loaded = chain_time(market), _load(market)
    over = [lease for lease in loaded.leases if lease.lease_id in without]
    asks = _place_asks(market, loaded, now, now, over)
    return [one for one in asks if one.ask.valid_until >= now]


def _load(market: Market) -> _Loaded:
    committee = market.chain.committee()
    with market.store.read() as tx:
        leases = tx.leases.open()
        opened = {(lease.bid_hash, lease.provider) for lease in leases}
        reserved = [one for one in tx.matches.reserved() if (one.bid_hash, one.provider) not in opened]
        taken = {match.bid_hash for match in reserved}
        bids = [record for record in tx.bids.live() if record.bid_hash not in taken]
        return _Loaded(
            bids=bids,
            asks=tx.asks.live(),
            leases=leases,
            reserved=reserved,
            reserved_bids=tx.bids.load(taken),
            units=count_units(tx, [*leases, *reserved]),
            judged=judged_sandboxes(tx, committee),
            held=find_held(tx, bids),
        )


def _place_asks(
    market: Market, loaded: _Loaded, now: int, at: int, over: Sequence[LeaseRecord] = ()
) -> list[PlacedAsk]:
    """Nodes that show signs of life and are not leaving, with the units and the stake that their provider has left."""
    alive_since = market.clock.now() - market.rules.node_silence_seconds
    alive = [record for record in loaded.asks if record.last_seen >= alive_since and not record.drains_by]
    promised: dict[str, int] = {}
    for match in loaded.reserved:
        promised[match.provider] = promised.get(match.provider, 0) + match.price
    accounts = {one: market.chain.provider_account(one) for one in {record.ask.provider for record in alive}}
    opened = {provider: account.open_leases for provider, account in accounts.items()}
    for lease in over:
        opened[lease.provider] = max(0, opened.get(lease.provider, 0) - 1)
        promised[lease.provider] = promised.get(lease.provider, 0) - lease.price
    leases = [lease for lease in loaded.leases if lease not in over]
    calendars = load_calendars(leases, loaded.reserved, loaded.reserved_bids, loaded.units, opened, now, market.rules)
    placed = []
    for record in alive:
        provider = record.ask.provider
        account = accounts[provider]
        if at > now and record.ask.valid_until < at + OPENING_SECONDS:
            continue
        gap = calendars.of(record.ask).gap(at)
        placed.append(
            PlacedAsk(
                ask=record.ask,
                signature=record.signature,
                profile=record.profile,
                ask_hash=record.ask_hash,
                free_units=gap.units,
                free_until=calendars.last_deadline(gap),
                available_stake=max(0, account.cover - account.covered - promised.get(provider, 0)),
                settled_leases=account.settled,
                is_judged=is_judged(record.profile, loaded.judged),
            )
        )
    return placed


def _place_bids(market: Market, loaded: _Loaded, now: int) -> tuple[list[PlacedBid], dict[str, str]]:
    """Bids in the order in which they came, as far as their renter's account covers them and their salts can open."""
    accounts = {one: market.chain.renter_account(one) for one in {record.bid.renter for record in loaded.bids}}
    left = {renter: account.free for renter, account in accounts.items()}
    for match in loaded.reserved:
        renter = loaded.reserved_bids[match.bid_hash].bid.renter
        if renter in left:
            left[renter] -= match.price
    lowest: dict[str, int] = {}
    for bid in [record.bid for record in (*loaded.reserved_bids.values(), *loaded.bids)]:
        if bid.renter in accounts and not accounts[bid.renter].is_void(bid.salt):
            lowest[bid.renter] = min(bid.salt, lowest.get(bid.renter, bid.salt))
    placed: list[PlacedBid] = []
    left_out: dict[str, str] = {}
    for record in loaded.bids:
        renter = record.bid.renter
        reason = loaded.held.get(record.bid_hash)
        reason = reason or _unopenable(record, accounts[renter], lowest.get(renter, 0), now)
        if reason is None and record.locked_at_most > left[renter]:
            reason = (
                f"The escrow holds {format_usdc(max(0, left[renter]))} USDC that are free for this bid;"
                f" it may lock {format_usdc(record.locked_at_most)} USDC."
            )
        if reason is not None:
            left_out[record.bid_hash] = reason
            continue
        left[renter] -= record.locked_at_most
        placed.append(PlacedBid(record.bid, record.signature, record.job_spec, record.bid_hash))
    return placed, left_out


def _unopenable(record: BidRecord, account: RenterAccount, lowest: int, now: int) -> str | None:
    """Why the bid sits out, whatever anybody offers; `lowest` is the smallest salt that its renter's bids wait with."""
    if record.held_until > now:
        return record.reason
    if account.is_void(record.bid.salt):
        return f"Its salt {record.bid.salt} is used or cancelled on chain."
    if record.bid.salt >= lowest + SALT_WINDOW:
        return f"Its salt {record.bid.salt} waits for the bid with the salt {lowest}, which it would void by opening."
    return None
