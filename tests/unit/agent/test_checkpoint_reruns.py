"""A job that runs again passes through all its states once more: the market keeps the one that got furthest."""

import pytest

from agent.checkpoints import Checkpoints
from agent.sandbox.snapshots import Snapshots
from tests.unit.agent.test_checkpoints import LEASE, Clock, Market, save, started
from tests.unit.agent.test_work import lease_terms, script_spec


@pytest.fixture
def saving(tmp_path):
    market, terms = Market(), lease_terms(script_spec(checkpoint={"directory": "state", "intervalSeconds": 5}))
    checkpoints: Checkpoints = started(market, tmp_path)
    return market, checkpoints, checkpoints.of(LEASE, terms), terms


def run_until(snapshots, *states: tuple[float, bytes]) -> None:
    """A run that shows these states, each after so many seconds."""
    clock = snapshots._clock = Clock()
    snapshots.look(dict)
    for clock.now, data in states:
        save(snapshots, data)


def shown(market) -> bytes:
    """The state that the market keeps: the one taken last."""
    _, manifest = max(market.posted, key=lambda one: one[0].taken_at)
    return market.blobs[manifest.entries[0].digest]


@pytest.mark.parametrize("is_restarted", [True, False], ids=["after a restart", "in the same process"])
def test_early_state_of_a_job_that_runs_again_does_not_replace_a_later_one(saving, tmp_path, is_restarted):
    market, checkpoints, snapshots, terms = saving
    run_until(snapshots, (10, b"10"), (60, b"60"))
    checkpoints.post()
    again = started(market, tmp_path, at=200) if is_restarted else checkpoints
    rerun = again.of(LEASE, terms)
    run_until(rerun, (10, b"10"), (59, b"59"))
    again.post()
    assert shown(market) == b"60"
    run_until(rerun, (61, b"61"))
    again.post()
    assert shown(market) == b"61"


def test_early_state_does_not_replace_a_later_one_that_still_waits(saving):
    market, checkpoints, snapshots, terms = saving
    run_until(snapshots, (60, b"60"))
    run_until(checkpoints.of(LEASE, terms), (10, b"10"))
    checkpoints.post()
    assert shown(market) == b"60"


def test_later_state_counts_as_newer_even_where_the_clock_was_set_back(saving, tmp_path):
    market, checkpoints, snapshots, terms = saving
    run_until(snapshots, (10, b"10"))
    checkpoints.post()
    again = started(market, tmp_path, at=50)
    run_until(again.of(LEASE, terms), (20, b"20"))
    again.post()
    assert shown(market) == b"20"


def test_seconds_before_the_program_runs_do_not_count(saving):
    clock = Clock()
    snapshots = Snapshots("state", 5, lambda files: None, clock)
    clock.now = 30
    snapshots.look(dict)
    clock.now = 42
    assert snapshots.ran_seconds == 12
