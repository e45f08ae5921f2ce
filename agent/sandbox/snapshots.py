"""Saved states of a running program: what lies in its checkpoint directory, looked at now and then."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

log = structlog.get_logger("sandbox")
Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Freeze:
    """The wish to have the whole process frozen as well, for this machine alone to go on with."""

    lease: str
    until: int
    """Unix seconds after which nobody pays for going on."""
    is_leaving: Callable[[], bool]
    """Whether the daemon ends: what it stops then, its next start goes on with."""


class Snapshots:
    """Hands on the files below `directory` (paths relative to the program's outputs) when they have changed.

    At most every `seconds`, and once more when the program is stopped by its machine. A program is seen between two of
    its instructions, not between two of its files: it writes a new state beside the old one and renames it.
    """

    def __init__(
        self,
        directory: str,
        seconds: float,
        keep: Callable[[Files], None],
        clock: Callable[[], float] = time.monotonic,
        freeze: Freeze | None = None,
    ) -> None:
        self.directory, self.freeze = directory, freeze
        self._seconds, self._keep, self._clock = seconds, keep, clock
        self._looked_at, self._last, self._is_broken = clock(), {}, False
        self._began: float | None = None

    @property
    def ran_seconds(self) -> float:
        """How long the program has run, since the first look at it."""
        return 0.0 if self._began is None else self._clock() - self._began

    def go_on(self, seconds: float) -> None:
        """Count from here on for a program that has run for so long before it was frozen."""
        self._began = self._clock() - seconds

    def look(self, read: Callable[[], Files], *, is_last: bool = False) -> None:
        """Read and hand on, where it is time to. `read` gives all the program's files. Never raises.

        It is called from within the program's run, some of it out of machine code that knows nothing of exceptions. A
        state that cannot be kept is not worth the run: after the first failure nothing is looked at any more.
        """
        if self._began is None:
            self._began = self._clock()
        if self._is_broken or (not is_last and self._clock() - self._looked_at < self._seconds):
            return
        try:
            self._look(read)
        except Exception as error:
            self._is_broken = True
            log.warning("checkpoints of this run end here", error=f"{type(error).__name__}: {error}")

    def _look(self, read: Callable[[], Files]) -> None:
        self._looked_at = self._clock()
        prefix = f"{self.directory}/"
        files = {path: data for path, data in read().items() if path.startswith(prefix)}
        if files and files != self._last:
            self._last = files
            self._keep(files)
