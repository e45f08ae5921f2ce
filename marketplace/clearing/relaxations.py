"""What a renter could give up, and what the job would cost then: each constraint made wide enough for one more ask.

One widener for each constraint says what to change so that an ask will do; where there is none, what asks for the
constraint in the job specification is dropped. So a constraint that is added to the table is covered.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from marketplace.clearing.entry import price_each
from marketplace.domain.book import BookSnapshot, PlacedAsk, PlacedBid
from marketplace.domain.constraints import CONSTRAINTS, GPUS, Unit
from marketplace.domain.gpus import GpuWant, Kit
from marketplace.errors import MarketError
from marketplace.protocol.jobspec import JobSpec, Requirements
from marketplace.protocol.messages import Bid
from marketplace.protocol.metering import compute_quote
from marketplace.protocol.network import find_forbidden
from marketplace.protocol.units import SECONDS_PER_HOUR, ceil_div, format_usdc

MAX_PRICED, LEAST_PRICED = 16, 2
"""Changes that are priced, of all that would let another ask serve the job: the ones with the least quotes."""
MAX_WORK = 200_000
"""Orders that are cleared for all of them together: each takes a few rounds."""
MAX_TOGETHER = 2
"""Constraints that are relaxed together, where one alone is of no use."""
_NEEDS = "requirements."
_BID_FIELDS = ("gpus", "vcpus", "memoryMb", "maxPrice", "deadline")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to change: fields of the job specification (`requirements.regions`) or of the bid (`memoryMb`)."""

    constraint: str
    says: str
    fields: tuple[tuple[str, Any], ...]  # path and new JSON value
    drops: bool = False
    """Whether nothing is left of the constraint."""


@dataclass(frozen=True, slots=True)
class Relaxation:
    """Changes to make together, and what a replica would cost then; `saving` against now, None where there is no now.

    micro-USDC.
    """

    changes: tuple[Change, ...]
    price: int
    saving: int | None

    def to_json(self) -> dict[str, Any]:
        """A JSON object; amounts are micro-USDC in decimal strings."""
        return {
            "constraints": [one.constraint for one in self.changes],
            "says": [one.says for one in self.changes],
            "changes": {path: value for one in self.changes for path, value in one.fields},
            "price": str(self.price),
            "saving": None if self.saving is None else str(self.saving),
        }


Widener = Callable[[PlacedBid, PlacedAsk, int], Change | None]
"""What to change so that the ask will do now; None where nothing does."""


# --- wideners ---------------------------------------------------------------------------------------------------------


def _region(bid: PlacedBid, ask: PlacedAsk, now: int) -> Change:
    regions = [*bid.job_spec.requirements.regions, ask.profile.region]
    return Change("region", f"Allow {ask.profile.region} as well", ((_NEEDS + "regions", regions),))


def _architecture(bid: PlacedBid, ask: PlacedAsk, now: int) -> Change:
    offered = ask.profile.cpu.architecture
    wanted = [*bid.job_spec.requirements.architectures, offered]
    return Change("architecture", f"Allow {offered} as well", ((_NEEDS + "architectures", wanted),))


def _cpu_features(bid: PlacedBid, ask: PlacedAsk, now: int) -> Change:
    wanted = bid.job_spec.requirements.cpu_features
    missing = [one for one in wanted if one not in ask.profile.cpu.features]
    left = [one for one in wanted if one not in missing]
    return Change("cpuFeatures", f"Do without {', '.join(missing)}", ((_NEEDS + "cpuFeatures", left),))


def _gpus(bid: PlacedBid, ask: PlacedAsk, now: int) -> Change | None:
    """The first that is enough of: less memory, another model, both, parts of GPUs, fewer GPUs."""
    want, kit = GpuWant.of(bid), Kit.of(ask)
    if not kit.gpus:
        return None
    memory = min(want.min_memory_mb, min(gpu.memory_mb for gpu in kit.gpus))
    added = sorted({gpu.model for gpu in kit.gpus} - set(want.models)) if want.models else []
    count = min(want.count, max(1, len(kit.gpus) // kit.units))
    less = (
        f"Make do with {memory} MB of GPU memory instead of {want.min_memory_mb}",
        (_NEEDS + "minGpuMemoryMb", memory),
    )
    more = (f"Allow {', '.join(added)} as well", (_NEEDS + "gpuModels", [*want.models, *added]))
    fewer = (f"Make do with {count} of {want.count} GPUs", ("gpus", count))
    wider = replace(want, min_memory_mb=memory), replace(want, models=(*want.models, *added))
    parts = ("Take MIG instances as well", (_NEEDS + "mig", True))
    attempts = [
        (wider[0], (less,)),
        (wider[1], (more,)),
        (replace(wider[1], min_memory_mb=memory), (less, more)),
        (replace(want, takes_parts=True), (parts,)),
        (replace(want, count=count), (fewer,)),
        (replace(wider[1], min_memory_mb=memory, count=count), (less, more, fewer)),
    ]
    for tried, changes in attempts:
        if GPUS.violated(tried, kit) is None:
            return Change("gpus", "; ".join(says for says, _ in changes), tuple(field for _, field in changes))
    return None


def _runtime(bid: PlacedBid, ask: PlacedAsk, now: int) -> Change | None:
    name, _ = bid.job_spec.carried
    offered = ask.profile.runtimes.get(name)
    if offered is None:
        return None
    return Change("runtime", f"Use the {name} runtime {offered[:10]}", (("program.digest", offered),))


def _registry(bid: PlacedBid, ask: PlacedAsk, now: int) -> Change | None:
    offered = ask.profile.registries[0] if ask.profile.registries else None
    return Change("registry", f"Have the image at {offered}", (("program.registry", offered),)) if offered else None


def _network(bid: PlacedBid, ask: PlacedAsk, now: int) -> Change:
    forbidden = find_forbidden(bid.job_spec.network_hosts, ask.profile.network_hosts)
    left = [one for one in bid.job_spec.network_hosts if one not in forbidden]
    fewer = ("network.hosts", left) if left else ("network", None)
    return Change("network", f"Do without {', '.join(forbidden)}", (fewer,))


def _sandbox(bid: PlacedBid, ask: PlacedAsk, now: int) -> Change | None:
    offered = ask.profile.sandboxes[0] if ask.profile.sandboxes else None
    return Change("sandbox", f"Run in the {offered} sandbox", (("sandbox", offered),)) if offered else None


def _at_most(name: str, path: str, what: str, offered: Callable[[PlacedAsk], int]) -> Widener:
    def widen(bid: PlacedBid, ask: PlacedAsk, now: int) -> Change:
        return Change(name, f"Make do with {offered(ask)} {what}", ((path, offered(ask)),))

    return widen


def _carbon(bid: PlacedBid, ask: PlacedAsk, now: int) -> Change:
    grams, path = ask.profile.carbon_grams_per_kwh, _NEEDS + "maxCarbonGramsPerKwh"
    if grams is None:
        return Change("carbon", "Allow nodes that do not tell their carbon intensity", ((path, None),))
    return Change("carbon", f"Allow {grams} g CO2 per kWh", ((path, grams),))


def _deadline(bid: PlacedBid, ask: PlacedAsk, now: int) -> Change:
    hours = ceil_div(bid.earliest_end(now) - bid.bid.deadline, SECONDS_PER_HOUR)
    later = "an hour" if hours == 1 else f"{hours} hours"
    deadline = bid.bid.deadline + hours * SECONDS_PER_HOUR
    return Change("deadline", f"Set the deadline {later} later", (("deadline", deadline),))


def _schedule(bid: PlacedBid, ask: PlacedAsk, now: int) -> Change:
    sooner = bid.bid.deadline - ask.free_until
    return Change("schedule", f"Set the deadline {sooner} seconds earlier", (("deadline", ask.free_until),))


def _preemption(bid: PlacedBid, ask: PlacedAsk, now: int) -> Change:
    return Change("preemption", "Let nobody take its place", (("schedule.preemptionNoticeSeconds", None),))


def _stake(bid: PlacedBid, ask: PlacedAsk, now: int) -> Change:
    covered = ask.available_stake
    return Change("stake", f"Lower the maximum price to {format_usdc(covered)} USDC", (("maxPrice", str(covered)),))


WIDENERS: Mapping[str, Widener] = {
    "region": _region,
    "architecture": _architecture,
    "cpuFeatures": _cpu_features,
    "gpus": _gpus,
    "runtime": _runtime,
    "registry": _registry,
    "network": _network,
    "sandbox": _sandbox,
    "vcpus": _at_most("vcpus", "vcpus", "vCPUs", lambda ask: ask.free_units * Unit.of(ask).vcpus),
    "memoryMb": _at_most("memoryMb", "memoryMb", "MB of memory", lambda ask: ask.free_units * Unit.of(ask).memory_mb),
    "freeGpus": _at_most("freeGpus", "gpus", "GPUs", lambda ask: ask.free_units * Unit.of(ask).gpus),
    "diskMb": _at_most("diskMb", _NEEDS + "minDiskMb", "MB of disk", lambda ask: ask.profile.disk_mb),
    "reputation": _at_most("reputation", _NEEDS + "minSettledLeases", "settled leases", lambda ask: ask.settled_leases),
    "carbon": _carbon,
    "deadline": _deadline,
    "schedule": _schedule,
    "preemption": _preemption,
    "stake": _stake,
}


def drop(name: str) -> Widener:
    """Take out of the job specification what asks for the constraint of this name, whatever that is."""
    constraint = next(one for one in CONSTRAINTS if one.name == name)

    def widen(bid: PlacedBid, ask: PlacedAsk, now: int) -> Change | None:
        given, plain = bid.job_spec.to_json()["requirements"], Requirements().model_dump(mode="json", by_alias=True)
        for path, default in ((path, plain[path]) for path in plain if given[path] != plain[path]):
            change = Change(name, f"Do not ask for {path}", ((_NEEDS + path, default),), drops=True)
            changed = apply_changes(bid, (change,))
            if changed is not None and constraint.check(changed, ask, now) is None:
                return change
        return None

    return widen


# --- what they come to ------------------------------------------------------------------------------------------------


def relax(snapshot: BookSnapshot, wanted: PlacedBid, price_now: int | None, max_price: int | None) -> list[Relaxation]:
    """What the job would cost with one of its constraints made wider or dropped, the greatest saving first.

    Two at a time where one alone is of no use. `price_now` is what it costs as it is, None where nobody can serve it;
    `max_price` what the renter allows, which stakes must cover.
    """
    ways = _ways(snapshot, wanted, max_price)
    for together in range(1, MAX_TOGETHER + 1):
        found = _price(snapshot, wanted, price_now, [way for way in ways if len(way) == together])
        if found:
            return found
    return []


def _ways(snapshot: BookSnapshot, wanted: PlacedBid, max_price: int | None) -> list[tuple[Change, ...]]:
    """Every different set of changes that would let an ask serve the job, the least quote first."""
    least: dict[str, tuple[int, str, tuple[Change, ...]]] = {}
    for ask in snapshot.asks:
        quote = compute_quote(ask.ask.rates, wanted.bid.resources).total
        limit = max_price if max_price is not None else quote
        asking = replace(wanted, bid=wanted.bid.model_copy(update={"max_price": limit}))
        broken = [one.name for one in CONSTRAINTS if one.check(asking, ask, snapshot.now) is not None]
        if not 0 < len(broken) <= MAX_TOGETHER:
            continue
        for changes in _widened(asking, ask, snapshot.now, broken):
            key = repr([one.fields for one in changes])
            least[key] = min(least.get(key, (quote, key, changes)), (quote, key, changes), key=lambda one: one[:2])
    return [changes for _, _, changes in sorted(least.values(), key=lambda one: one[:2])]


def _widened(bid: PlacedBid, ask: PlacedAsk, now: int, broken: list[str]) -> Iterator[tuple[Change, ...]]:
    """Just wide enough for this ask; and without the constraint, where it is only one."""
    wide = tuple(WIDENERS.get(name, drop(name))(bid, ask, now) for name in broken)
    if all(one is not None for one in wide) and apply_changes(bid, wide) is not None:
        yield wide
    if len(broken) == 1:
        dropped = drop(broken[0])(bid, ask, now)
        if dropped is not None:
            yield (dropped,)


def _price(
    snapshot: BookSnapshot, wanted: PlacedBid, price_now: int | None, ways: list[tuple[Change, ...]]
) -> list[Relaxation]:
    orders = max(1, len(snapshot.bids) + len(snapshot.asks))
    tried = ways[: max(LEAST_PRICED, min(MAX_PRICED, MAX_WORK // orders))]
    prices = price_each(snapshot, [apply_changes(wanted, changes) for changes in tried])
    found = [
        Relaxation(changes, price, None if price_now is None else price_now - price)
        for changes, price in zip(tried, prices, strict=True)
        if price is not None and (price_now is None or price < price_now)
    ]
    found.sort(key=lambda one: (one.price, one.changes[0].drops, [change.says for change in one.changes]))
    kept: list[Relaxation] = []
    narrower: set[str] = set()
    for one in found:
        first = one.changes[0]
        if not first.drops or first.constraint not in narrower:
            kept.append(one)
        narrower.add(first.constraint)
    return kept


def apply_changes(bid: PlacedBid, changes: tuple[Change, ...]) -> PlacedBid | None:
    """The bid with these changes; None where the protocol has no such job or bid."""
    order, job = bid.bid.to_json(), bid.job_spec.to_json()
    for path, value in (field for change in changes for field in change.fields):
        if path in _BID_FIELDS:
            order[path] = value
            continue
        *folders, last = path.split(".")
        place = job
        for folder in folders:
            place = place[folder]
        place[last] = value
    try:
        spec = JobSpec.parse(job)
        return replace(bid, bid=Bid.parse(order | {"jobDigest": spec.digest()}), job_spec=spec)
    except MarketError:
        return None
