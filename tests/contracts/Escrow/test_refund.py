"""refund(…): once a deadline has passed anybody gives the renter back what the lease locked."""

import pytest

from marketplace.protocol.enums import Outcome
from tests.contracts.batch import chosen_groups
from tests.contracts.world import FREE, HOUR, PRICE, STAKED, event_of, events_of, now, reverts_with, statuses_at


def test_refund_returns_everything_and_records_a_strike_whoever_calls(world, chain):
    lease = world.open()
    chain.sleep(3 * HOUR)
    tx = world.refund(lease, sender=world.stranger)
    assert world.free(world.renter) == FREE
    assert (world.bond()["active"], world.bond()["locked"]) == (STAKED, 0)
    assert world.record() == {"expired": 1}
    assert not world.is_open(lease)
    assert event_of(tx, "LeaseClosed") == {
        "leaseId": lease.id,
        "renter": world.renter,
        "provider": world.provider,
        "outcome": Outcome.FAILED,
        "paid": 0,
        "fee": 0,
        "refund": PRICE,
        "resultDigest": "0x" + "00" * 32,
        "reason": 2,
    }


def test_refund_in_the_second_of_the_deadline_reverts_and_after_it_succeeds(world):
    lease = world.open()
    call = world.escrow.refund.encode_input(world.operator, chosen_groups([lease]))
    deadline = lease.bid.deadline
    assert statuses_at([deadline, deadline + 1], world.escrow, call, world.renter) == [0, 1]


def test_refund_before_the_deadline_reverts(world):
    lease = world.open()
    with reverts_with("DeadlineNotPassed", lease.bid.deadline, ...):
        world.refund(lease)


def test_refund_of_a_batch_gives_each_renter_its_own(world, chain):
    leases = world.open_all(*(world.match(world.bid(renter)) for renter in world.renters))
    chain.sleep(3 * HOUR)
    tx = world.refund(*leases)
    assert [event["leaseId"] for event in events_of(tx, "LeaseClosed")] == [lease.id for lease in leases]
    assert [world.free(renter) for renter in world.renters] == [FREE] * 3


def test_refund_of_several_groups_takes_the_chosen_leases_alone(world, chain):
    first = world.open_all(world.match(), world.match())
    second = world.open_all(*(world.match(ask=world.ask(world.providers[1])) for _ in range(2)))
    chain.sleep(3 * HOUR)
    world.refund(first[1], second[0])
    assert [world.is_open(lease) for lease in first + second] == [True, False, False, True]


def test_one_lease_whose_deadline_has_not_passed_refuses_the_batch(world, chain):
    late = world.match(world.bid(deadline=now() + 24 * HOUR))
    overdue, waiting = world.open_all(world.match(), late)
    chain.sleep(3 * HOUR)
    with reverts_with("DeadlineNotPassed", waiting.bid.deadline, ...):
        world.refund(overdue, waiting)
    world.refund(overdue)


def test_what_is_closed_already_is_passed_over(world, chain):
    leases = world.open_all(*(world.match() for _ in range(3)))
    world.settle(world.verdict(leases[0], pay=PRICE))
    chain.sleep(3 * HOUR)
    tx = world.refund(*leases)
    assert [event["leaseId"] for event in events_of(tx, "LeaseClosed")] == [lease.id for lease in leases[1:]]
    assert world.free(world.renter) == FREE - PRICE


def test_refund_of_nothing_reverts(world):
    with reverts_with("NothingClosed"):
        world.escrow.refund(world.operator, [], {"from": world.renter})


@pytest.mark.parametrize("end", ["settled", "accepted", "refunded", "claimed"])
def test_invariant_2_refund_of_a_closed_lease_reverts(world, chain, end):
    lease = world.open()
    if end == "settled":
        world.settle(world.verdict(lease))
    if end == "accepted":
        world.accept(lease, PRICE)
    if end == "claimed":
        world.claim(lease)
    chain.sleep(3 * HOUR)
    if end == "refunded":
        world.refund(lease)
    with reverts_with("NothingClosed"):
        world.refund(lease)


def test_refund_of_one_group_twice_in_a_batch_pays_once(world, chain):
    lease = world.open()
    chain.sleep(3 * HOUR)
    world.escrow.refund(world.operator, chosen_groups([lease]) * 2, {"from": world.renter})
    assert world.free(world.renter) == FREE


def test_refund_with_other_terms_than_the_group_was_opened_with_reverts(world):
    """A deadline that has passed cannot be made up."""
    lease = world.open()
    number, chosen, digest, terms = lease.alone()
    earlier = terms[0] - (lease.bid.deadline - 1 << 160)
    with reverts_with("WrongGroup", world.operator, number):
        world.escrow.refund(world.operator, [(number, chosen, digest, [earlier, terms[1]])], {"from": world.renter})


def test_invariant_5_refund_goes_on_while_opening_the_token_and_the_parties_are_stopped(world, chain):
    lease = world.open()
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    for party in (world.renter, world.provider):
        world.token.setBlacklisted(party, True, {"from": world.deployer})
    world.token.setPaused(True, {"from": world.deployer})
    chain.sleep(3 * HOUR)
    world.refund(lease)
    assert world.free(world.renter) == FREE
