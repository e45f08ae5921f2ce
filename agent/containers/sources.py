"""How a job's image comes into the engine: out of an archive that its renter uploaded, or out of a registry."""

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from agent.containers.cache import Loaded
from agent.containers.engine import Engine
from agent.containers.images import read_image
from agent.containers.pulling import pull
from marketplace.errors import AgentError
from marketplace.protocol.images import ImageProgram
from marketplace.protocol.jobspec import ContainerProgram

PULL_SECONDS = 600
"""How long a registry may take for an image: what is over sooner than a bid's usual slack before its deadline."""
_PULLS = "pulls"


class Interrupted(Exception):
    """The machine wants its job gone; what was being fetched for it is no more."""


def load_archive(engine: Engine, program: ContainerProgram, fetch: Callable[[str], bytes]) -> Loaded:
    """The image of an uploaded archive. Raises InvalidModule, TooLarge, and what `fetch` raises."""
    image = read_image(fetch(program.digest))
    return Loaded(engine.load(image.archive), image.unpacked_bytes)


@dataclass(frozen=True, slots=True)
class Puller:
    """Takes images from the registries that the provider allows. May be used by several threads at once."""

    engine: Engine
    allowed: Sequence[str]
    data: Path
    """The agent's folder, below which an image's parts lie until the engine has them."""

    def require_allowed(self, program: ImageProgram) -> None:
        """Raises AgentError for a registry that the provider does not allow, whatever is in the cache already."""
        if program.registry not in self.allowed:
            raise AgentError(f"The registry {program.registry} is none that this machine's provider allows.")

    def load(self, program: ImageProgram, stop: Event | None, count: Callable[[int], None]) -> Loaded:
        """The image of a registry; `count` is told the bytes that it took.

        Raises Interrupted when `stop` is set, AgentError after PULL_SECONDS, and what `pull` raises.
        """
        until = time.monotonic() + PULL_SECONDS

        def check() -> None:
            if stop is not None and stop.is_set():
                raise Interrupted
            if time.monotonic() > until:
                raise AgentError(f"The image {program.reference} has not come within {PULL_SECONDS} seconds.")

        (self.data / _PULLS).mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=self.data / _PULLS) as folder:
            pulled = pull(program, self.allowed, self.engine.architecture, Path(folder), check)
            count(pulled.fetched_bytes)
            return Loaded(self.engine.load(pulled.archive()), pulled.unpacked_bytes)

    def sweep(self) -> None:
        """Remove what a killed agent has left half fetched."""
        shutil.rmtree(self.data / _PULLS, ignore_errors=True)
