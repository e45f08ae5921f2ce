"""What a cluster offers: the machines that Ray counts and that have this daemon's own sandbox, added up. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pydantic import ValidationError

from agent.sandbox.types import Limits
from marketplace.errors import AgentError, MalformedMessage
from marketplace.protocol.profile import Cpu, Gpu, NodeProfile
from marketplace.protocol.units import BYTES_PER_MB

MOST_CORES = 2**16 - 1
_LONGEST_MODEL = 128


@dataclass(frozen=True, slots=True)
class Machine:
    """One of the cluster's machines: what Ray lets jobs reserve of it, and what it says of itself."""

    node: str
    """Ray's id of it."""
    host: str
    cpus: int
    memory_mb: int
    cpu: Cpu | None = None
    gpus: tuple[Gpu, ...] = ()
    """Those that its driver shows, and no more than Ray counts."""
    fault: str = ""
    """Why it runs no jobs of ours; empty where it does."""
    note: str = ""
    """For a person."""

    @classmethod
    def parse(cls, document: Mapping[str, Any], sandbox: str) -> Self:
        """What the cluster said of one. `sandbox`: the digest of the daemon's. Raises MalformedMessage."""
        try:
            counted = {"node": str(document["node"]), "host": str(document["host"]), "cpus": int(document["cpus"])}
            memory, gpus, said = document["memory"] // BYTES_PER_MB, int(document["gpus"]), document.get("is")
            if said is None:
                return cls(**counted, memory_mb=memory, fault=str(document.get("fault") or "it was not asked"))
            if said["sandbox"] != sandbox:
                fault = "it has another sandbox than this daemon: another version of ComputeHive, or of wasmtime, or "
                return cls(**counted, memory_mb=memory, fault=fault + "another kind of processor")
            seen = tuple(Gpu.model_validate(each) for each in said["gpus"])[:gpus]
            note = f"Ray counts {gpus} GPUs, its driver shows {len(seen)}" if len(seen) < gpus else ""
            return cls(**counted, memory_mb=memory, cpu=Cpu.model_validate(said["cpu"]), gpus=seen, note=note)
        except (KeyError, TypeError, ValueError, ValidationError) as error:
            raise MalformedMessage("machine", f"is none: {type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class Fleet:
    """The machines of a cluster that run jobs of ours, as they were when the daemon looked."""

    machines: tuple[Machine, ...]
    unfit: tuple[Machine, ...] = ()

    @classmethod
    def of(cls, machines: Sequence[Machine]) -> Self:
        """Raises AgentError where none is fit, saying why."""
        fit = tuple(each for each in machines if not each.fault)
        unfit = tuple(each for each in machines if each.fault)
        if not fit:
            reasons = "; ".join(f"{each.host}: {each.fault}" for each in unfit) or "it has no machine with a CPU"
            raise AgentError(
                f"No machine of the Ray cluster can run jobs: {reasons}.",
                hint="Install the same release of ComputeHive on each, where Ray's workers find it.",
            )
        return cls(fit, unfit)

    @property
    def cores(self) -> int:
        """Of all of them."""
        return sum(each.cpus for each in self.machines)

    @property
    def memory_mb(self) -> int:
        """Of all of them, as far as Ray lets jobs reserve it."""
        return sum(each.memory_mb for each in self.machines)

    def describe(self, profile: NodeProfile) -> NodeProfile:
        """The daemon's own machine's profile with all that jobs meet replaced by the cluster's.

        What was measured on the daemon's machine, and its enclaves, are none of the cluster's.
        """
        gpus = tuple(gpu for each in self.machines for gpu in each.gpus)
        update = {"cpu": self._cpu(), "memory_mb": self.memory_mb, "gpus": gpus, "tees": (), "benchmark": None}
        return profile.model_copy(update=update)

    def require_room(self, limits: Limits) -> None:
        """Raises AgentError for a job that is larger than every one of the machines: it runs on one."""
        memory_mb = -(-limits.memory_bytes // BYTES_PER_MB)
        for each in self.machines:
            if limits.vcpus <= each.cpus and memory_mb <= each.memory_mb and limits.gpus <= len(each.gpus):
                return
        raise AgentError(
            f"No single machine of this cluster has {limits.vcpus} vCPUs, {memory_mb} MB and {limits.gpus} GPUs."
        )

    def count_places(self, units: int) -> int:
        """How many jobs of one of so many units the machines have room for at once, none being split."""
        vcpus, memory_mb = max(1, self.cores // units), max(1, self.memory_mb // units)
        return sum(min(each.cpus // vcpus, each.memory_mb // memory_mb) for each in self.machines)

    def find_loss(self, alive: Sequence[Mapping[str, Any]]) -> str:
        """Which of the machines are gone, in words; empty where none is."""
        there = {each.get("node") for each in alive}
        gone = [each.host for each in self.machines if each.node not in there]
        return f"machines of the Ray cluster are gone: {', '.join(gone)}" if gone else ""

    def _cpu(self) -> Cpu:
        """One for all: every model's name, what all of them can, the cores of all together."""
        cpus = [each.cpu for each in self.machines if each.cpu is not None]
        models = " / ".join(sorted({cpu.model for cpu in cpus}))[:_LONGEST_MODEL]
        common = frozenset[str].intersection(*(frozenset(cpu.features) for cpu in cpus))
        return Cpu(
            model=models,
            architecture=cpus[0].architecture,
            cores=min(MOST_CORES, self.cores),
            features=tuple(sorted(common)),
        )
