"""What a day costs is compared fairly: same jobs, same nodes, same prices, and nobody gets what is not there."""

from dataclasses import replace

import numpy as np
import pytest

from scripts.bench.tco import cases, jobs, nodes
from scripts.bench.tco.cases import CONTENTION, OF_FLEXIBILITY, POLICIES, USUAL, Case, measure, set_up
from scripts.bench.tco.jobs import Flexibility
from scripts.bench.tco.nodes import reclaims_of
from scripts.bench.tco.offers import REFERENCE, ZONES, load_offers
from scripts.bench.tco.policies import Auction, CheapestFirst, clear
from scripts.bench.tco.replay import CHECKPOINT_S, World, charge, fits_of, replay
from scripts.bench.tco.tables import render_flexibility, render_loads

JOBS = 220
ROUND_S = 1_800
ALL_OPEN = Flexibility(pinned=0.4, waits=True, preemptible=True)


@pytest.fixture(autouse=True)
def _without_the_trace(monkeypatch, tmp_path):
    for module in (jobs, nodes):
        monkeypatch.setattr(module, "DATA", tmp_path)


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """One small day of each policy, in which jobs may be stopped."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (jobs, nodes):
            patch.setattr(module, "DATA", tmp_path_factory.mktemp("no-trace"))
        demand, machines, _ = set_up(Case(0.3, ALL_OPEN, "auction", 1, JOBS))
    reclaims = reclaims_of(1, machines, 3 * jobs.DAY_S)
    return demand, machines, {n: replay(demand, machines, make(), reclaims, ROUND_S) for n, make in POLICIES.items()}


def world_of(demand, machines):
    return World(
        jobs=demand,
        nodes=machines,
        fits=fits_of(demand, machines),
        free=machines.slots.copy(),
        remaining=demand.seconds.copy(),
        is_closed=np.zeros(len(machines), dtype=bool),
    )


@pytest.mark.parametrize("policy", POLICIES)
def test_every_job_is_done_once_to_its_end_whatever_places_it(days, policy):
    demand, _, outcomes = days
    ended = [one.job for one in outcomes[policy].stretches if not one.was_stopped]
    assert sorted(ended + [job for job, _, _ in outcomes[policy].on_demand]) == list(range(len(demand)))


@pytest.mark.parametrize("policy", POLICIES)
def test_no_node_is_above_its_slots_at_any_time(days, policy):
    demand, machines, outcomes = days
    used = np.zeros(len(machines), dtype=np.int64)
    changes = [(s.ends_s, 0, s.node, -demand.slots[s.job]) for s in outcomes[policy].stretches]
    changes += [(s.begins_s, 1, s.node, demand.slots[s.job]) for s in outcomes[policy].stretches]
    for _, _, node, change in sorted(changes):
        used[node] += change
        assert used[node] <= machines.slots[node]


@pytest.mark.parametrize("policy", POLICIES)
def test_jobs_run_where_they_fit_and_not_before_they_came_nor_after_their_patience(days, policy):
    demand, machines, outcomes = days
    fits = fits_of(demand, machines)
    stopped = {one.job for one in outcomes[policy].stretches if one.was_stopped}
    for one in outcomes[policy].stretches:
        assert fits[one.job, one.node]
        assert one.begins_s >= demand.arrives_s[one.job]
        if one.job not in stopped:
            assert one.begins_s <= demand.arrives_s[one.job] + demand.patience_s[one.job] + ROUND_S


@pytest.mark.parametrize("policy", POLICIES)
def test_the_same_job_on_the_same_node_costs_the_same_by_every_policy(days, policy):
    demand, machines, outcomes = days
    for one in outcomes[policy].stretches:
        rate = machines.preemptible if demand.is_preemptible[one.job] else machines.price
        assert one.cost == charge(demand.slots[one.job] * rate[one.node], one.ends_s - one.begins_s)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_job_that_nobody_stopped_costs_no_more_than_on_demand(days, policy):
    demand, _, outcomes = days
    stopped = {one.job for one in outcomes[policy].stretches if one.was_stopped}
    for one in outcomes[policy].stretches:
        if one.job not in stopped:
            assert one.cost <= charge(demand.on_demand[one.job], demand.seconds[one.job])


def test_who_is_stopped_pays_for_the_time_and_keeps_what_was_saved_by_then(days):
    demand, machines, _ = days
    everyone = replace(demand, is_preemptible=np.ones(len(demand), dtype=bool))
    often = [(at, node) for at in range(1_000, 2 * jobs.DAY_S, 3 * 3_600) for node in range(len(machines))]
    day = replay(everyone, machines, CheapestFirst(), often, ROUND_S)
    stopped = [one for one in day.stretches if one.was_stopped]
    assert stopped
    for job in {one.job for one in stopped}:
        ran = [one for one in day.stretches if one.job == job]
        saved = sum((s.ends_s - s.begins_s) // CHECKPOINT_S * CHECKPOINT_S for s in ran if s.was_stopped)
        rest = sum(s.ends_s - s.begins_s for s in ran if not s.was_stopped)
        rest += sum(seconds for other, seconds, _ in day.on_demand if other == job)
        assert saved + rest == demand.seconds[job]


def test_a_round_of_the_auction_saves_no_less_than_cheapest_first_within_epsilon(days):
    demand, machines, _ = days
    for start in range(0, len(demand) - 60, 40):
        some = np.arange(start, start + 60)
        some = some[demand.slots[some] == 1]
        solved = clear(world_of(demand, machines), some, np.zeros(len(machines), dtype=np.int64))
        world = world_of(demand, machines)
        placed = CheapestFirst()(world, some)
        simple = sum(int(world.limits(job) - world.costs(job)[node]) for job, node in placed)
        assert solved.value.sum() >= simple - solved.epsilon * len(some)


def test_a_round_in_which_nobody_waits_assigns_nobody(days):
    demand, machines, _ = days
    nobody, nothing = np.zeros(0, dtype=np.int64), np.zeros(len(machines), dtype=np.int64)
    assert len(clear(world_of(demand, machines), nobody, nothing).ask_of) == 0


def test_the_engine_values_a_pair_at_what_the_replay_charges(days):
    demand, machines, _ = days
    world = world_of(demand, machines)
    some = np.flatnonzero(demand.slots == 1)[:60]
    solved = clear(world, some, np.zeros(len(machines), dtype=np.int64))
    assert (solved.ask_of >= 0).any()
    for job, node, value in zip(some, solved.ask_of, solved.value, strict=True):
        if node >= 0:
            assert value == world.limits(job) - world.costs(job)[node]
            assert world.fits[job, node]


def test_the_flexible_job_leaves_the_cheap_node_to_the_one_that_has_no_other(days):
    demand, machines, _ = days
    slots = np.ones(2, dtype=np.int64)
    two = {name: column[:2] for name, column in vars(machines).items() if isinstance(column, np.ndarray)}
    cheap_and_dear = replace(machines, **(two | {"slots": slots, "price": np.array([100_000, 200_000])}))
    pair = demand.only(np.arange(len(demand)) < 2)
    pair = replace(pair, slots=slots, seconds=3_600 * slots, on_demand=900_000 * slots, is_preemptible=slots < 0)
    world = world_of(pair, cheap_and_dear)
    world.fits[:] = [[True, True], [True, False]]
    only_first = replace(pair, models=np.array([0b11, 0b01]), zones=slots, vcpus=slots, memory_mb=slots)
    kinds = replace(cheap_and_dear, model=np.array([0, 1]), zone=0 * slots, vcpus=slots, memory_mb=slots)
    world.jobs, world.nodes = only_first, kinds
    assert Auction()(replace(world, free=slots.copy()), np.array([0, 1])) == [(0, 1), (1, 0)]
    assert CheapestFirst()(replace(world, free=slots.copy()), np.array([0, 1])) == [(0, 0)]


def test_the_day_is_the_same_every_time():
    case = Case(CONTENTION, ALL_OPEN, "cheapest first", 2, 60)
    assert measure(case) == measure(case)


def test_what_renters_leave_open_changes_neither_nodes_nor_the_jobs_sizes():
    strict, _, _ = set_up(Case(CONTENTION, Flexibility(1.0, waits=False), "auction", 1, 60))
    loose, machines, _ = set_up(Case(CONTENTION, Flexibility(0.0, preemptible=True), "auction", 1, 60))
    others = set_up(Case(CONTENTION, Flexibility(1.0), "auction", 1, 60))[1]
    for column in ("arrives_s", "seconds", "slots", "vcpus", "models"):
        assert (getattr(strict, column) == getattr(loose, column)).all()
    assert (machines.price == others.price).all()
    assert (loose.zones == (1 << len(ZONES)) - 1).all()


def test_every_price_in_the_list_is_positive_and_the_preemptible_one_no_higher():
    offers = load_offers()
    assert all(0 < (offer.preemptible or offer.price) <= offer.price for offer in offers)
    assert {offer.zone for offer in offers if offer.source == REFERENCE} == set(range(len(ZONES)))


def test_figures_and_tables_say_what_a_whole_bench_finds(monkeypatch):
    monkeypatch.setattr(cases, "SEEDS", (1,))
    whole = [*cases.cases_of_loads(40), *cases.cases_of_flexibility(40)]
    found = measure(Case(CONTENTION, USUAL, "cheapest first", 1, 40))
    halved = replace(found, cost=found.cost // 2)
    results = {case: halved if case.policy == "auction" else found for case in whole}
    figures = cases.figures_of(results)
    for other in ("first_fit", "round_robin", "cheapest_first"):
        assert figures[f"saving_vs_{other}"] == pytest.approx(0.5, abs=1e-4)
    assert figures["saving_vs_on_demand"] == pytest.approx(1 - halved.cost / found.on_demand_cost, abs=1e-4)
    text = "\n".join([*render_loads(results), *render_flexibility(results)])
    assert all(policy in text for policy in (*POLICIES, *OF_FLEXIBILITY))
