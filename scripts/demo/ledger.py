"""The audit: every micro-USDC that anybody had before is somewhere afterwards, by the contracts and by their events.

`replay` rebuilds every balance from the events alone; `audit` holds that against what the contracts report and what the
tokens themselves say. Nothing here trusts the market.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from marketplace.domain.chain import (
    ChainEvent,
    Deposited,
    LeaseClosed,
    LeaseOpened,
    Slashed,
    StakeState,
    Withdrawn,
)
from marketplace.protocol.enums import Outcome


class Reader(Protocol):
    """What the audit asks the chain."""

    def token_balance(self, account: str) -> int: ...
    def balance(self, account: str): ...
    def stake(self, provider: str) -> StakeState: ...
    def fees(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Holding:
    """What one party has, micro-USDC."""

    wallet: int
    free: int
    stake: int
    """Active and unbonding together; cover of open leases is part of it."""

    @property
    def total(self) -> int:
        """Everything that is this party's."""
        return self.wallet + self.free + self.stake


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All parties at one moment, and what the two contracts hold for them."""

    holdings: dict[str, Holding]
    escrow_tokens: int
    stake_tokens: int
    fees: int

    @property
    def everything(self) -> int:
        """All tokens in sight: in wallets and in the contracts."""
        return sum(each.wallet for each in self.holdings.values()) + self.escrow_tokens + self.stake_tokens


@dataclass(slots=True)
class Replayed:
    """The escrow rebuilt from events."""

    free: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    locked: dict[str, int] = field(default_factory=dict)
    """By lease that is still open."""
    fees: int = 0
    slashed: int = 0
    opened: dict[str, LeaseOpened] = field(default_factory=dict)
    closed: dict[str, LeaseClosed] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """One sentence that must be true, with the numbers that make it so."""

    claim: str
    holds: bool
    detail: str


def take_snapshot(reader: Reader, parties: Mapping[str, str], escrow: str, stake: str) -> Snapshot:
    """Read everybody's money; `parties` maps names to addresses."""
    holdings = {}
    for name, address in parties.items():
        bond = reader.stake(address)
        holdings[name] = Holding(
            wallet=reader.token_balance(address),
            free=reader.balance(address).free,
            stake=bond.active + bond.unbonding,
        )
    return Snapshot(holdings, reader.token_balance(escrow), reader.token_balance(stake), reader.fees())


def replay(events: Iterable[ChainEvent]) -> Replayed:
    """Rebuild the escrow's books from its events, in chain order."""
    books = Replayed()
    for event in events:
        match event:
            case Deposited():
                books.free[event.account] += event.amount
            case Withdrawn():
                books.free[event.account] -= event.amount
            case LeaseOpened():
                books.opened[event.lease_id] = event
                books.locked[event.lease_id] = event.price
                books.free[event.renter] -= event.price
            case LeaseClosed():
                lease = books.opened[event.lease_id]
                books.closed[event.lease_id] = event
                del books.locked[event.lease_id]
                books.free[lease.provider] += event.paid
                books.free[lease.renter] += event.refund
                books.fees += event.fee
            case Slashed():
                books.slashed += event.amount
                books.free[books.opened[event.lease_id].renter] += event.amount
    return books


def audit(before: Snapshot, after: Snapshot, books: Replayed, parties: Mapping[str, str]) -> list[Check]:
    """Every sentence of the final check."""
    free = sum(each.free for each in after.holdings.values())
    locked = sum(books.locked.values())
    checks = [
        Check(
            "the escrow's tokens are what is free, locked and collected as fees",
            after.escrow_tokens == free + locked + after.fees,
            f"{after.escrow_tokens} == {free} + {locked} + {after.fees}",
        ),
        Check(
            "the stake contract's tokens are the stakes",
            after.stake_tokens == sum(each.stake for each in after.holdings.values()),
            f"{after.stake_tokens} == {sum(each.stake for each in after.holdings.values())}",
        ),
        Check(
            "as much money as before, over all wallets and both contracts",
            before.everything == after.everything,
            f"{before.everything} == {after.everything}",
        ),
        Check(
            "what all parties gained and lost sums to minus the fees",
            sum(after.holdings[name].total - before.holdings[name].total for name in parties)
            == -(after.fees - before.fees) - (locked),
            f"fees {after.fees - before.fees}, still locked {locked}",
        ),
        Check("no lease is left open", not books.locked, f"{len(books.closed)} closed, {len(books.locked)} open"),
    ]
    checks += _lease_checks(books)
    checks += _replay_checks(after, books, parties)
    return checks


def _lease_checks(books: Replayed) -> list[Check]:
    uneven = [
        lease_id
        for lease_id, end in books.closed.items()
        if end.paid + end.fee + end.refund != books.opened[lease_id].price
    ]
    unpaid = [
        lease_id for lease_id, end in books.closed.items() if end.outcome is not Outcome.PAID and (end.paid or end.fee)
    ]
    frauds = sum(
        books.opened[lease_id].penalty for lease_id, end in books.closed.items() if end.outcome is Outcome.FRAUD
    )
    return [
        Check(
            "of every lease, paid + fee + refund is what it had locked",
            not uneven,
            f"{len(books.closed)} leases{f', not {uneven}' if uneven else ''}",
        ),
        Check("nobody was paid for a job that failed or was forged", not unpaid, f"{len(unpaid)} such payments"),
        Check(
            "stakes were slashed by the penalties of the forged leases",
            books.slashed == frauds,
            f"{books.slashed} == {frauds}",
        ),
    ]


def _replay_checks(after: Snapshot, books: Replayed, parties: Mapping[str, str]) -> list[Check]:
    wrong = [name for name, address in parties.items() if books.free.get(address, 0) != after.holdings[name].free]
    strangers = [address for address, amount in books.free.items() if amount and address not in parties.values()]
    return [
        Check(
            "the events alone give every balance and the fees",
            not wrong and not strangers and books.fees == after.fees,
            f"{len(parties)} accounts{f', not {wrong + strangers}' if wrong or strangers else ''}",
        )
    ]
