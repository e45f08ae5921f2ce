"""What forgetting, and telling others of what happens, need of a database, as protocols."""

from collections.abc import Collection, Iterator
from typing import Protocol

from marketplace.domain.feed import FeedEvent
from marketplace.domain.retention import BlobUse, Kept


class Forgetting(Protocol):
    """What may be forgotten. `unplaceable`: no order that was placed before that time can be placed again."""

    def count(self, kind: Kept, before: int, unplaceable: int) -> int:
        """How many rows of this kind there are to forget."""
        ...

    def forget(self, kind: Kept, before: int, unplaceable: int, limit: int) -> int:
        """Forget at most so many; how many it were."""
        ...

    def uses(self, bids_after: int = 0, since: int = 0) -> Iterator[BlobUse]:
        """Every use of a blob, or those of bids with a greater id and of what was received since then."""
        ...

    def last_bid(self) -> int:
        """The id of the newest bid; 0 without one."""
        ...

    def doom(self, digests: Collection[str]) -> None:
        """They are about to be deleted: nobody may name them."""
        ...

    def doomed(self) -> list[str]:
        """Those whose deletion was begun and not noted as done."""
        ...

    def gone(self, digests: Collection[str], at: int) -> None: ...
    def find(self, digests: Collection[str]) -> dict[str, int | None]:
        """Of these, what is being deleted (None) or is gone (since when)."""
        ...

    def came_back(self, digest: str) -> None: ...
    def clear(self, before: int) -> None:
        """No more word of what was gone before then."""
        ...

    def position(self, name: str) -> int:
        """How far whoever has this name is; 0 at first."""
        ...

    def move(self, name: str, position: int) -> None: ...


class Feed(Protocol):
    """What has happened, in the order in which it was committed."""

    def history(self) -> str:
        """The name of what rows are numbered in; empty where the database was never put in another's place."""
        ...

    def begin_history(self, name: str) -> None:
        """Numbers that others keep from before are of another one from now on."""
        ...

    def events_after(self, position: int, limit: int) -> list[FeedEvent]:
        """Of all jobs' timelines."""
        ...

    def rounds_after(self, position: int, limit: int) -> list[FeedEvent]: ...


class UpkeepTransaction(Protocol):
    """The part of a transaction that is about neither orders nor leases."""

    @property
    def forgetting(self) -> Forgetting: ...
    @property
    def feed(self) -> Feed: ...
