"""refund(leaseIds): once a deadline has passed anybody gives the renter back what the lease locked."""

import brownie
import pytest

from marketplace.protocol.enums import Outcome
from tests.contracts.world import FREE, HOUR, PRICE, STAKED, reverts_with, status_at

CLOSED = 2


def test_refund_of_nothing_reverts(world):
    with reverts_with("EmptyBatch"):
        world.escrow.refund([], {"from": world.renter})


def test_refund_of_a_lease_that_never_was_reverts(world):
    with reverts_with("LeaseNotOpen", bytes(32), 0):
        world.escrow.refund([bytes(32)], {"from": world.renter})


def test_refund_before_the_deadline_reverts(world):
    lease = world.open()
    with reverts_with("DeadlineNotPassed", lease.bid.deadline, ...):
        world.escrow.refund([lease.id], {"from": world.renter})


def test_refund_in_the_second_of_the_deadline_reverts_and_after_it_succeeds(world):
    lease = world.open()
    call = world.escrow.refund.encode_input([lease.id])
    assert status_at(lease.bid.deadline, world.escrow, call, world.renter) == 0
    assert status_at(lease.bid.deadline + 1, world.escrow, call, world.renter) == 1
    brownie.chain.revert()


@pytest.mark.parametrize("end", ["settled", "accepted", "refunded"])
def test_invariant_2_refund_of_a_closed_lease_reverts(world, chain, end):
    lease = world.open()
    if end == "settled":
        world.settle(world.verdict(lease, Outcome.PAID, PRICE))
    if end == "accepted":
        world.accept(lease, PRICE)
    chain.sleep(3 * HOUR)
    if end == "refunded":
        world.escrow.refund([lease.id], {"from": world.stranger})
    with reverts_with("LeaseNotOpen", lease.id, CLOSED):
        world.escrow.refund([lease.id], {"from": world.renter})


def test_refund_of_one_lease_twice_in_a_batch_reverts(world, chain):
    lease = world.open()
    chain.sleep(3 * HOUR)
    with reverts_with("LeaseNotOpen", lease.id, CLOSED):
        world.escrow.refund([lease.id, lease.id], {"from": world.renter})


def test_refund_returns_everything_and_records_a_strike_whoever_calls(world, chain):
    lease = world.open()
    chain.sleep(3 * HOUR)
    tx = world.escrow.refund([lease.id], {"from": world.stranger})
    assert world.escrow.free(world.renter) == FREE
    assert world.bond() == {"active": STAKED, "locked": 0, "unbonding": 0, "withdrawableAt": 0}
    assert world.record() == {"expired": 1}
    assert world.escrow.openUnits(lease.ask.struct_hash()) == 0
    assert dict(tx.events["LeaseClosed"]) == {
        "leaseId": lease.id,
        "outcome": Outcome.FAILED,
        "paid": 0,
        "fee": 0,
        "refund": PRICE,
        "resultDigest": "0x" + "00" * 32,
        "reason": 2,
    }


def test_refund_of_a_batch_gives_each_renter_its_own(world, chain):
    leases = [world.open(world.bid(renter)) for renter in world.renters]
    chain.sleep(3 * HOUR)
    world.escrow.refund([lease.id for lease in leases], {"from": world.stranger})
    assert [world.escrow.free(renter) for renter in world.renters] == [FREE] * 3


def test_invariant_5_refund_goes_on_while_opening_the_token_and_the_parties_are_stopped(world, chain):
    lease = world.open()
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    for party in (world.renter, world.provider):
        world.token.setBlacklisted(party, True, {"from": world.deployer})
    world.token.setPaused(True, {"from": world.deployer})
    chain.sleep(3 * HOUR)
    world.escrow.refund([lease.id], {"from": world.stranger})
    assert world.escrow.free(world.renter) == FREE
