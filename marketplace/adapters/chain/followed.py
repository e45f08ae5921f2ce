"""What becomes of one bid, by the escrow's events alone; `followBid` of the npm package says the same."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from marketplace.adapters.chain.contracts import Contracts
from marketplace.adapters.chain.reader import ChainReader
from marketplace.domain.chain import ChainEvent, LeaseClaimed, LeaseClosed, LeaseDisputed, LeaseOpened, LeasesSettled
from marketplace.protocol.enums import Outcome


@dataclass(frozen=True, slots=True)
class FollowedLease:
    """A lease as the last event about it left it. `pay` is before the fee, micro-USDC: claimed, or in the end due."""

    opened: LeaseOpened
    state: str = "open"
    """open, claimed, disputed or closed."""
    outcome: Outcome | None = None
    pay: int | None = None
    result_digest: str | None = None


class BidFollower:
    """The leases of one bid. Takes events one by one, in their order and from before the bid was signed on."""

    def __init__(self, bid_hash: str) -> None:
        self._bid_hash = bid_hash
        self._leases: dict[str, FollowedLease] = {}

    def take(self, event: ChainEvent) -> list[FollowedLease]:
        """The bid's leases that this event changed, as they are now."""
        if isinstance(event, LeaseOpened) and event.bid_hash == self._bid_hash:
            self._leases[event.lease_id] = FollowedLease(event)
            return [self._leases[event.lease_id]]
        if isinstance(event, LeasesSettled):
            return self._settled(event)
        if isinstance(event, LeaseClaimed):
            return self._change(event.lease_id, state="claimed", pay=event.pay, result_digest=event.result_digest)
        if isinstance(event, LeaseDisputed):
            return self._change(event.lease_id, state="disputed")
        if isinstance(event, LeaseClosed):
            end = {"outcome": event.outcome, "pay": event.paid + event.fee, "result_digest": event.result_digest}
            return self._change(event.lease_id, state="closed", **end)
        return []

    def _settled(self, event: LeasesSettled) -> list[FollowedLease]:
        # A group's number is used again: only what is open now can be meant.
        places = {
            (one.opened.group, one.opened.place): lease_id
            for lease_id, one in self._leases.items()
            if one.state == "open" and one.opened.market == event.market
        }
        told = []
        for end in event.settled:
            if lease_id := places.get((end.group, end.place)):
                verdict = {"outcome": end.outcome, "pay": end.pay, "result_digest": end.result_digest}
                told += self._change(lease_id, state="closed", **verdict)
        return told

    def _change(self, lease_id: str, **changes: object) -> list[FollowedLease]:
        if lease_id not in self._leases:
            return []
        self._leases[lease_id] = replace(self._leases[lease_id], **changes)
        return [self._leases[lease_id]]


def follow_bid(contracts: Contracts, bid_hash: str, first_block: int, seconds: float = 0.5) -> Iterator[FollowedLease]:
    """What becomes of a bid's leases from a block on, for ever: asks the node again every `seconds`.

    Believes the newest block: whoever cannot live with a reorganisation waits for confirmations. Raises
    ChainUnavailable.
    """
    reader, follower = ChainReader(contracts), BidFollower(bid_hash)
    while True:
        head = reader.head().number
        if head >= first_block:
            for event in reader.events(first_block, head):
                yield from follower.take(event)
            first_block = head + 1
        time.sleep(seconds)
