"""The escrow's books, rebuilt from its events alone."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from marketplace.domain.chain import (
    ChainEvent,
    CloseReason,
    Deposited,
    LeaseClaimed,
    LeaseClosed,
    LeaseDisputed,
    LeaseOpened,
    LeasesSettled,
    Slashed,
    Withdrawn,
)
from marketplace.protocol.enums import Outcome

ORACLE_SHARE_BPS, BPS = 2_000, 10_000
"""Of a batch's fees, for the oracles that signed it (`FeeLib.sol`)."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a lease ended, micro-USDC; `paid` is net of the fee."""

    outcome: Outcome
    paid: int
    fee: int
    refund: int


@dataclass(slots=True)
class Replayed:
    """The escrow rebuilt from events."""

    free: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    locked: dict[str, int] = field(default_factory=dict)
    """By lease that is still open or claimed."""
    claimed: dict[str, int] = field(default_factory=dict)
    """What was claimed, by lease."""
    disputed: dict[str, int] = field(default_factory=dict)
    """Bonds at stake, by lease whose dispute is not decided."""
    fees: int = 0
    """The treasury's and the oracles' together."""
    shares: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    """Of them the oracles', by epoch of the committee and index of the member."""
    slashed: int = 0
    opened: dict[str, LeaseOpened] = field(default_factory=dict)
    closed: dict[str, Ended] = field(default_factory=dict)
    places: dict[tuple[str, int, int], str] = field(default_factory=dict)
    """The lease that is open at a place of a market's group."""


def replay(events: Iterable[ChainEvent]) -> Replayed:
    """Rebuild the escrow's books from its events, in chain order."""
    books = Replayed()
    for event in events:
        match event:
            case Deposited():
                books.free[event.account] += event.amount
            case Withdrawn():
                books.free[event.account] -= event.from_free + event.from_earned
            case LeaseOpened():
                books.opened[event.lease_id] = event
                books.locked[event.lease_id] = event.price
                books.places[event.market, event.group, event.place] = event.lease_id
                books.free[event.renter] -= event.price
            case LeasesSettled():
                _settle(books, event)
            case LeaseClosed():
                _return_bond(books, event)
                _close(books, event.lease_id, Ended(event.outcome, event.paid, event.fee, event.refund))
            case LeaseClaimed():
                books.claimed[event.lease_id] = event.pay
                _leave_place(books, event.lease_id)
            case LeaseDisputed():
                books.disputed[event.lease_id] = event.bond
                books.free[event.renter] -= event.bond
            case Slashed():
                books.slashed += event.amount
                books.free[books.opened[event.lease_id].renter] += event.amount
    return books


def _settle(books: Replayed, event: LeasesSettled) -> None:
    fees = 0
    for one in event.settled:
        lease = books.opened[books.places[event.market, one.group, one.place]]
        fee = one.pay * lease.fee_bps // BPS
        _close(books, lease.lease_id, Ended(one.outcome, one.pay - fee, fee, lease.price - one.pay))
        fees += fee
    for index in range(event.signers.bit_length()):
        if event.signers >> index & 1:
            books.shares[event.epoch, index] += fees * ORACLE_SHARE_BPS // BPS // event.signers.bit_count()


def _close(books: Replayed, lease_id: str, end: Ended) -> None:
    lease = books.opened[lease_id]
    books.closed[lease_id] = end
    del books.locked[lease_id]
    _leave_place(books, lease_id)
    books.free[lease.provider] += end.paid
    books.free[lease.renter] += end.refund
    books.fees += end.fee


def _return_bond(books: Replayed, event: LeaseClosed) -> None:
    """A dispute's bond is the provider's if the oracles found that all that it claimed is due."""
    bond, lease = books.disputed.pop(event.lease_id, 0), books.opened[event.lease_id]
    due = event.outcome is Outcome.PAID and event.paid + event.fee >= books.claimed.get(event.lease_id, 0)
    is_provider = event.reason is CloseReason.VERDICT and due
    books.free[lease.provider if is_provider else lease.renter] += bond


def _leave_place(books: Replayed, lease_id: str) -> None:
    lease = books.opened[lease_id]
    place = lease.market, lease.group, lease.place
    if books.places.get(place) == lease_id:
        del books.places[place]
