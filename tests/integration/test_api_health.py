"""Alive is not ready: what stands in the way is said, all of it."""

import time

import pytest

from marketplace.adapters.store import Database
from marketplace.api.app import build_app
from marketplace.domain.roles import API, WORKERS
from marketplace.errors import MarketError
from marketplace.services import workers
from marketplace.services.show_readiness import MOST_BLOCKS_BEHIND, show_readiness
from marketplace.services.workers import Workers
from tests.fakes.databases import open_database
from tests.fakes.http import client_of
from tests.fakes.waiting import wait_for
from tests.fakes.world import World


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


@pytest.fixture
def running(world):
    made = Workers(world.market)
    made.start()
    yield made
    made.stop()


def reasons(world, workers) -> list[str]:
    try:
        assert show_readiness(world.market, workers) == {"status": "ready"}
    except MarketError as error:
        return error.values["reasons"]
    return []


def test_a_market_whose_workers_run_is_ready_until_they_stop(world, running):
    wait_for(lambda: not reasons(world, running))
    running.stop()
    names = (*WORKERS, "duties", "watcher")
    assert reasons(world, running) == [f"the worker market-{name} is not running" for name in names]


def test_without_workers_the_interface_is_alive_and_not_ready(world):
    with client_of(build_app(world.market, with_workers=False)) as api:
        assert api.get("/api/v1/health/live").json() == {"status": "alive"}
        answer = api.get("/api/v1/health/ready")
        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
        assert answer.json()["values"]["reasons"] == ["no workers run in this process"]


def test_a_chain_that_is_away_or_far_ahead_is_a_reason(world, running):
    wait_for(lambda: not reasons(world, running))
    running.stop()
    for _ in range(MOST_BLOCKS_BEHIND + 1):
        world.chain.mine()
    assert "blocks behind" in reasons(world, running)[0]
    world.chain.away = True
    assert reasons(world, running)[0] == "the chain does not answer"


def test_roles_that_no_process_has_are_reasons_until_one_has_them(world, tmp_path):
    """As of a process with `--role api`, and of one that has some of the roles."""
    alone, some = Workers(world.market, [API]), Workers(world.market, ["outbox"])
    assert reasons(world, alone) == [f"no process has the role {role}" for role in WORKERS]
    assert [reason for reason in reasons(world, some) if "outbox" in reason] == [
        "the worker market-outbox is not running"
    ]
    other = open_database(tmp_path)
    for role in WORKERS:
        assert other.take_duty(role)
    assert reasons(world, alone) == []
    other.leave_duties()
    assert len(reasons(world, alone)) == len(WORKERS)


def test_a_role_whose_holder_is_late_or_dead_is_nobodys(tmp_path):
    first, second = (open_database(tmp_path, duty_seconds=0.3) for _ in range(2))
    assert first.take_duty("outbox") and first.take_duty("seals")
    assert second.manned_duties() == {"outbox", "seals"}
    time.sleep(0.35)
    assert second.manned_duties() == first.manned_duties() == frozenset()
    first.renew_duties()
    assert second.manned_duties() == {"outbox", "seals"}


def test_a_database_that_takes_no_writes_is_a_reason(world, running, monkeypatch):
    def refuse(_):
        raise OSError("no space left on device")

    monkeypatch.setattr(Database, "write", refuse)
    assert "the database takes no writes" in reasons(world, running)
    assert "no space" not in str(reasons(world, running)), "details are for the log"


def test_a_worker_that_fails_again_and_again_is_a_reason_until_it_succeeds(world, monkeypatch):
    monkeypatch.setattr(workers, "backoff_seconds", lambda failures: 0.01)
    fails = [True]

    def follow(_):
        if fails[0]:
            raise MarketError("does not follow")

    monkeypatch.setitem(workers.STEPS, "follower", (follow, 0.01))
    made = Workers(world.market)
    made.start()
    try:
        wait_for(lambda: "market-follower has failed" in str(made.troubles()))
        fails[0] = False
        wait_for(lambda: made.troubles() == [])
    finally:
        made.stop()
