"""What the services need of a database for workflows, as a protocol."""

from typing import Protocol

from marketplace.domain.orders import BidRecord
from marketplace.domain.paging import Page
from marketplace.domain.workflows import WorkflowRecord


class Workflows(Protocol):
    """Which bids were placed together as a workflow."""

    def add(self, record: WorkflowRecord) -> None:
        """A bid is part of one workflow only: it says itself of how many."""
        ...

    def get(self, workflow_id: str) -> WorkflowRecord | None: ...
    def holds(self, bid_hash: str) -> bool:
        """Whether the bid was placed as part of one."""
        ...

    def live_bids(self) -> list[BidRecord]:
        """Bids of workflows that can still be matched, in the order in which they came."""
        ...

    def page(self, *, renter: str | None, cursor: str | None, limit: int) -> Page[WorkflowRecord]: ...
