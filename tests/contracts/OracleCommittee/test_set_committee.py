"""setCommittee, start and the constructor: who may sign, how many must; a rotation retires everybody at once."""

import pytest
from eth_abi import encode
from eth_utils import keccak

from marketplace.protocol.enums import Outcome
from tests.contracts.deployed import BOND_DELAY, ORACLE_BOND, THRESHOLD, project
from tests.contracts.world import PRICE, ZERO_ADDRESS, address_of, event_of, reverts_with


def install(world, members, threshold):
    """Change the committee through the timelock, as it is given."""
    addresses = [address_of(each) for each in members]
    return world.govern(world.committee, world.committee.setCommittee.encode_input(addresses, threshold))


def new_committee(world, members, threshold):
    """A contract of its own, as yet without bonds; the deployer owns it."""
    arguments = (world.token, world.escrow, members, threshold, ORACLE_BOND, BOND_DELAY, world.deployer)
    return world.deployer.deploy(project().OracleCommittee, *arguments)


def in_order(world):
    """Two that are no members yet, ascending."""
    return sorted(world.candidates[:2], key=lambda each: int(each.address, 16))


def quorum_hash(epoch, threshold, members):
    """What the contract says of a committee."""
    addresses = [address_of(each) for each in members]
    return "0x" + keccak(encode(["uint256", "uint256", "address[]"], [epoch, threshold, addresses])).hex()


# --- the first committee -----------------------------------------------------------------------------------------


def test_the_first_committee_is_the_one_deployed(world):
    assert list(world.committee.members()) == world.oracles
    assert (world.committee.threshold(), world.committee.epoch()) == (THRESHOLD, 1)
    assert str(world.committee.quorumHash()) == quorum_hash(1, THRESHOLD, world.oracles)


def test_a_committee_begins_once_all_its_members_have_bonded(world):
    own = new_committee(world, in_order(world), 2)
    assert (own.epoch(), own.isMember(in_order(world)[0]), str(own.quorumHash())) == (0, False, "0x" + "00" * 32)
    for member in in_order(world):
        with reverts_with("BondTooSmall", member, 0, ORACLE_BOND):
            own.start({"from": world.stranger})
        world.token.approve(own, ORACLE_BOND, {"from": member})
        own.bondFor(member, ORACLE_BOND, {"from": member})
    tx = own.start({"from": world.stranger})
    expected = {"epoch": 1, "members": tuple(in_order(world)), "threshold": 2}
    assert event_of(tx, "CommitteeChanged") == expected
    with reverts_with("AlreadyStarted"):
        own.start({"from": world.stranger})


def test_a_committee_that_governance_set_needs_no_start(world):
    own = new_committee(world, [world.oracles[0]], 1)
    member = world.candidates[0]
    world.token.approve(own, ORACLE_BOND, {"from": member})
    own.bondFor(member, ORACLE_BOND, {"from": member})
    own.setCommittee([member], 1, {"from": world.deployer})
    with reverts_with("AlreadyStarted"):
        own.start({"from": world.stranger})
    assert list(own.members()) == [member]


@pytest.mark.parametrize("threshold, count", [(0, 1), (2, 1), (1, 0)])
def test_a_committee_that_cannot_decide_cannot_be_deployed(world, threshold, count):
    with reverts_with("InvalidThreshold", threshold, count):
        new_committee(world, world.oracles[:count], threshold)


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("caller", ["deployer", "governor", "operator", "stranger"])
def test_nobody_but_the_timelock_changes_the_committee(world, caller):
    sender = getattr(world, caller)
    with reverts_with("OwnableUnauthorizedAccount", sender):
        world.committee.setCommittee([sender], 1, {"from": sender})


@pytest.mark.parametrize("threshold, members", [(0, 3), (4, 3), (1, 0)])
def test_a_threshold_that_means_nothing_or_cannot_be_met_is_refused(world, threshold, members):
    with reverts_with("InvalidThreshold", threshold, members):
        install(world, world.oracles[:members], threshold)


def test_a_member_twice_is_refused(world):
    oracle = world.oracles[0]
    with reverts_with("MembersNotAscending", oracle, oracle):
        install(world, [oracle, oracle], 1)


def test_members_out_of_order_are_refused(world):
    first, second = world.oracles[:2]
    with reverts_with("MembersNotAscending", second, first):
        install(world, [second, first], 1)


def test_the_zero_address_cannot_be_a_member(world):
    with reverts_with("MembersNotAscending", ZERO_ADDRESS, ZERO_ADDRESS):
        install(world, [ZERO_ADDRESS, world.oracles[0]], 1)


def test_more_members_than_a_word_of_signers_is_cut_for_are_refused(world):
    members = ["0x" + number.to_bytes(20).hex() for number in range(1, 34)]
    with reverts_with("TooManyMembers", 33, 32):
        install(world, members, 1)
    with reverts_with("BondTooSmall", members[0], 0, ORACLE_BOND):
        install(world, members[:32], 1)


def test_a_member_without_enough_bond_is_refused(world):
    newcomer = world.candidates[0]
    world.committee.bondFor(newcomer, ORACLE_BOND - 1, {"from": newcomer})
    with reverts_with("BondTooSmall", newcomer, ORACLE_BOND - 1, ORACLE_BOND):
        install(world, [newcomer], 1)


def test_what_is_unbonding_counts_for_nothing(world):
    newcomer = world.candidates[0]
    world.committee.bondFor(newcomer, ORACLE_BOND, {"from": newcomer})
    world.committee.unbond(1, {"from": newcomer})
    with reverts_with("BondTooSmall", newcomer, ORACLE_BOND - 1, ORACLE_BOND):
        install(world, [newcomer], 1)


# --- rotations ---------------------------------------------------------------------------------------------------


def test_a_rotation_replaces_members_and_threshold(world):
    tx = install(world, world.oracles[2:], 3)
    assert list(world.committee.members()) == world.oracles[2:]
    assert [world.committee.isMember(oracle) for oracle in world.oracles] == [False, False, True, True, True]
    assert event_of(tx, "CommitteeChanged") == {"epoch": 2, "members": tuple(world.oracles[2:]), "threshold": 3}


def test_every_committee_that_ever_was_keeps_its_hash(world):
    install(world, world.oracles[2:], 3)
    assert str(world.committee.quorumHash()) == quorum_hash(2, 3, world.oracles[2:])
    assert str(world.committee.quorumHashOf(1)) == quorum_hash(1, THRESHOLD, world.oracles)
    assert str(world.committee.quorumHashOf(2)) == str(world.committee.quorumHash())
    assert {str(world.committee.quorumHashOf(epoch)) for epoch in (0, 3)} == {"0x" + "00" * 32}


def test_a_retired_oracle_does_not_count_even_for_leases_opened_before(world):
    lease = world.open(world.bid(deadline=2**40 - 1))
    former = world.current_committee()
    install(world, world.oracles[1:], 3)
    verdict = world.verdict(lease, Outcome.PAID, PRICE)
    with reverts_with("WrongCommittee"):
        world.send_settle(world.settlement(verdict, oracles=world.oracles[:3], committee=former))
    world.settle(verdict, oracles=world.oracles[1:4])
    assert not world.is_open(lease)


def test_a_batch_signed_by_a_quorum_that_was_since_raised_is_refused(world):
    lease = world.open(world.bid(deadline=2**40 - 1))
    install(world, world.oracles, 4)
    with reverts_with("TooFewSignatures", 3, 4):
        world.settle(world.verdict(lease, Outcome.PAID, PRICE), oracles=world.oracles[:3])


def test_signatures_of_members_that_stayed_stay_good(world):
    lease = world.open(world.bid(deadline=2**40 - 1))
    verdict = world.verdict(lease, Outcome.PAID, PRICE)
    before = world.settlement(verdict, oracles=world.oracles[2:])
    install(world, world.oracles[2:], 3)
    after = world.settlement(verdict, oracles=world.oracles[2:])
    assert before.signatures == after.signatures
    world.send_settle(after)
    assert not world.is_open(lease)


def test_an_oracle_that_returns_counts_again(world):
    install(world, world.oracles[3:], 1)
    install(world, world.oracles[:1], 1)
    assert world.committee.isMember(world.oracles[0])
    assert not world.committee.isMember(world.oracles[3])


def test_the_zero_address_is_never_a_member(world):
    assert not world.committee.isMember(ZERO_ADDRESS)
