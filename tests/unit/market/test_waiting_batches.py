"""Verdicts wait for others to be settled with, for a time that is bounded."""

import pytest

from marketplace.domain.rules import Rules
from marketplace.services.settle_batch import propose_batches
from tests.fakes.world import ORACLES, World
from tests.unit.market.test_many_at_once import open_leases

WAIT = 5


@pytest.fixture
def world(tmp_path) -> World:
    """A market that waits five seconds for more, and settles at most three together."""
    return World(tmp_path, Rules(max_blob_bytes=10_000, seal_seconds=0, batch_seconds=WAIT, max_batch=3))


def proposed(world: World) -> list[int]:
    """How many leases each proposed batch has."""
    propose_batches(world.market)
    with world.market.store.read() as tx:
        batches = {one.digest: one for lease in tx.leases.open() for one in tx.batches.of_lease(lease.lease_id)}
    return sorted(len(one.verdicts) for one in batches.values())


def test_a_verdict_waits_for_others_and_goes_with_them(world):
    first, second = open_leases(world, 2)
    world.judge(first)
    assert proposed(world) == []
    world.chain.mine(seconds=WAIT - 1)
    world.judge(second)
    assert proposed(world) == []
    world.chain.mine(seconds=1)
    assert proposed(world) == [2], "the first has waited long enough, and takes the second along"


def test_a_batch_that_is_full_waits_for_nothing(world):
    leases = open_leases(world, 4)
    for lease in leases[:3]:
        world.judge(lease)
    assert proposed(world) == [3]
    world.judge(leases[3])
    assert proposed(world) == [3], "one more begins to wait"
    world.chain.mine(seconds=WAIT)
    assert proposed(world) == [1, 3]


def test_the_wait_begins_when_enough_agree_and_no_later_verdict_prolongs_it(world):
    (lease,) = open_leases(world, 1)
    verdict = world.verdict(lease)
    for oracle in ORACLES:
        world.seal(oracle, verdict)
    world.reveal(ORACLES[0], verdict)
    world.chain.mine(seconds=WAIT)
    assert proposed(world) == [], "one alone is not enough"
    world.reveal(ORACLES[1], verdict)
    assert proposed(world) == []
    world.chain.mine(seconds=WAIT - 1)
    world.reveal(ORACLES[2], verdict)
    world.chain.mine(seconds=1)
    assert proposed(world) == [1]


def test_a_market_that_starts_anew_waits_no_longer_for_that(world):
    (lease,) = open_leases(world, 1)
    world.judge(lease)
    world.chain.mine(seconds=WAIT)
    world.market = world.restarted()
    assert proposed(world) == [1]
