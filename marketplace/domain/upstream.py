"""What became of the jobs that another one needs, by the contracts' events alone. Pure.

A lease's needs are looked at as of the event that opened it: what the chain said by then stays as it was, so that a
provider and every oracle find the same, whenever they look and whatever a market tells them. Nobody chooses between two
results either: of several paid leases that are named together, the one that was closed first counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from marketplace.domain.chain import (
    ChainEvent,
    EventOrigin,
    LeaseClosed,
    LeaseOpened,
    LeasesSettled,
)
from marketplace.protocol.enums import Outcome
from marketplace.protocol.upstream import Need, Place

Moment = tuple[int, int]
"""Block and place of the log in it: the order of the chain."""


@dataclass(frozen=True, slots=True)
class Past:
    """One lease: when it opened, and how it ended where it has."""

    lease_id: str
    opened: Moment
    closed: Moment | None = None
    is_paid: bool = False
    result_digest: str = ""

    def was_closed(self, at: Moment) -> bool:
        """Whether it had ended before that."""
        return self.closed is not None and self.closed < at


@dataclass(frozen=True, slots=True)
class Met:
    """A need that is met: the lease whose result counts, and that result's digest, as the chain has it."""

    need: Need
    lease_id: str
    result_digest: str


@dataclass(slots=True)
class History:
    """Every bid's leases, built event by event in the order of the chain."""

    _of_bid: dict[str, list[str]] = field(default_factory=dict)
    _leases: dict[str, Past] = field(default_factory=dict)
    _at: dict[tuple[str, int, int], str] = field(default_factory=dict)
    """Which lease a market, group and place mean now: a number is used again."""

    def read(self, events: Iterable[ChainEvent]) -> None:
        """Take in the next events."""
        for event in events:
            if isinstance(event, LeaseOpened):
                self._open(event)
            elif isinstance(event, LeasesSettled):
                self._settle(event)
            elif isinstance(event, LeaseClosed) and event.lease_id in self._leases:
                self._close(event.lease_id, event.origin, event.outcome, event.result_digest)

    def moment_of(self, bid_hash: str) -> Moment | None:
        """When the bid's leases opened, all in one transaction; None where none has."""
        leases = self._leases_of(bid_hash)
        return min(one.opened for one in leases) if leases else None

    def find_met(self, place: Place, at: Moment) -> tuple[list[Met], str]:
        """How each need was met by then, and what stood in the way; empty where nothing did."""
        met: list[Met] = []
        for bid_hash in place.instead_of:
            obstacle = self._find_not_failed(bid_hash, at)
            if obstacle:
                return [], obstacle
        for need in place.needs:
            first = self._first_paid(need, at)
            if first is None:
                return [], f"none of the bids {', '.join(need.bids)} had been paid when its lease opened"
            met.append(Met(need, first.lease_id, first.result_digest))
        return met, ""

    def _find_not_failed(self, bid_hash: str, at: Moment) -> str:
        """Why another bid in that one's stead does not count yet."""
        leases = [one for one in self._leases_of(bid_hash) if one.opened < at]
        if not leases:
            return f"the bid {bid_hash}, in whose stead it stands, had never been opened when its lease opened"
        if not all(one.was_closed(at) for one in leases):
            return f"the bid {bid_hash}, in whose stead it stands, had not ended when its lease opened"
        if any(one.is_paid for one in leases):
            return f"the bid {bid_hash}, in whose stead it stands, was paid"
        return ""

    def _first_paid(self, need: Need, at: Moment) -> Past | None:
        leases = (one for bid_hash in need.bids for one in self._leases_of(bid_hash))
        paid = [one for one in leases if one.is_paid and one.was_closed(at)]
        return min(paid, key=lambda one: (one.closed, one.lease_id), default=None)

    def _leases_of(self, bid_hash: str) -> list[Past]:
        return [self._leases[lease_id] for lease_id in self._of_bid.get(bid_hash, ())]

    def _open(self, event: LeaseOpened) -> None:
        if event.lease_id not in self._leases:
            self._of_bid.setdefault(event.bid_hash, []).append(event.lease_id)
        self._leases[event.lease_id] = Past(event.lease_id, _moment(event.origin))
        self._at[event.market, event.group, event.place] = event.lease_id

    def _settle(self, event: LeasesSettled) -> None:
        for one in event.settled:
            lease_id = self._at.get((event.market, one.group, one.place))
            if lease_id is not None:
                self._close(lease_id, event.origin, one.outcome, one.result_digest)

    def _close(self, lease_id: str, origin: EventOrigin, outcome: Outcome, result_digest: str) -> None:
        is_paid = outcome == Outcome.PAID
        self._leases[lease_id] = replace(
            self._leases[lease_id], closed=_moment(origin), is_paid=is_paid, result_digest=result_digest
        )


def _moment(origin: EventOrigin) -> Moment:
    return origin.block_number, origin.log_index
