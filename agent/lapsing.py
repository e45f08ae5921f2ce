"""What sandboxes keep of jobs for the next start goes once those jobs are over: looked at now and then."""

import time
from collections.abc import Callable, Mapping

from agent.adapters import Adapter, lapse
from agent.journal import Journal, WorkState

LOOK_SECONDS = 60


class Lapsing:
    """A step of the provider's daemon."""

    def __init__(
        self, adapters: Mapping[str, Adapter], journal: Journal, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock`: seconds."""
        self._adapters, self._journal, self._clock = adapters, journal, clock
        self._due = 0.0

    def step(self) -> None:
        """Remove what nobody goes on with, where it is time to look."""
        if self._clock() < self._due:
            return
        self._due = self._clock() + LOOK_SECONDS
        waiting = {event.lease_id for event in self._journal.leases(WorkState.SEEN)}
        lapse(self._adapters, lambda lease: lease not in waiting and self._is_known(lease))

    def _is_known(self, lease: str) -> bool:
        """After a reorganisation leases are unknown until the chain has been followed anew: theirs stays meanwhile."""
        return self._journal.lease(lease) is not None
