"""A rebuild has every role of the market, keeps them for as long as it takes, and leaves them."""

import time
from dataclasses import replace

import pytest

from marketplace.domain.roles import WORKERS
from marketplace.errors import ChainUnavailable, ConflictError
from marketplace.services import rebuild_alone as module
from marketplace.services.rebuild_alone import rebuild_alone
from marketplace.services.verify_ledger import verify_ledger
from tests.fakes.databases import BOTH, open_database
from tests.fakes.world import World


@pytest.fixture(params=BOTH)
def world(request, tmp_path) -> World:
    made = World(tmp_path, database=request.param)
    made.offer()
    return made


class Watched:
    """The chain, with something that happens whenever its events are read."""

    def __init__(self, chain, happens) -> None:
        self._chain, self._happens = chain, happens

    def __getattr__(self, name):
        if name == "events":
            self._happens()
        return getattr(self._chain, name)


def is_free(world) -> bool:
    other = world.restarted().store
    try:
        return all(other.take_duty(role) for role in WORKERS)
    finally:
        other.leave_duties()


@pytest.mark.parametrize("role", WORKERS)
def test_no_rebuild_while_another_process_has_any_role(world, role):
    other = world.restarted().store
    assert other.take_duty(role)
    with pytest.raises(ConflictError, match=f"has {role}"):
        rebuild_alone(world.market)
    other.leave_duties()
    assert is_free(world)


def test_all_roles_are_kept_for_as_long_as_it_takes_and_left_after_it(world, monkeypatch):
    monkeypatch.setattr(module, "RENEW_SECONDS", 0.05)
    seen = []

    def happens() -> None:
        time.sleep(3)
        seen.append([role for role in WORKERS if other.take_duty(role)])

    other = world.restarted().store
    store = open_database(world.folder, world.database, duty_seconds=2.0)
    rebuild_alone(replace(world.market, store=store, chain=Watched(world.chain, happens)))
    assert seen and not any(seen)
    assert is_free(world) and verify_ledger(world.market).is_equal


def test_what_a_rebuild_writes_after_it_lost_the_follower_is_refused(world):
    """Its machine slept, say, and a process was started meanwhile."""
    store = open_database(world.folder, world.database, duty_seconds=0.0)
    other = world.restarted().store
    with pytest.raises(ConflictError, match="follower"):
        rebuild_alone(
            replace(world.market, store=store, chain=Watched(world.chain, lambda: other.take_duty("follower")))
        )


def test_a_rebuild_that_fails_leaves_the_roles(world):
    world.chain.away = True
    with pytest.raises(ChainUnavailable):
        rebuild_alone(world.market)
    assert is_free(world)
