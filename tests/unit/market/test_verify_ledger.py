"""The database is compared with the chain, lease by lease; what is wrong in it is told, and a rebuild mends it."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from marketplace.adapters.store import Database
from marketplace.protocol.enums import Outcome
from marketplace.services.follow_chain import follow_chain, rebuild
from marketplace.services.place_order import place_ask
from marketplace.services.verify_ledger import verify_ledger
from tests.fakes.world import DOMAIN, PROVIDER


def change(world, statement: str) -> None:
    with world.market.store._engine.begin() as connection:
        connection.execute(text(statement))


def paid_lease(world) -> str:
    lease_id = world.open_lease()
    world.attest(lease_id)
    world.judge(lease_id, outcome=int(Outcome.PAID))
    world.sign_batches()
    world.drain()
    return lease_id


def test_a_database_that_followed_the_chain_is_equal_to_it(world):
    paid_lease(world)
    found = verify_ledger(world.market)
    assert found.is_equal and found.leases == 1 and found.at == world.chain.head()


def test_nothing_followed_is_no_proof(world):
    found = verify_ledger(world.market)
    assert not found.is_equal and "nothing of the chain" in found.differences[0]


def test_a_wrong_amount_is_told_and_rebuilt(world):
    lease_id = paid_lease(world)
    change(world, "UPDATE leases SET paid = paid + 1, refund = refund - 1")
    (said,) = verify_ledger(world.market).differences
    assert lease_id in said and "closing" in said
    rebuild(world.market)
    world.drain()
    assert verify_ledger(world.market).is_equal


def test_a_lease_that_the_chain_does_not_know_is_told(world):
    paid_lease(world)
    known = world.chain.events
    world.chain.events = lambda first, last: []
    (said,) = verify_ledger(world.market).differences
    world.chain.events = known
    assert "missing on chain, there in the database" in said


def test_a_filled_bid_that_could_be_matched_again_is_told(world):
    paid_lease(world)
    change(world, "UPDATE bids SET state = 'live'")
    (said,) = verify_ledger(world.market).differences
    assert "has a lease and is live" in said


def test_a_history_that_has_changed_is_to_be_followed_first(world):
    paid_lease(world)
    world.chain.reorganise(3, keep_transactions=True)
    found = verify_ledger(world.market)
    assert not found.is_equal and found.at is None and "follow it first" in found.differences[0]
    while follow_chain(world.market):
        pass
    world.drain()
    assert verify_ledger(world.market).is_equal


@pytest.mark.parametrize("is_known", [False, True])
def test_a_rebuild_gives_a_lease_without_its_match_no_ask_that_came_later(world, is_known):
    """As after a backup from before the lease: neither round nor match is here, and the provider goes on renewing."""
    market = replace(world.market, store=Database(world.folder / "restored.db"))
    first, second = world.ask(), world.ask()
    if is_known:
        place_ask(market, first, first.sign(DOMAIN, PROVIDER.key), world.profile())
    lease_id = world.open_lease()
    while follow_chain(market):
        pass
    before = lease_in(market, lease_id)
    world.chain.mine(10)
    place_ask(market, second, second.sign(DOMAIN, PROVIDER.key), world.profile())
    rebuild(market)
    assert lease_in(market, lease_id) == before
    assert before.ask_hash == (first.struct_hash() if is_known else "")


def lease_in(market, lease_id):
    with market.store.read() as tx:
        return tx.leases.get(lease_id)
