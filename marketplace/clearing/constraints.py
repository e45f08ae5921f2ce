"""What forbids a pair of bid and ask, by name: one table, from which a round is cleared and explained.

A constraint is one of two kinds. A `Quality` compares what a bid wants with what an ask is: there are few different
wants or few different qualities, whatever the number of orders. A `Quantity` compares two numbers.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

from marketplace.domain.book import PlacedAsk, PlacedBid
from marketplace.protocol.jobspec import RuntimeProgram
from marketplace.protocol.profile import Gpu

Facts = tuple[object, object]
"""What the bid needs, and what the ask has."""
CLEAN_GRAMS = 1 << 16
"""Above every carbon intensity: `CLEAN_GRAMS - grams` is the more the cleaner."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What one unit of an ask has: the node's totals divided by the ask's units."""

    vcpus: int
    memory_mb: int
    gpus: int

    @classmethod
    def of(cls, placed: PlacedAsk) -> "Unit":
        """The unit of an ask."""
        profile, units = placed.profile, max(1, placed.ask.units)
        return cls(max(1, profile.cpu.cores // units), profile.memory_mb // units, len(profile.gpus) // units)


@dataclass(frozen=True, slots=True)
class Quality:
    """`violated(wanted(bid), offered(ask))` gives the facts where the ask will not do, else None."""

    name: str
    wanted: Callable[[PlacedBid], Hashable]
    offered: Callable[[PlacedAsk], Hashable]
    violated: Callable[[Hashable, Hashable], Facts | None]

    def check(self, bid: PlacedBid, ask: PlacedAsk, now: int) -> Facts | None:
        """The facts where this forbids the pair."""
        return self.violated(self.wanted(bid), self.offered(ask))


@dataclass(frozen=True, slots=True)
class Quantity:
    """The ask must have at least as much as the bid needs. `show` makes facts of the two."""

    name: str
    needed: Callable[[PlacedBid], int]
    offered: Callable[[PlacedAsk], int]
    show: Callable[[PlacedBid, PlacedAsk], Facts] | None = None

    def check(self, bid: PlacedBid, ask: PlacedAsk, now: int) -> Facts | None:
        """The facts where this forbids the pair."""
        needed, offered = self.needed(bid), self.offered(ask)
        if needed <= offered:
            return None
        return self.show(bid, ask) if self.show else (needed, offered)


@dataclass(frozen=True, slots=True)
class Deadline:
    """Nobody can serve a bid whose duration goes beyond its deadline."""

    name: str = "deadline"

    def check(self, bid: PlacedBid, ask: PlacedAsk, now: int) -> Facts | None:
        """The facts where this forbids the pair."""
        earliest = bid.earliest_end(now)
        return (earliest, bid.bid.deadline) if earliest > bid.bid.deadline else None


@dataclass(frozen=True, slots=True)
class GpuWant:
    """GPUs that a bid asks for; `count` 0 for none at all."""

    count: int
    models: tuple[str, ...]
    min_memory_mb: int

    @classmethod
    def of(cls, placed: PlacedBid) -> "GpuWant":
        """A bid that names a model or a memory without a number wants one."""
        needs = placed.job_spec.requirements
        wants = placed.bid.gpus or needs.gpu_models or needs.min_gpu_memory_mb
        return cls(max(1, placed.bid.gpus) if wants else 0, needs.gpu_models, needs.min_gpu_memory_mb)

    def __str__(self) -> str:
        model = " or ".join(self.models) or "any model"
        memory = f", {self.min_memory_mb} MB or more each" if self.min_memory_mb else ""
        return f"{self.count} of {model}{memory}"

    def fits(self, gpu: Gpu) -> bool:
        """Whether this GPU will do."""
        return (not self.models or gpu.model in self.models) and gpu.memory_mb >= self.min_memory_mb


@dataclass(frozen=True, slots=True)
class Kit:
    """The GPUs of a node, and among how many units they are divided."""

    gpus: tuple[Gpu, ...]
    units: int

    @classmethod
    def of(cls, placed: PlacedAsk) -> "Kit":
        """The kit of an ask."""
        return cls(placed.profile.gpus, max(1, placed.ask.units) if placed.profile.gpus else 1)


def _gpus(want: GpuWant, kit: Kit) -> Facts | None:
    if not want.count or sum(map(want.fits, kit.gpus)) // kit.units >= want.count:
        return None
    return str(want), [gpu.model for gpu in kit.gpus]


def _one_of(wanted: tuple[str, ...], offered: str) -> Facts | None:
    return (list(wanted), offered) if wanted and offered not in wanted else None


def _sandbox(wanted: str, offered: tuple[str, ...]) -> Facts | None:
    return None if wanted in offered else (wanted, list(offered))


def _wanted_runtime(bid: PlacedBid) -> tuple[str, str] | None:
    program = bid.job_spec.program
    return (program.name, program.digest) if isinstance(program, RuntimeProgram) else None


def _runtime(wanted: tuple[str, str] | None, offered: frozenset[tuple[str, str]]) -> Facts | None:
    if wanted is None or wanted in offered:
        return None
    return f"{wanted[0]} {wanted[1][:10]}", sorted(name for name, _ in offered)


def _features(wanted: frozenset[str], offered: frozenset[str]) -> Facts | None:
    missing = sorted(wanted - offered)
    return (missing, "not offered") if missing else None


def _cleanness(grams: int | None) -> int:
    return 0 if grams is None else CLEAN_GRAMS - grams


def _needs(name: str) -> Callable[[PlacedBid], object]:
    return lambda bid: getattr(bid.job_spec.requirements, name)


GPUS = Quality("gpus", GpuWant.of, Kit.of, _gpus)
REGION = Quality("region", _needs("regions"), lambda ask: ask.profile.region, _one_of)
QUALITIES = (
    Quality("sandbox", lambda bid: bid.job_spec.sandbox, lambda ask: ask.profile.sandboxes, _sandbox),
    Quality("runtime", _wanted_runtime, lambda ask: frozenset(ask.profile.runtimes.items()), _runtime),
    REGION,
    Quality("architecture", _needs("architectures"), lambda ask: ask.profile.cpu.architecture, _one_of),
    Quality(
        "cpuFeatures",
        lambda bid: frozenset(bid.job_spec.requirements.cpu_features),
        lambda ask: frozenset(ask.profile.cpu.features),
        _features,
    ),
    Quality(
        "preemption",
        lambda bid: bid.job_spec.schedule.is_preemptible,
        lambda ask: ask.profile.preemptible_jobs,
        lambda wanted, offered: ("a node that takes preemptible jobs", "none of them") if wanted > offered else None,
    ),
    GPUS,
)
QUANTITIES = (
    Quantity("vcpus", lambda bid: bid.bid.vcpus, lambda ask: Unit.of(ask).vcpus),
    Quantity("memoryMb", lambda bid: bid.bid.memory_mb, lambda ask: Unit.of(ask).memory_mb),
    Quantity("diskMb", _needs("min_disk_mb"), lambda ask: ask.profile.disk_mb),
    Quantity(
        "carbon",
        lambda bid: _cleanness(bid.job_spec.requirements.max_carbon_grams_per_kwh),
        lambda ask: _cleanness(ask.profile.carbon_grams_per_kwh),
        lambda bid, ask: (bid.job_spec.requirements.max_carbon_grams_per_kwh, ask.profile.carbon_grams_per_kwh),
    ),
    Quantity("schedule", lambda bid: bid.bid.deadline, lambda ask: ask.free_until),
    Quantity("reputation", _needs("min_settled_leases"), lambda ask: ask.settled_leases),
)
STAKE = Quantity("stake", lambda bid: bid.bid.max_price, lambda ask: ask.available_stake)
CONSTRAINTS = (*QUALITIES, *QUANTITIES, Deadline(), STAKE)
"""Every hard constraint but the price, in the order in which they are reported."""


def violations(bid: PlacedBid, ask: PlacedAsk, now: int) -> dict[str, Facts]:
    """Every constraint that forbids this pair: name -> (needed, offered)."""
    return dict(_violated(bid, ask, now))


def is_allowed(bid: PlacedBid, ask: PlacedAsk, now: int) -> bool:
    """Whether nothing but the price speaks against the pair."""
    return next(_violated(bid, ask, now), None) is None


def _violated(bid: PlacedBid, ask: PlacedAsk, now: int) -> Iterator[tuple[str, Facts]]:
    for constraint in CONSTRAINTS:
        facts = constraint.check(bid, ask, now)
        if facts is not None:
            yield constraint.name, facts
