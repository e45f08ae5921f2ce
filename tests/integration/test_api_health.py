"""Alive is not ready: what stands in the way is said, all of it."""

import time

import pytest

from marketplace.adapters.store import Database
from marketplace.api.app import build_app
from marketplace.domain.roles import WORKERS
from marketplace.errors import MarketError
from marketplace.services import workers
from marketplace.services.show_readiness import MOST_BLOCKS_BEHIND, show_readiness
from marketplace.services.workers import Workers
from tests.fakes.http import client_of
from tests.fakes.world import World

SOON = 30.0


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


def wait_for(condition) -> None:
    until = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_market_whose_workers_run_is_ready_until_they_stop(world, running):
    wait_for(lambda: not reasons(world, running))
    running.stop()
    stopped = len(WORKERS) + len(("duties", "watcher"))
    assert len(reasons(world, running)) == stopped and "market-clearing is not running" in str(reasons(world, running))


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
