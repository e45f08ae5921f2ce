"""What the contracts' events alone say about one market's leases, and where a database says something else. Pure.

Written apart from what the follower does with the same events (`services/apply_event.py`): two accounts of one history
that agree are a proof, one account compared with itself is none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from marketplace.domain.chain import (
    BlockRef,
    ChainEvent,
    CloseReason,
    LeaseClaimed,
    LeaseClosed,
    LeaseDisputed,
    LeaseOpened,
    LeasesSettled,
    SettledLease,
)
from marketplace.domain.leases import LeaseRecord
from marketplace.protocol.units import BPS

_OPENED = (
    "bid_hash", "renter", "provider", "price", "fee_bps", "deadline", "salt", "group", "place", "round_digest",
)  # fmt: skip
"""Fields that `LeaseOpened` and `LeaseRecord` have in common; block and transaction stand in its origin."""
_CLOSED = ("outcome", "paid", "fee", "refund", "result_digest", "reason", "block", "tx_hash")


@dataclass(frozen=True, slots=True)
class Entry:
    """One lease. Micro-USDC, unix seconds; `facts` as the columns of the database name them, the rest None until then.

    `closing`: outcome, paid, fee, refund, result digest, reason, block, transaction. `claim`: pay, result digest,
    until, block; `dispute`: bond, until, block.
    """

    facts: tuple[object, ...]
    closing: tuple[object, ...] | None = None
    claim: tuple[object, ...] | None = None
    dispute: tuple[object, ...] | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """What chain and database say about one lease; `fact` is what of it, None where there is nothing."""

    lease_id: str
    fact: str
    chain: object
    database: object

    def __str__(self) -> str:
        return f"lease {self.lease_id}: {self.fact} is {self.chain} on chain, {self.database} in the database"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Chain and database up to the block `at` that the database has followed; None where it is not the chain's."""

    at: BlockRef | None
    leases: int
    differences: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Whether the database was compared, and says the same."""
        return self.at is not None and not self.differences


@dataclass(slots=True)
class Ledger:
    """Leases of one market by id, built event by event in the order of the chain."""

    market: str
    entries: dict[str, Entry] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """What no contract allows: a lease that ends twice, or comes to more or less than was locked."""
    _places: dict[tuple[int, int], LeaseOpened] = field(default_factory=dict)
    _opened: dict[str, LeaseOpened] = field(default_factory=dict)

    def read(self, events: Iterable[ChainEvent]) -> None:
        """Take in the next events; those of other markets change nothing."""
        for event in events:
            if isinstance(event, LeaseOpened) and event.market == self.market:
                self._open(event)
            elif isinstance(event, LeasesSettled) and event.market == self.market:
                for one in event.settled:
                    self._settle(event, one)
            elif isinstance(event, LeaseClosed) and event.lease_id in self.entries:
                amounts = event.outcome, event.paid, event.fee, event.refund
                end = *amounts, event.result_digest, event.reason, event.origin.block_number, event.origin.tx_hash
                self._close(event.lease_id, end)
            elif isinstance(event, LeaseClaimed) and event.lease_id in self.entries:
                self._leave_place(event.lease_id)
                claim = event.pay, event.result_digest, event.until, event.origin.block_number
                self._change(event.lease_id, claim=claim)
            elif isinstance(event, LeaseDisputed) and event.lease_id in self.entries:
                self._change(event.lease_id, dispute=(event.bond, event.until, event.origin.block_number))

    def _open(self, event: LeaseOpened) -> None:
        if event.lease_id in self.entries:
            self.faults.append(f"lease {event.lease_id} opened twice")
        facts = (*(getattr(event, name) for name in _OPENED), event.origin.block_number, event.origin.tx_hash)
        self.entries[event.lease_id] = Entry(facts)
        self._opened[event.lease_id] = self._places[event.group, event.place] = event

    def _settle(self, event: LeasesSettled, one: SettledLease) -> None:
        opened = self._places.get((one.group, one.place))
        if opened is None:
            self.faults.append(f"a verdict on place {one.place} of group {one.group}, where no lease is open")
            return
        fee = one.pay * opened.fee_bps // BPS
        amounts = one.outcome, one.pay - fee, fee, opened.price - one.pay
        end = *amounts, one.result_digest, CloseReason.VERDICT, event.origin.block_number, event.origin.tx_hash
        self._close(opened.lease_id, end)

    def _close(self, lease_id: str, closing: tuple[object, ...]) -> None:
        self._leave_place(lease_id)
        if self.entries[lease_id].closing is not None:
            self.faults.append(f"lease {lease_id} ended twice")
        paid, fee, refund = (int(str(amount)) for amount in closing[1:4])
        if min(paid, fee, refund) < 0 or paid + fee + refund != self._opened[lease_id].price:
            self.faults.append(f"lease {lease_id}: {paid} paid, {fee} fee and {refund} back are not what was locked")
        self._change(lease_id, closing=closing)

    def _leave_place(self, lease_id: str) -> None:
        opened = self._opened[lease_id]
        if self._places.get((opened.group, opened.place)) == opened:
            del self._places[opened.group, opened.place]

    def _change(self, lease_id: str, **changes: tuple[object, ...]) -> None:
        self.entries[lease_id] = replace(self.entries[lease_id], **changes)


def entry_of(lease: LeaseRecord) -> Entry:
    """The same of a lease in the database."""
    facts = (*(getattr(lease, name) for name in _OPENED), lease.opened_block, lease.opened_tx)
    end, claim = lease.closing, lease.claim
    dispute = claim.dispute if claim is not None else None
    return Entry(
        facts,
        None if end is None else tuple(getattr(end, name) for name in _CLOSED),
        None if claim is None else (claim.pay, claim.result_digest, claim.until, claim.block),
        None if dispute is None else (dispute.bond, dispute.until, dispute.block),
    )


def find_differences(chain: Mapping[str, Entry], database: Mapping[str, Entry]) -> list[Difference]:
    """Where the two are not the same, by lease."""
    found = []
    for lease_id in sorted(chain.keys() | database.keys()):
        ours, theirs = chain.get(lease_id), database.get(lease_id)
        if ours is None or theirs is None:
            found.append(Difference(lease_id, "lease", _presence(ours), _presence(theirs)))
            continue
        names = (*_OPENED, "block", "transaction")
        found += [
            Difference(lease_id, name, one, other)
            for name, one, other in zip(names, ours.facts, theirs.facts, strict=True)
            if one != other
        ]
        found += [
            Difference(lease_id, name, getattr(ours, name), getattr(theirs, name))
            for name in ("closing", "claim", "dispute")
            if getattr(ours, name) != getattr(theirs, name)
        ]
    return found


def _presence(entry: Entry | None) -> str:
    return "missing" if entry is None else "there"
