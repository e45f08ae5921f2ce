"""What the services need of a database for leases and what they come from, as protocols."""

from collections.abc import Collection, Sequence
from typing import Protocol

from marketplace.domain.jobs import JobState
from marketplace.domain.leases import Claim, Closing, LeaseRecord, MatchRecord
from marketplace.domain.paging import Page


class Leases(Protocol):
    """What the chain's events say about leases: written by the follower alone."""

    def add(self, lease: LeaseRecord) -> bool:
        """True if it was new; an event seen twice changes nothing."""
        ...

    def close(self, lease_id: str, closing: Closing) -> bool:
        """True if the lease was open here."""
        ...

    def claim(self, lease_id: str, claim: Claim) -> bool:
        """True if the lease was open here, and not claimed or disputed in this way already."""
        ...

    def load(self, lease_ids: Collection[str]) -> dict[str, LeaseRecord]:
        """Those of them that there are, in one look; `get` needs none for them after that."""
        ...

    def standing_in(self, group: int) -> dict[int, LeaseRecord]:
        """By place the leases that are open there: neither closed nor claimed, which leave the place to another."""
        ...

    def of_group(self, group: int, opened_tx: str) -> list[LeaseRecord]:
        """All that this transaction opened in the group, by place."""
        ...

    def get(self, lease_id: str) -> LeaseRecord | None: ...
    def of_bid(self, bid_hash: str) -> list[LeaseRecord]: ...
    def of_bids(self, bid_hashes: Collection[str]) -> dict[str, list[LeaseRecord]]: ...
    def open(self) -> list[LeaseRecord]:
        """Leases that the chain has not closed."""
        ...

    def page(
        self,
        *,
        provider: str | None,
        agent: str | None,
        renter: str | None,
        states: Sequence[str],
        cursor: str | None,
        limit: int,
    ) -> Page[LeaseRecord]: ...
    def count_by_stage(self) -> dict[str, int]: ...
    def set_stage(self, lease_id: str, stage: JobState) -> None: ...
    def roll_back(self, block: int) -> list[LeaseRecord]:
        """Forget what happened to leases above `block`; those concerned, as they were before."""
        ...


class Matches(Protocol):
    """What the market planned."""

    def add(self, match: MatchRecord) -> int:
        """Its id; `match.id` is not looked at."""
        ...

    def get(self, match_id: int) -> MatchRecord | None: ...
    def reserved(self) -> list[MatchRecord]:
        """Matches whose lease is not on chain yet."""
        ...

    def of_bid(self, bid_hash: str) -> list[MatchRecord]: ...
    def of_bids(self, bid_hashes: Collection[str]) -> dict[str, list[MatchRecord]]: ...
    def of_round(self, number: int) -> list[MatchRecord]: ...
    def of_outbox(self, outbox_id: int) -> list[MatchRecord]: ...
    def of_lease(self, lease_id: str) -> list[MatchRecord]: ...
    def reserve_again(self, match_id: int) -> None:
        """Its lease, or its being left out, was reorganised away: the transaction is to come again."""
        ...

    def open(self, match_id: int, lease_id: str) -> None: ...
    def drop(self, match_id: int, reason: str, block: int | None) -> None:
        """`block` is where the contract left it out, if that was on chain."""
        ...

    def move(self, match_id: int, outbox_id: int) -> None: ...
    def roll_back(self, block: int) -> list[MatchRecord]:
        """Matches that the contract left out above `block` are reserved again; they, as they were before."""
        ...
