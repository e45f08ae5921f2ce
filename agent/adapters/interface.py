"""What a sandbox is to the rest of the agent: a descriptor, and a job run to its end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Protocol, runtime_checkable

from agent.sandbox.printed import Printed
from agent.sandbox.snapshots import Snapshots
from agent.sandbox.types import Limits, RunResult
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.profile import NodeProfile

ENTRY_POINTS = "computehive.adapters"
"""Group of entry points: the name is the one that `JobSpec.sandbox` and `NodeProfile.sandboxes` say, the object a
function from `AdapterSettings` to an `Adapter`, or to None where this machine is not set up for it."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be run. `inputs` are verified bytes by relative path; `fetch` gives others, verified, by digest."""

    spec: JobSpec
    inputs: Mapping[str, bytes]
    fetch: Callable[[str], bytes]
    snapshots: Snapshots | None = None
    """What is shown the program's files while it runs."""
    printed: Printed | None = None
    """What is shown its standard output and error while it runs."""
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """What the program finds under `/secrets`, by name. Kept in memory alone."""


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """What an adapter may need to know of this machine. Empty text means: not set up."""

    data: Path
    """The agent's folder."""
    container_engine: str = ""
    """Address of a Docker engine, such as `unix:///var/run/docker.sock`."""
    container_runtime: str = ""
    """The engine's runtime, such as `runsc`; empty for its default."""
    image_cache_mb: int = 10_000
    """How much the images of past jobs may take up in the engine, 10^6 bytes a MB."""
    freeze_mb: int = 0
    """How much of frozen jobs the engine may keep on its disk, 10^6 bytes a MB; 0: nothing is frozen."""
    registries: tuple[str, ...] = ()
    """From which container images may come: hosts, with their ports."""
    network_hosts: tuple[str, ...] = ()
    """Which hosts jobs may reach that bought network, as `marketplace.protocol.network.Pattern` says them."""
    mcp_servers: Path | None = None
    """File that says which MCP servers this machine runs."""
    ray_address: str = ""
    """Address of the Ray cluster that runs jobs in place of this machine."""


class Adapter(Protocol):
    """One way of running jobs. Runs may go on in several threads at once."""

    def descriptor(self) -> dict[str, object]:
        """What a result depends on besides the job: JSON, the same from start to start."""
        ...

    def run(self, job: Job, limits: Limits, stop: Event | None = None) -> RunResult:
        """Run to the end, to a limit, or until `stop`. Never raises for what the program does.

        Raises InvalidModule, NotFound, DigestMismatch, TooLarge for a program that cannot be started, and
        ServiceUnavailable where its bytes cannot be had now.
        """
        ...


@runtime_checkable
class Carrying(Protocol):
    """An adapter that runs only what this machine has beforehand."""

    def carried(self) -> Mapping[str, str]:
        """Name and digest of each, for the profile's `runtimes`: bids that want another are not matched here."""
        ...


@runtime_checkable
class Pulling(Protocol):
    """An adapter that takes programs from registries."""

    def registries(self) -> Sequence[str]:
        """Which, for the profile's `registries`: bids that want another are not matched here."""
        ...


@runtime_checkable
class Networked(Protocol):
    """An adapter whose jobs may have network."""

    def network_hosts(self) -> Sequence[str]:
        """To where, for the profile's `network_hosts`: bids that want another are not matched here."""
        ...


@runtime_checkable
class Elsewhere(Protocol):
    """An adapter whose jobs run on other machines than the daemon's."""

    def describe(self, profile: NodeProfile) -> NodeProfile:
        """This machine's profile, with what jobs meet there in place of what they would meet here."""
        ...

    def find_worry(self) -> str:
        """Why to take no new leases now; empty where nothing speaks against it. Bounded: the daemon's loop waits."""
        ...


@runtime_checkable
class Keeping(Protocol):
    """An adapter that keeps something of jobs for a daemon's next start."""

    def lapse(self, is_over: Callable[[str], bool]) -> None:
        """Remove what it keeps of leases whose job is over, by lease id, or whose deadline has passed.

        What runs at the moment is left alone.
        """
        ...
