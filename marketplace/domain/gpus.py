"""Which GPUs a bid asks for, which a node has, and whether they will do."""

from dataclasses import dataclass

from marketplace.domain.book import PlacedAsk, PlacedBid
from marketplace.protocol.profile import Gpu


@dataclass(frozen=True, slots=True)
class GpuWant:
    """GPUs that a bid asks for; `count` 0 for none at all."""

    count: int
    models: tuple[str, ...]
    min_memory_mb: int
    takes_parts: bool = False
    """Whether MIG instances will do that no model names."""

    @classmethod
    def of(cls, placed: PlacedBid) -> "GpuWant":
        """A bid that names a model or a memory without a number wants one."""
        needs = placed.job_spec.requirements
        wants = placed.bid.gpus or needs.gpu_models or needs.min_gpu_memory_mb
        count = max(1, placed.bid.gpus) if wants else 0
        return cls(count, needs.gpu_models, needs.min_gpu_memory_mb, needs.mig)

    def __str__(self) -> str:
        model = " or ".join(self.models) or "any model"
        memory = f", {self.min_memory_mb} MB or more each" if self.min_memory_mb else ""
        parts = ", or MIG instances" if self.takes_parts else ""
        return f"{self.count} of {model}{memory}{parts}"

    def fits(self, gpu: Gpu) -> bool:
        """Whether this GPU will do. Part of one does only where it was asked for, or named."""
        is_named = gpu.model in self.models
        is_known = is_named or (not self.models and (self.takes_parts or not gpu.mig))
        return is_known and gpu.memory_mb >= self.min_memory_mb


@dataclass(frozen=True, slots=True)
class Kit:
    """The GPUs of a node, and among how many units they are divided."""

    gpus: tuple[Gpu, ...]
    units: int

    @classmethod
    def of(cls, placed: PlacedAsk) -> "Kit":
        """The kit of an ask."""
        return cls(placed.profile.gpus, max(1, placed.ask.units) if placed.profile.gpus else 1)


def find_lack(want: GpuWant, kit: Kit) -> tuple[object, object] | None:
    """What is wanted and what is there; None where that will do.

    A unit with enough GPUs that fit does, and so do several of a node where all fit: who knows which ones a unit has?
    """
    fitting = sum(map(want.fits, kit.gpus))
    if fitting // kit.units >= want.count or fitting == len(kit.gpus) >= max(want.count, kit.units):
        return None
    return str(want), [gpu.model for gpu in kit.gpus]
