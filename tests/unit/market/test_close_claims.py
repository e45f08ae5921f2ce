"""Claims and disputes whose time is over are ended by the market, each once, through the outbox like other calls."""

import pytest

from marketplace.domain.outbox import OutboxState
from marketplace.errors import Reverted
from marketplace.services import close_claims
from marketplace.services.clear_round import run_round
from marketplace.services.close_claims import RETRY_SECONDS, close_ripe_claims
from marketplace.services.outbox import process_outbox
from marketplace.services.settle_batch import propose_batches
from marketplace.services.show_job import show_events
from marketplace.services.show_lease import show_lease
from tests.fakes.world import ORACLES, PROVIDER, RENTER
from tests.unit.market.test_claims import claim, claimed_lease, send, state

WINDOW, DISPUTE = 86_400, 259_200


@pytest.fixture
def lease_id(world) -> str:
    """An attested lease that its provider has claimed."""
    lease_id = world.open_lease()
    world.attest(lease_id)
    claim(world, lease_id)
    world.drain()
    return lease_id


def close(world) -> int:
    found = close_ripe_claims(world.market)
    world.drain()
    return found


def items(world) -> list:
    with world.market.store.read() as tx:
        return [item for item in map(tx.outbox.get, range(1, 40)) if item is not None and "leaseId" in item.payload]


def test_a_claim_that_nobody_disputed_in_time_is_paid_by_the_markets_own_call(world, lease_id):
    world.chain.mine(seconds=show_lease(world.market, lease_id)["claim"]["until"] - world.chain.time)
    assert close(world) == 0, "its renter may dispute it in this very second"
    world.chain.mine(seconds=1)
    assert close(world) == 1
    shown = show_lease(world.market, lease_id)
    assert (shown["state"], shown["reason"]) == ("paid", "claim_released")
    assert close(world) == 0


def test_a_dispute_that_nobody_decided_in_time_is_ended(world, lease_id):
    send(world, RENTER, "dispute", claimed_lease(world, lease_id))
    world.drain()
    world.chain.mine(seconds=WINDOW + 1)
    assert close(world) == 0, "a disputed claim is not released"
    world.chain.mine(seconds=DISPUTE)
    assert close(world) == 1
    shown = show_lease(world.market, lease_id)
    assert (shown["state"], shown["reason"]) == ("refunded", "dispute_expired")
    (returned,) = [
        one for one in show_events(world.market, shown["jobId"])["events"] if one["event"] == "bond_returned"
    ]
    assert returned["data"] == {"to": RENTER.address, "bond": shown["claim"]["bond"]}


def test_it_is_owed_once_while_it_is_under_way(world, lease_id):
    world.chain.mine(seconds=WINDOW + 1)
    world.chain.mining = False
    assert close_ripe_claims(world.market) == 1
    for _ in range(3):
        process_outbox(world.market)
    assert close_ripe_claims(world.market) == 0
    world.chain.mining = True
    world.chain.mine()
    world.drain()
    assert state(world, lease_id) == "paid"


@pytest.mark.parametrize(("who", "call"), [(RENTER, "release"), (PROVIDER, "release")])
def test_what_somebody_else_has_released_is_left_alone(world, lease_id, who, call):
    world.chain.mine(seconds=WINDOW + 1)
    send(world, who, call, claimed_lease(world, lease_id))
    assert close_ripe_claims(world.market) == 0, "the chain knows before the follower does"
    world.drain()
    assert state(world, lease_id) == "paid"


def test_a_release_that_comes_second_is_given_up_and_harms_nothing(world, lease_id):
    world.chain.mine(seconds=WINDOW + 1)
    assert close_ripe_claims(world.market) == 1
    send(world, PROVIDER, "release", claimed_lease(world, lease_id))
    world.drain()
    assert state(world, lease_id) == "paid"
    assert [item.state for item in items(world)] == [OutboxState.FAILED]


def test_a_release_that_the_chain_refuses_is_tried_again_much_later(world, lease_id, monkeypatch):
    world.chain.mine(seconds=WINDOW + 1)

    def refuse(lease):
        raise Reverted("AmountTooLarge", {"amount": 1, "largest": 0})

    release, world.market.sender.prepare_release = world.market.sender.prepare_release, refuse
    assert [close(world), close(world)] == [1, 0]
    world.market.sender.prepare_release = release
    world.chain.mine(seconds=RETRY_SECONDS + 1)
    assert close(world) == 1 and state(world, lease_id) == "paid"


def test_what_the_oracles_are_about_to_decide_is_left_to_them(world, lease_id):
    """A claim that they find to be fraud must not be paid because its window ended while they were signing."""
    world.judge(lease_id, outcome=3, pay=0)
    propose_batches(world.market)
    world.chain.mine(seconds=WINDOW + 1)
    assert close(world) == 0
    world.sign_batches(ORACLES[:2])
    world.drain()
    assert state(world, lease_id) == "fraud"


def test_a_flood_of_claims_leaves_room_for_other_transactions(world, monkeypatch):
    """They wait their turn: at most so many stand in the outbox at a time."""
    monkeypatch.setattr(close_claims, "AT_ONCE", 1)
    world.offer()
    jobs = [world.submit(), world.submit()]
    run_round(world.market)
    world.drain()
    leases = [world.lease_of(job) for job in jobs]
    for lease_id in leases:
        world.attest(lease_id)
        claim(world, lease_id)
    world.drain()
    world.chain.mine(seconds=WINDOW + 1)
    assert [close(world), close(world), close(world)] == [1, 1, 0]
    assert {state(world, lease_id) for lease_id in leases} == {"paid"}
