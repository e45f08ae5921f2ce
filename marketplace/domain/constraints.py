"""What forbids a pair of bid and ask, by name: one table, from which a round is cleared and explained, by which a
provider knows a job that its machine is not fit for, and oracles a node that was never what its bid asked for.

A constraint is one of two kinds. A `Quality` compares what a bid wants with what an ask is: there are few different
wants or few different qualities, whatever the number of orders. A `Quantity` compares two numbers.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

from marketplace.domain import atlas
from marketplace.domain.book import PlacedAsk, PlacedBid
from marketplace.domain.gpus import GpuWant, Kit, find_lack
from marketplace.protocol.enums import Verification
from marketplace.protocol.messages import Bid
from marketplace.protocol.network import find_forbidden
from marketplace.protocol.preferences import LatencyLimit
from marketplace.protocol.profile import NodeProfile
from marketplace.protocol.units import ceil_div

Facts = tuple[object, object]
"""What the bid needs, and what the ask has."""
GREATEST_NUMBER = 2**31 - 1
"""Quantities beyond this (2 PB of memory) count as this much."""
EPOCH = 1_577_836_800
"""The beginning of 2020, from which times are counted: 31 bits last until 2088."""
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
        return cls.share_of(placed.profile, placed.ask.units)

    @classmethod
    def share_of(cls, profile: NodeProfile, units: int) -> "Unit":
        """One of so many units of a node."""
        units = max(1, units)
        return cls(max(1, profile.cpu.cores // units), profile.memory_mb // units, len(profile.gpus) // units)

    def count_for(self, bid: Bid) -> int:
        """How many units a bid takes, if there are enough: as many as its greatest need is shares."""
        pairs = ((bid.vcpus, self.vcpus), (bid.memory_mb, self.memory_mb), (bid.gpus, self.gpus))
        return max([1, *(ceil_div(need, share) for need, share in pairs if need and share)])


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
    greatest: int = GREATEST_NUMBER
    """Needs beyond this count as this much."""

    def check(self, bid: PlacedBid, ask: PlacedAsk, now: int) -> Facts | None:
        """The facts where this forbids the pair."""
        needed, offered = self.needed(bid), self.offered(ask)
        if min(needed, self.greatest) <= offered:
            return None
        return self.show(bid, ask) if self.show else (needed, offered)


@dataclass(frozen=True, slots=True)
class Otherwise:
    """A quantity that is only worth reporting where a quality does not already forbid the pair."""

    quality: Quality
    quantity: Quantity

    @property
    def name(self) -> str:
        """The quantity's."""
        return self.quantity.name

    def check(self, bid: PlacedBid, ask: PlacedAsk, now: int) -> Facts | None:
        """The facts where only the quantity forbids the pair."""
        return None if self.quality.check(bid, ask, now) else self.quantity.check(bid, ask, now)


@dataclass(frozen=True, slots=True)
class Deadline:
    """Nobody can serve a bid whose duration goes beyond its deadline."""

    name: str = "deadline"

    def check(self, bid: PlacedBid, ask: PlacedAsk, now: int) -> Facts | None:
        """The facts where this forbids the pair."""
        earliest = bid.earliest_end(now)
        return (earliest, bid.bid.deadline) if earliest > bid.bid.deadline else None


def _one_of(wanted: tuple[str, ...], offered: str) -> Facts | None:
    return (list(wanted), offered) if wanted and offered not in wanted else None


def _sandbox(wanted: str, offered: tuple[str, ...]) -> Facts | None:
    return None if wanted in offered else (wanted, list(offered))


def _wanted_runtime(bid: PlacedBid) -> tuple[str, str] | None:
    return bid.job_spec.carried


def _runtime(wanted: tuple[str, str] | None, offered: frozenset[tuple[str, str]]) -> Facts | None:
    if wanted is None or wanted in offered:
        return None
    return f"{wanted[0]} {wanted[1][:10]}", sorted(name for name, _ in offered)


def _registry(wanted: str, offered: tuple[str, ...]) -> Facts | None:
    return (wanted, list(offered)) if wanted and wanted not in offered else None


def _network(wanted: tuple[str, ...], offered: tuple[str, ...]) -> Facts | None:
    forbidden = find_forbidden(wanted, offered)
    return (forbidden, list(offered)) if forbidden else None


def _features(wanted: frozenset[str], offered: frozenset[str]) -> Facts | None:
    missing = sorted(wanted - offered)
    return (missing, "not offered") if missing else None


def _missing(wanted: tuple[str, ...], offered: tuple[str, ...]) -> Facts | None:
    missing = [each for each in wanted if each not in offered]
    return (missing, list(offered)) if missing else None


def _any_of(wanted: tuple[str, ...], offered: tuple[str, ...]) -> Facts | None:
    return (list(wanted), list(offered)) if wanted and not set(wanted) & set(offered) else None


def _latency(wanted: tuple[LatencyLimit, ...], offered: str) -> Facts | None:
    """`latency_j <= SLA_j` of Formula 4.1; a region that the tables lack is too far from everywhere."""
    times = {limit: atlas.latency_ms(limit.from_region, offered) for limit in wanted}
    late = {limit: ms for limit, ms in times.items() if ms is None or ms > limit.max_ms}
    if not late:
        return None
    return (
        [f"{limit.max_ms} ms from {limit.from_region}" for limit in late],
        [f"{offered} in unknown time" if ms is None else f"{ms} ms" for ms in late.values()],
    )


def intensity_of(ask: PlacedAsk) -> int | None:
    """Grams of CO2e a kWh: what the node states, else those of its region's grid; None where nobody knows."""
    stated = ask.profile.carbon_grams_per_kwh
    return atlas.grid_intensity(ask.profile.region) if stated is None else stated


def _cleanness(grams: int | None) -> int:
    return 0 if grams is None else CLEAN_GRAMS - grams


def _needs(name: str) -> Callable[[PlacedBid], object]:
    return lambda bid: getattr(bid.job_spec.requirements, name)


GPUS = Quality("gpus", GpuWant.of, Kit.of, find_lack)
REGION = Quality("region", _needs("regions"), lambda ask: ask.profile.region, _one_of)
LATENCY = Quality("latency", _needs("max_latency"), lambda ask: ask.profile.region, _latency)
QUALITIES = (
    Quality("sandbox", lambda bid: bid.job_spec.sandbox, lambda ask: ask.profile.sandboxes, _sandbox),
    Quality("runtime", _wanted_runtime, lambda ask: frozenset(ask.profile.runtimes.items()), _runtime),
    Quality("registry", lambda bid: bid.job_spec.registry, lambda ask: ask.profile.registries, _registry),
    Quality("network", lambda bid: bid.job_spec.network_hosts, lambda ask: ask.profile.network_hosts, _network),
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
    LATENCY,
    Quality("zone", _needs("zones"), lambda ask: ask.profile.zone, _one_of),
    Quality("rack", _needs("racks"), lambda ask: ask.profile.rack, _one_of),
    Quality("privacyZones", _needs("privacy_zones"), lambda ask: ask.profile.privacy_zones, _missing),
    Quality(
        "privateJobs",
        lambda bid: bid.job_spec.privacy is not None,
        lambda ask: ask.profile.recipient is not None,
        lambda wanted, offered: ("a node with a key for private jobs", "none") if wanted > offered else None,
    ),
    Quality(
        "promisedSandbox",
        lambda bid: bid.bid.verification == Verification.REEXECUTE and bid.job_spec.is_metered,
        lambda ask: ask.is_judged,
        lambda wanted, offered: ("one that enough oracles have", "another or none") if wanted > offered else None,
    ),
    Quality("tee", _needs("tees"), lambda ask: ask.profile.tees, _any_of),
)
SHARED = (
    Quantity("vcpus", lambda bid: bid.bid.vcpus, lambda ask: ask.free_units * Unit.of(ask).vcpus),
    Quantity("memoryMb", lambda bid: bid.bid.memory_mb, lambda ask: ask.free_units * Unit.of(ask).memory_mb),
    Quantity("freeGpus", lambda bid: bid.bid.gpus, lambda ask: ask.free_units * Unit.of(ask).gpus),
)
"""What a bid may take of several units, in the order of `engine.tables.SHARES`."""
QUANTITIES = (
    Quantity("diskMb", _needs("min_disk_mb"), lambda ask: ask.profile.disk_mb),
    Quantity(
        "carbon",
        lambda bid: _cleanness(bid.job_spec.requirements.max_carbon_grams_per_kwh),
        lambda ask: _cleanness(intensity_of(ask)),
        lambda bid, ask: (bid.job_spec.requirements.max_carbon_grams_per_kwh, intensity_of(ask)),
    ),
    Quantity(
        "schedule",
        lambda bid: max(0, bid.bid.deadline - EPOCH),
        lambda ask: max(-1, ask.free_until - EPOCH),
        lambda bid, ask: (bid.bid.deadline, ask.free_until),
    ),
    Quantity("reputation", _needs("min_settled_leases"), lambda ask: ask.settled_leases),
)
STAKE = Quantity("stake", lambda bid: bid.bid.max_price, lambda ask: ask.available_stake, greatest=2**64)
CONSTRAINTS = (*QUALITIES, *SHARED[:-1], Otherwise(GPUS, SHARED[-1]), *QUANTITIES, Deadline(), STAKE)
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
