"""What pages need from a database that replicas may answer for, as a protocol."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Generic, Protocol, TypeVar

from marketplace.domain.views import ReplicaState, View

Tx = TypeVar("Tx", covariant=True)


class ViewedStore(Protocol, Generic[Tx]):
    """Views that may be somewhat old: `look` is for pages, never for what decides something."""

    def look(self) -> AbstractContextManager[Tx]:
        """A consistent view: the newest, or within `viewing` a replica's. Raises ServiceUnavailable."""
        ...

    def viewing(self, view: View | None) -> AbstractContextManager[None]:
        """What `look` shows within the block is as new as `view` says; without one it is the newest."""
        ...

    @property
    def is_viewed(self) -> bool:
        """Whether this is within a `viewing` that may be shown something older than the newest."""
        ...

    @property
    def position(self) -> int:
        """At or after all that this process has committed; 0 where it does not matter. Raises ServiceUnavailable."""
        ...

    def replicas(self) -> tuple[ReplicaState, ...]:
        """Those that are set."""
        ...

    def views(self) -> Mapping[str, int]:
        """How many views were given, by `primary` and `replica`."""
        ...
