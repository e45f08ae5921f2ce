"""What is kept of a lease is kept from when it ended: the later of its deadline and of the block that closed it."""

import pytest
from sqlalchemy import text

from marketplace.adapters.store.engines import open_for_migration, url_of
from marketplace.adapters.store.migrate import migrate
from marketplace.protocol.canonical import sha256_digest
from marketplace.services.follow_chain import rebuild
from marketplace.services.prune import prune_all
from marketplace.services.refund_lease import refund_overdue
from tests.fakes.databases import BOTH, database_at
from tests.fakes.world import World
from tests.unit.market.test_prune import OUTPUT, age, keeping, paid_lease


@pytest.fixture(params=BOTH)
def world(request, tmp_path):
    return World(tmp_path, database=request.param)


def close_long_after_the_deadline(world: World) -> str:
    """As a market does that comes back after a month."""
    lease_id = world.open_lease()
    world.attest(lease_id, OUTPUT)
    age(world, 30)
    assert refund_overdue(world.market) == 1
    world.drain()
    return lease_id


def closed_at(world: World, lease_id: str) -> int | None:
    with world.market.store.read() as tx:
        return tx.leases.get(lease_id).closing.at


def test_a_lease_that_is_closed_long_after_its_deadline_keeps_its_evidence_from_then_on(world):
    lease_id = close_long_after_the_deadline(world)
    keeping(world)
    prune_all(world.market)
    with world.market.store.read() as tx:
        assert tx.evidence.attestation(lease_id) and tx.timeline.of(tx.leases.get(lease_id).bid_hash)
    assert world.market.blobs.has(sha256_digest(OUTPUT))
    age(world, 2)
    prune_all(world.market)
    with world.market.store.read() as tx:
        assert tx.evidence.attestation(lease_id) is None
    assert not world.market.blobs.has(sha256_digest(OUTPUT))


def test_the_time_of_closing_is_the_blocks_and_a_rebuild_finds_it_again(world):
    lease_id = close_long_after_the_deadline(world)
    with world.market.store.read() as tx:
        block = tx.leases.get(lease_id).closing.block
    assert closed_at(world, lease_id) == world.market.chain.block(block).timestamp
    rebuild(world.market)
    assert closed_at(world, lease_id) == world.market.chain.block(block).timestamp


def test_a_block_that_is_no_longer_the_chains_closed_nothing(world):
    paid_lease(world)
    with world.market.store.write() as tx:
        (lease,) = tx.leases.roll_back(world.chain.head().number - 1)
        assert lease.closing.at is not None
    with world.market.store._reading() as session:
        assert session.execute(text("SELECT closed_at FROM leases")).all() == [(None,)]


@pytest.mark.parametrize("known", ["block", "timeline", "nothing"])
def test_when_leases_were_closed_before_is_found_out_where_anything_says_so(world, tmp_path, known):
    closed, still_open = close_long_after_the_deadline(world), world.open_lease()
    expected = closed_at(world, closed)
    world.market.store.close()
    url = url_of(database_at(tmp_path, "sqlite" if world.market.store._is_sqlite else "postgres"))
    migrate(url, "0017")
    with open_for_migration(url) as connection:
        if known == "timeline":
            connection.execute(text("UPDATE followed_blocks SET number = number - 1000000000"))
        elif known == "nothing":
            connection.execute(text("DELETE FROM followed_blocks"))
            connection.execute(text("DELETE FROM timeline"))
    migrate(url)
    with open_for_migration(url) as connection:
        found = dict(connection.execute(text("SELECT lease_id, closed_at FROM leases")).all())
    assert found == {closed: None if known == "nothing" else expected, still_open: None}
