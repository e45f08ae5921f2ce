"""What is compared: loads, policies and flexibilities; and the figures that come of it.

Every case is run with several seeds (which nodes, prices and pinned jobs there are); costs are those of all together.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np

from scripts.bench.tco.jobs import DAY_S, Flexibility, Jobs, draw_jobs
from scripts.bench.tco.nodes import Nodes, draw_nodes, reclaims_of
from scripts.bench.tco.offers import load_offers
from scripts.bench.tco.policies import Auction, CheapestFirst, RoundRobin, first_fit
from scripts.bench.tco.replay import HOUR_S, Day, Policy, charge, fits_of, replay

SEEDS = tuple(range(1, 1 + int(os.environ.get("HIVE_BENCH_SEEDS", "3"))))
LOADS = (0.5, 0.9, 1.2)
CONTENTION = 1.2
"""GPU-hours asked for in the day, as a share of those that the nodes have."""
POLICIES: dict[str, Callable[[], Policy]] = {
    "first fit": lambda: first_fit,
    "round robin": RoundRobin,
    "cheapest first": CheapestFirst,
    "cheapest first, hours priced": lambda: CheapestFirst(foresight=True),
    "auction": Auction,
    "auction, hours priced": lambda: Auction(foresight=True),
}
OF_FLEXIBILITY = ("cheapest first", "auction", "auction, hours priced")
USUAL = Flexibility()


@dataclass(frozen=True)
class Case:
    """One day with one policy."""

    load: float
    flexibility: Flexibility
    policy: str
    seed: int
    jobs: int | None = None
    """How many of the trace's jobs; None for all."""


@dataclass(frozen=True)
class Found:
    """What came of it. Money in micro-USDC, CO2 in grams."""

    cost: int
    on_demand_cost: int
    """What all jobs would cost in the single cloud."""
    jobs: int
    left_out: int
    """Jobs that no node could ever take; they are in no sum."""
    served: int
    """Jobs that ended in the market."""
    stops: int
    waited_s: int
    grams: int
    on_demand_grams: int
    sources: tuple[str, str]


def cases_of_loads(jobs: int | None = None) -> list[Case]:
    """All policies at all loads."""
    return [Case(load, USUAL, policy, seed, jobs) for load, policy, seed in product(LOADS, POLICIES, SEEDS)]


def cases_of_flexibility(jobs: int | None = None) -> list[Case]:
    """All that renters may leave open, under contention."""
    kinds = [Flexibility(*one) for one in product((1.0, 0.0), (False, True), (False, True))]
    return [Case(CONTENTION, kind, policy, seed, jobs) for kind, policy, seed in product(kinds, OF_FLEXIBILITY, SEEDS)]


def set_up(case: Case) -> tuple[Jobs, Nodes, int]:
    """The jobs, the nodes, and how many jobs are left out: the same for all policies and flexibilities."""
    offers = load_offers()
    every = draw_jobs(case.seed, offers, case.flexibility, case.jobs)
    nodes = draw_nodes(case.seed, offers, max(1, int(every.gpu_seconds / DAY_S / case.load)))
    at_home = draw_jobs(case.seed, offers, Flexibility(pinned=1.0), case.jobs)
    servable = fits_of(at_home, nodes).any(axis=1) & (at_home.on_demand > 0)
    return every.only(servable), nodes, int((~servable).sum())


def measure(case: Case) -> Found:
    """Replay it."""
    jobs, nodes, left_out = set_up(case)
    reclaims = reclaims_of(case.seed, nodes, 4 * DAY_S)
    day = replay(jobs, nodes, POLICIES[case.policy](), reclaims)
    return Found(
        cost=day.cost,
        on_demand_cost=int(charge(jobs.on_demand, jobs.seconds).sum()),
        jobs=len(jobs),
        left_out=left_out,
        served=len(jobs) - len(day.on_demand),
        stops=day.stops,
        waited_s=day.waited_s,
        grams=_grams(jobs, nodes, day),
        on_demand_grams=_on_demand_grams(jobs, np.arange(len(jobs)), jobs.seconds),
        sources=(jobs.source, nodes.source),
    )


def _grams(jobs: Jobs, nodes: Nodes, day: Day) -> int:
    market = sum(int(jobs.slots[s.job] * nodes.grams[s.node]) * (s.ends_s - s.begins_s) for s in day.stretches)
    some = np.array([job for job, _, _ in day.on_demand], dtype=np.int64)
    seconds = np.array([seconds for _, seconds, _ in day.on_demand], dtype=np.int64)
    return market // HOUR_S // 1_000 + _on_demand_grams(jobs, some, seconds)


def _on_demand_grams(jobs: Jobs, some: np.ndarray, seconds: np.ndarray) -> int:
    return int((jobs.on_demand_grams[some] * seconds).sum()) // HOUR_S // 1_000


Results = dict[Case, Found]


def cost_of(results: Results, load: float, kind: Flexibility, policy: str) -> int:
    """Micro-USDC of all seeds together."""
    return sum(
        found.cost
        for case, found in results.items()
        if (case.load, case.flexibility, case.policy) == (load, kind, policy)
    )


def saving(results: Results, load: float, kind: Flexibility, policy: str, against: str) -> float:
    """By how much a policy's day costs less than another's, as a share of the other's."""
    if against == "on demand":
        alike = [f for c, f in results.items() if (c.load, c.flexibility, c.policy) == (load, kind, policy)]
        other = sum(found.on_demand_cost for found in alike)
    else:
        other = cost_of(results, load, kind, against)
    return 1 - cost_of(results, load, kind, policy) / other


def figures_of(results: Results) -> dict[str, float]:
    """Each figure by its name: shares between 0 and 1, kilograms."""
    figures = {}
    for against in ("on demand", "first fit", "round robin", "cheapest first"):
        for policy, mark in (("auction", ""), ("auction, hours priced", "_hours_priced")):
            name = f"saving_vs_{against.replace(' ', '_')}{mark}"
            figures[name] = saving(results, CONTENTION, USUAL, policy, against)
            for load in LOADS:
                figures[f"{name}_load_{load}"] = saving(results, load, USUAL, policy, against)
    for kind in {case.flexibility for case in results} - {USUAL}:
        for policy in OF_FLEXIBILITY:
            name = f"saving_vs_on_demand_{policy.replace(',', '').replace(' ', '_')}_{name_of(kind)}"
            figures[name] = saving(results, CONTENTION, kind, policy, "on demand")
    under = [(case, found) for case, found in results.items() if (case.load, case.flexibility) == (CONTENTION, USUAL)]
    for policy in POLICIES:
        grams = sum(found.grams for case, found in under if case.policy == policy)
        figures[f"kg_co2_{policy.replace(',', '').replace(' ', '_')}"] = grams / 1_000 / len(SEEDS)
    figures["kg_co2_on_demand"] = sum(f.on_demand_grams for c, f in under if c.policy == "auction") / 1_000 / len(SEEDS)
    return {name: round(figures[name], 5) for name in sorted(figures)}


def name_of(kind: Flexibility) -> str:
    """Such as `any_region_waits_preemptible`."""
    words = [
        "own_zone" if kind.pinned == 1 else "any_zone" if kind.pinned == 0 else "some_pinned",
        "batch_waits" if kind.waits else "at_once",
        "preemptible" if kind.preemptible else "undisturbed",
    ]
    return "_".join(words)
