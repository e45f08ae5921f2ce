"""Whether a node is what a job needs, asked after the round: never stricter than the round was, and no laxer."""

import pytest

from marketplace.clearing.round import clear_round
from marketplace.domain.constraints import CONSTRAINTS
from marketplace.domain.fitness import OF_THE_MACHINE, PROMISED, describe_misfits, find_misfits
from tests.unit.clearing.market import ask, bid, profile, random_market, spec


def misfits(job_spec, node, constraints=PROMISED, units=1, **fields):
    return find_misfits(bid(job_spec=job_spec, **fields).bid, job_spec, ask(units=units).ask, node, constraints)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_a_round_matches_is_fit_by_the_same_profile(seed):
    snapshot = random_market(seed, bids=60, asks=40)
    bids, asks = ({one.bid_hash: one for one in snapshot.bids}, {one.ask_hash: one for one in snapshot.asks})
    matches = clear_round(snapshot).matches
    assert len(matches) > 5
    for match in matches:
        job, node = bids[match.bid_hash], asks[match.ask_hash]
        assert find_misfits(job.bid, job.job_spec, node.ask, node.profile, OF_THE_MACHINE) == {}


def test_every_constraint_is_the_machines_or_the_rounds():
    left = {one.name for one in CONSTRAINTS} - {one.name for one in OF_THE_MACHINE}
    assert left == {"schedule", "reputation", "deadline", "stake", "promisedSandbox"}
    left = {one.name for one in OF_THE_MACHINE} - {one.name for one in PROMISED}
    assert left == {"sandbox", "runtime", "registry", "network", "privateJobs", "preemption", "latency", "carbon"}


def test_profile_is_held_to_what_no_result_shows():
    wanted = spec(regions=["us"], zones=["a"], privacyZones=["hipaa"])
    assert set(misfits(wanted, profile())) == {"region", "zone", "privacyZones"}
    assert misfits(wanted, profile(region="us", zone="a", privacyZones=["hipaa"])) == {}


def test_reserved_resources_are_held_against_all_units_together():
    assert misfits(spec(), profile(memoryMb=1_000), units=4, memory_mb=900) == {}
    assert misfits(spec(), profile(memoryMb=1_000), units=4, memory_mb=1_001) == {"memoryMb": (1_001, 1_000)}


def test_what_is_missing_is_said_in_words():
    found = misfits(spec(regions=["us", "ap"], racks=["r1"]), profile())
    assert describe_misfits(found) == "region: us, ap needed, eu here; rack: r1 needed, none here"
