"""setCommittee and the constructor: who may sign, how many must; a rotation retires everybody at once."""

import pytest

from marketplace.protocol.enums import Outcome
from tests.contracts.world import PRICE, project, reverts_with

ZERO_ADDRESS = "0x" + "00" * 20


def rotate(world, members, threshold):
    """Change the committee through the timelock."""
    addresses = [getattr(each, "address", each) for each in members]
    return world.govern(world.committee, world.committee.setCommittee.encode_input(addresses, threshold))


@pytest.mark.parametrize("caller", ["deployer", "governor", "operator", "stranger"])
def test_nobody_but_the_timelock_changes_the_committee(world, caller):
    sender = getattr(world, caller)
    with reverts_with("OwnableUnauthorizedAccount", sender):
        world.committee.setCommittee([sender], 1, {"from": sender})


@pytest.mark.parametrize("threshold, members", [(0, 3), (4, 3), (1, 0)])
def test_a_threshold_that_means_nothing_or_cannot_be_met_is_refused(world, threshold, members):
    with reverts_with("InvalidThreshold", threshold, members):
        rotate(world, world.oracles[:members], threshold)


def test_a_member_twice_is_refused(world):
    oracle = world.oracles[0]
    with reverts_with("MembersNotAscending", oracle, oracle):
        rotate(world, [oracle, oracle], 1)


def test_members_out_of_order_are_refused(world):
    first, second = world.oracles[:2]
    with reverts_with("MembersNotAscending", second, first):
        rotate(world, [second, first], 1)


def test_the_zero_address_cannot_be_a_member(world):
    with reverts_with("MembersNotAscending", ZERO_ADDRESS, ZERO_ADDRESS):
        rotate(world, [ZERO_ADDRESS, world.oracles[0]], 1)


def test_a_committee_that_cannot_decide_cannot_be_deployed(world):
    with reverts_with("InvalidThreshold", 2, 1):
        world.deployer.deploy(project().OracleCommittee, [world.oracles[0]], 2, world.timelock)


def test_the_first_committee_is_the_one_deployed(world):
    assert list(world.committee.members()) == world.oracles[:3]
    assert (world.committee.threshold(), world.committee.epoch()) == (2, 1)


def test_a_rotation_replaces_members_and_threshold(world):
    tx = rotate(world, world.oracles[2:], 3)
    assert list(world.committee.members()) == world.oracles[2:]
    assert [world.committee.isMember(oracle) for oracle in world.oracles] == [False, False, True, True, True]
    assert dict(tx.events["CommitteeChanged"]) == {"epoch": 2, "members": tuple(world.oracles[2:]), "threshold": 3}


def test_a_retired_oracle_does_not_count_even_for_leases_opened_before(world):
    lease = world.open(world.bid(deadline=2**40))
    rotate(world, world.oracles[1:4], 2)
    verdict = world.verdict(lease, Outcome.PAID, PRICE)
    with reverts_with("NotMember", world.oracles[0]):
        world.settle(verdict, oracles=world.oracles[:2])
    world.settle(verdict, oracles=world.oracles[1:3])
    assert world.lease(lease)["state"] == 2


def test_a_batch_signed_by_a_quorum_that_was_since_raised_is_refused(world):
    lease = world.open(world.bid(deadline=2**40))
    rotate(world, world.oracles[:3], 3)
    with reverts_with("TooFewSignatures", 2, 3):
        world.settle(world.verdict(lease, Outcome.PAID, PRICE))


def test_an_oracle_that_returns_counts_again(world):
    rotate(world, world.oracles[3:], 1)
    rotate(world, world.oracles[:1], 1)
    assert world.committee.isMember(world.oracles[0])
    assert not world.committee.isMember(world.oracles[3])


def test_the_zero_address_is_never_a_member(world):
    assert not world.committee.isMember(ZERO_ADDRESS)
