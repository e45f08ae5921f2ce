"""What was found, for people."""

from scripts.bench.tco.cases import (
    CONTENTION,
    LOADS,
    OF_FLEXIBILITY,
    POLICIES,
    USUAL,
    Found,
    Results,
    cost_of,
    name_of,
    saving,
)
from scripts.bench.tco.jobs import Flexibility
from scripts.bench.tco.offers import REFERENCE, USDC


def render_loads(results: Results) -> list[str]:
    """What each way of finding nodes costs, a table for each load, in Markdown."""
    first = next(iter(results.values()))
    lines = [
        f"Jobs: {first.sources[0]}. Nodes: {first.sources[1]}. Prices: scripts/bench/tco/prices.csv.",
        f"On demand is {REFERENCE}.",
        "USD a day, everything served: what finds no node goes on demand. Below: how much less than that other way.",
    ]
    for load in LOADS:
        lines += ["", *_of_load(results, load)]
    return [*lines, ""]


def _alike(results: Results, load: float, kind: Flexibility, policy: str) -> list[Found]:
    return [f for c, f in results.items() if (c.load, c.flexibility, c.policy) == (load, kind, policy)]


def _of_load(results: Results, load: float) -> list[str]:
    some = _alike(results, load, USUAL, "auction")
    days = len(some)
    on_demand = sum(found.on_demand_cost for found in some)
    left_out = sum(found.left_out for found in some) // days
    co2 = _kg([found.on_demand_grams for found in some])
    lines = [
        f"Load {load}: {sum(found.jobs for found in some) // days:,} jobs a day ({left_out:,} more fit no node)",
        "",
        "| | USD | served in the market | below on demand | below first fit | below cheapest first | CO2, kg |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        f"| on demand, one cloud | {on_demand / days / USDC:,.0f} | 0.0% | | | | {co2} |",
    ]
    for policy in POLICIES:
        found = _alike(results, load, USUAL, policy)
        below = [saving(results, load, USUAL, policy, other) for other in ("on demand", "first fit", "cheapest first")]
        lines.append(
            f"| {policy} | {cost_of(results, load, USUAL, policy) / days / USDC:,.0f} | {_share(found)} | "
            + " | ".join(f"{one:.1%}" for one in below)
            + f" | {_kg([f.grams for f in found])} |"
        )
    return lines


def render_flexibility(results: Results) -> list[str]:
    """What it is worth when renters leave something open."""
    kinds = dict.fromkeys(case.flexibility for case in results if case.flexibility != USUAL)
    lines = [
        f"What renters leave open, at load {CONTENTION}: USD a day, and how much that is below on demand at once",
        "",
        "| | on demand | " + " | ".join(OF_FLEXIBILITY) + " | auction below cheapest first | stops a day |",
        "| --- | ---: " + "| ---: " * len(OF_FLEXIBILITY) + "| ---: | ---: |",
    ]
    for kind in kinds:
        some = _alike(results, CONTENTION, kind, "auction")
        cells = [f"{sum(found.on_demand_cost for found in some) / len(some) / USDC:,.0f}"]
        for policy in OF_FLEXIBILITY:
            cost = cost_of(results, CONTENTION, kind, policy) / len(some) / USDC
            cells.append(f"{cost:,.0f} ({saving(results, CONTENTION, kind, policy, 'on demand'):.1%})")
        cells.append(f"{saving(results, CONTENTION, kind, 'auction', 'cheapest first'):.1%}")
        cells.append(f"{sum(found.stops for found in some) // len(some)}")
        lines.append(f"| {name_of(kind).replace('_', ' ')} | " + " | ".join(cells) + " |")
    return lines


def _share(found: list[Found]) -> str:
    return f"{sum(one.served for one in found) / sum(one.jobs for one in found):.1%}"


def _kg(grams: list[int]) -> str:
    return f"{sum(grams) / len(grams) / 1_000:,.0f}"
