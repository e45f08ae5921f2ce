"""A process that lives but fails in a role hands it on; roles are renewed and left one by one."""

from copy import copy
from dataclasses import replace

import pytest
from sqlmodel import select

from marketplace.adapters.store.tables import DutyRow
from marketplace.client.waiting import wait_until
from marketplace.services import workers
from marketplace.services.workers import Workers
from tests.fakes.databases import BOTH, open_database
from tests.fakes.world import World
from tests.unit.market.test_duties import holders


@pytest.fixture(params=BOTH)
def two(request, tmp_path):
    """Two processes' views of one database."""
    return [open_database(tmp_path, request.param) for _ in range(2)]


@pytest.mark.parametrize("kind", BOTH)
def test_who_fails_again_and_again_hands_the_role_on_to_who_stands_by(tmp_path, kind, monkeypatch):
    """Its node of the chain is dead, the other's is not."""
    monkeypatch.setattr(workers, "backoff_seconds", lambda failures: 0.01)
    world = World(tmp_path, database=kind)
    own_node = copy(world.chain)
    failing = Workers(replace(world.market, chain=own_node), ["follower"])
    healthy = Workers(world.restarted(), ["follower"])
    failing.start()
    try:
        wait_until(lambda: "follower" in holders(world), timeout=20, what="The first to take it")
        first = holders(world)["follower"]
        healthy.start()
        own_node.away = True
        wait_until(lambda: holders(world)["follower"] != first, timeout=20, what="The other to take it")
        own_node.away = False
        wait_until(lambda: not failing.troubles(), timeout=20, what="The first to stand by")
        assert holders(world)["follower"] != first, "it does not take it back"
    finally:
        failing.stop()
        healthy.stop()


@pytest.mark.parametrize("kind", BOTH)
def test_who_failed_goes_on_where_nobody_took_the_role(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(workers, "backoff_seconds", lambda failures: 0.01)
    monkeypatch.setattr(workers, "AWAY_SECONDS", 0.1)
    world = World(tmp_path, database=kind)
    alone = Workers(world.market, ["follower"])
    world.chain.away = True
    alone.start()
    try:
        wait_until(alone.troubles, timeout=20, what="Failures")
        world.chain.away = False
        wait_until(lambda: not alone.troubles(), timeout=20, what="A step")
    finally:
        alone.stop()


def test_a_role_may_be_left_or_renewed_alone(two):
    for role in ("outbox", "seals", "claims"):
        assert two[0].take_duty(role)
    two[0].leave_duties({"seals"})
    assert two[1].take_duty("seals") and not two[1].take_duty("outbox")
    before = ends(two[0])
    assert two[0].renew_duties({"outbox", "seals"}) == {"outbox"}
    after = ends(two[0])
    assert {role for role in after if after[role] > before[role]} == {"outbox"}


def ends(database) -> dict[str, float]:
    """Until when each role is its holder's."""
    with database._reading() as session:
        return {row.role: row.until for row in session.exec(select(DutyRow))}
