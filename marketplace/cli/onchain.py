"""Leases as the chain has them: what `--on-chain` commands act on, with the market's help or without it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from marketplace.cli.context import Market
from marketplace.cli.output import talk
from marketplace.errors import MalformedMessage, NotFound, ServiceUnavailable

if TYPE_CHECKING:
    from marketplace.domain.chain import BlockRef, ChainEvent, ClaimView
    from marketplace.protocol.packing import ClaimedLease, LeaseGroup, LeaseTerms


class LeaseReader(Protocol):
    """What is asked of the chain. All raise ChainUnavailable."""

    @property
    def deployed_at_block(self) -> int: ...
    def head(self) -> "BlockRef": ...
    def events(self, first: int, last: int) -> "list[ChainEvent]": ...
    def is_open(self, group: "LeaseGroup", place: int) -> bool: ...
    def claim(self, lease_id: str) -> "ClaimView": ...
    def find_group(self, lease_id: str) -> "tuple[LeaseGroup, int] | None": ...


@dataclass(frozen=True, slots=True)
class ChainLease:
    """One lease: where it stands in its group, whether it is open there, and the claim on it."""

    lease_id: str
    group: "LeaseGroup"
    place: int
    is_open: bool
    claim: "ClaimView"

    @property
    def is_claimed(self) -> bool:
        """Whether its provider claimed its pay, and nobody has decided about that yet."""
        return self.claim.state.name == "CLAIMED"

    @property
    def is_disputed(self) -> bool:
        """Whether its renter disputes the claim."""
        return self.claim.state.name == "DISPUTED"

    @property
    def terms(self) -> "LeaseTerms":
        """What the escrow keeps of it."""
        return self.group.leases[self.place]

    @property
    def claimed(self) -> "ClaimedLease":
        """As calls about a claimed lease take it."""
        from marketplace.protocol.packing import ClaimedLease

        return ClaimedLease(self.lease_id, *self.terms.words())


def find_lease(reader: LeaseReader, lease_id: str, shown: dict[str, Any] | None, operator: str) -> ChainLease:
    """A lease by its id; `shown`, the market's document of it, spares a search of the chain. Raises NotFound."""
    from marketplace.client.groups import lease_group

    try:
        found = lease_group(shown, operator) if shown is not None else None
    except MalformedMessage:
        found = None
    found = found or reader.find_group(lease_id)
    if found is None:
        raise NotFound("lease", lease_id)
    return ChainLease(lease_id, *found, is_open=reader.is_open(*found), claim=reader.claim(lease_id))


def job_leases(market: Market, reader: LeaseReader, job_id: str) -> list[ChainLease]:
    """The leases of a job that the escrow has not closed; from the chain's logs alone where the market is away."""
    from marketplace.domain.chain import LeaseOpened

    shown: Sequence[dict[str, Any]]
    try:
        with market.client() as client:
            shown, operator = client.job(job_id)["leases"], client.config()["market"]
    except ServiceUnavailable:
        talk().print("The market does not answer; looking the leases up on the chain.", style="dim")
        events = reader.events(reader.deployed_at_block, reader.head().number)
        opened = [event for event in events if isinstance(event, LeaseOpened) and event.bid_hash == job_id]
        shown, operator = [{"leaseId": event.lease_id} for event in opened], ""
    found = [find_lease(reader, each["leaseId"], each, operator) for each in shown if not each.get("outcome")]
    return [each for each in found if each.is_open or each.is_claimed or each.is_disputed]


def one_lease(market: Market, reader: LeaseReader, lease_id: str) -> ChainLease:
    """A lease by its id, with the market's help where it answers. Raises NotFound."""
    try:
        with market.client() as client:
            return find_lease(reader, lease_id, client.lease(lease_id), client.config()["market"])
    except (ServiceUnavailable, NotFound):
        return find_lease(reader, lease_id, None, "")


def by_group(leases: Sequence[ChainLease]) -> list[tuple["LeaseGroup", tuple[int, ...]]]:
    """Groups with the places of these leases in them."""
    places: dict[LeaseGroup, list[int]] = {}
    for lease in leases:
        places.setdefault(lease.group, []).append(lease.place)
    return [(group, tuple(sorted(each))) for group, each in places.items()]
