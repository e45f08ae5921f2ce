"""Which job has which GPU: no two at once have the same."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from agent.inventory import survey_gpus
from marketplace.errors import AgentError


class GpuPool:
    """The GPUs of this machine, by the driver's ids."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._free = list(ids)
        self._lock = Lock()

    @classmethod
    def survey(cls) -> "GpuPool":
        """Those that an ask of this machine offers."""
        return cls(survey_gpus().ids)

    @contextmanager
    def take(self, count: int) -> Iterator[list[str]]:
        """`count` GPUs for as long as a job runs. Raises AgentError where fewer are free."""
        with self._lock:
            if count > len(self._free):
                raise AgentError(f"The job reserved {count} GPUs; {len(self._free)} are free on this machine.")
            taken, self._free = self._free[:count], self._free[count:]
        try:
            yield taken
        finally:
            with self._lock:
                self._free += taken
