"""What the market's workers need from a database that several processes may share, as a protocol."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from threading import Event
from typing import Protocol


class SharedStore(Protocol):
    """Who does what, and who wants to know. All but `subscribe`, `listen` and `close` raise ServiceUnavailable."""

    def subscribe(self, role: str) -> Event:
        """Set whenever something was committed, here or in another process, that gives the role something to do."""
        ...

    def listen(self, hear: Callable[[Collection[str]], None]) -> None:
        """Have `hear` called with the words (`domain.work`) of each commit, here or in another process.

        In the thread that has committed, which waits for it; words of other processes may be lost.
        """
        ...

    def take_duty(self, role: str) -> bool:
        """Whether this process has the role now; no other takes it over while this one lives and renews it."""
        ...

    def renew_duties(self, roles: Collection[str] | None = None) -> frozenset[str]:
        """Keep this process's roles, or only some; those of them that it still has."""
        ...

    def leave_duties(self, roles: Collection[str] | None = None) -> None:
        """Let others have them, or some, at once."""
        ...

    def manned_duties(self) -> frozenset[str]:
        """Roles that a process has now, this one or another: not handed on, and their time is not over."""
        ...

    def on_duty(self, role: str) -> AbstractContextManager[None]:
        """What this thread writes within the block raises ConflictError once another process has the role."""
        ...

    def close(self) -> None:
        """Return the connections."""
        ...
