"""What the market's workers need from a database that several processes may share, as a protocol."""

from collections.abc import Collection
from contextlib import AbstractContextManager
from threading import Event
from typing import Protocol


class SharedStore(Protocol):
    """Who does what, and who wants to know. Every method but `subscribe` and `close` raises ServiceUnavailable."""

    def subscribe(self, role: str) -> Event:
        """Set whenever something was committed, here or in another process, that gives the role something to do."""
        ...

    def take_duty(self, role: str) -> bool:
        """Whether this process has the role now; no other takes it over while this one lives and renews it."""
        ...

    def renew_duties(self) -> frozenset[str]:
        """Keep this process's roles; those that it still has."""
        ...

    def vacant_duties(self, roles: Collection[str]) -> list[str]:
        """Those of `roles`, in their order, that no process has now: never taken, handed on, or their time is over."""
        ...

    def leave_duties(self) -> None:
        """Let others have them at once."""
        ...

    def on_duty(self, role: str) -> AbstractContextManager[None]:
        """What this thread writes within the block raises ConflictError once another process has the role."""
        ...

    def close(self) -> None:
        """Return the connections."""
        ...
