"""bondFor, unbond and withdrawBond: what an oracle has at stake stays while it can still be called to account."""

import pytest

from tests.contracts.deployed import BOND_DELAY, ORACLE_BOND, create_hostile_world, project
from tests.contracts.world import HOUR, UINT256_MAX, event_of, reverts_with, statuses_at

HELD = 9 * ORACLE_BOND
"""What a member has left outside."""


def bond_of(world, member):
    """A bond as stored."""
    return world.committee.bondOf(member).dict()


@pytest.fixture
def member(world):
    """A member of the committee."""
    return world.oracles[0]


@pytest.fixture
def outsider(world):
    """Somebody with a bond who is no member."""
    world.committee.bondFor(world.candidates[0], ORACLE_BOND, {"from": world.candidates[0]})
    return world.candidates[0]


# --- in ----------------------------------------------------------------------------------------------------------


def test_a_bond_of_nothing_reverts(world, member):
    with reverts_with("BondZeroAmount"):
        world.committee.bondFor(member, 0, {"from": member})


def test_anyone_can_bond_for_anyone(world, member, outsider):
    tx = world.committee.bondFor(member, 7, {"from": outsider})
    assert bond_of(world, member)["active"] == ORACLE_BOND + 7
    assert world.token.balanceOf(outsider) == HELD - 7
    assert event_of(tx, "Bonded") == {"member": member, "from": outsider, "amount": 7}


def test_a_bond_beyond_its_type_reverts(world, member):
    with reverts_with("SafeCastOverflowedUintDowncast", 96, 2**96):
        world.committee.bondFor(member, 2**96, {"from": member})


def test_a_bond_without_tokens_reverts(world, member):
    with reverts_with("ERC20InsufficientBalance", member, HELD, HELD + 1):
        world.committee.bondFor(member, HELD + 1, {"from": member})


def test_a_bond_in_a_token_that_keeps_a_fee_is_refused(world):
    hostile = create_hostile_world_without_committee(world, "TokenTakingFee")
    with reverts_with("BondTransferMismatch", 1_000, 990):
        hostile.bondFor(world.stranger, 1_000, {"from": world.deployer})


def test_a_bond_in_a_token_that_returns_false_is_refused(world):
    hostile = create_hostile_world(world, "TokenReturningFalse")
    hostile.token.setFailing(True, {"from": world.stranger})
    with reverts_with("SafeERC20FailedOperation", hostile.token):
        hostile.committee.bondFor(world.stranger, 1_000, {"from": world.oracles[0]})


def create_hostile_world_without_committee(world, token_name):
    """The committee's contract alone, on a token that misbehaves."""
    token = world.deployer.deploy(getattr(project(), token_name))
    arguments = (token, world.escrow, world.oracles, 3, ORACLE_BOND, BOND_DELAY, world.deployer)
    own = world.deployer.deploy(project().OracleCommittee, *arguments)
    token.mint(world.deployer, 10_000, {"from": world.deployer})
    token.approve(own, UINT256_MAX, {"from": world.deployer})
    return own


@pytest.mark.parametrize("call", ["bondFor", "withdrawBond"])
def test_no_call_can_be_entered_from_a_transfer(world, call):
    hostile = create_hostile_world(world, "TokenReentering")
    inner = hostile.committee.bondFor.encode_input(world.stranger, 1)
    if call == "withdrawBond":
        inner = hostile.committee.withdrawBond.encode_input()
    hostile.token.arm(hostile.committee, inner, {"from": world.stranger})
    hostile.committee.bondFor(world.stranger, 1_000, {"from": world.oracles[0]})
    assert hostile.token.attempted()
    assert str(hostile.token.lastError()).startswith("0x3ee5aeb5")  # ReentrancyGuardReentrantCall()


# --- out ---------------------------------------------------------------------------------------------------------


def test_unbond_of_nothing_reverts(world, member):
    with reverts_with("BondZeroAmount"):
        world.committee.unbond(0, {"from": member})


@pytest.mark.parametrize("extra, amount", [(0, 1), (5, 6), (5, ORACLE_BOND), (0, UINT256_MAX)])
def test_a_member_keeps_the_minimum(world, member, extra, amount):
    if extra:
        world.committee.bondFor(member, extra, {"from": member})
    with reverts_with("BondInsufficient", member, extra, amount):
        world.committee.unbond(amount, {"from": member})


def test_a_member_can_take_what_is_more_than_the_minimum(world, member):
    world.committee.bondFor(member, 5, {"from": member})
    tx = world.committee.unbond(5, {"from": member})
    at = tx.timestamp + BOND_DELAY
    assert bond_of(world, member) == {"active": ORACLE_BOND, "unbonding": 5, "withdrawableAt": at}
    assert event_of(tx, "BondUnbonding") == {"member": member, "amount": 5, "withdrawableAt": at}


def test_who_is_no_member_can_take_everything(world, outsider):
    with reverts_with("BondInsufficient", outsider, ORACLE_BOND, ORACLE_BOND + 1):
        world.committee.unbond(ORACLE_BOND + 1, {"from": outsider})
    world.committee.unbond(ORACLE_BOND, {"from": outsider})
    assert bond_of(world, outsider)["active"] == 0


def test_a_retired_member_can_take_everything(world, member):
    world.rotate(world.oracles[1:], 3)
    world.committee.unbond(ORACLE_BOND, {"from": member})
    assert bond_of(world, member)["unbonding"] == ORACLE_BOND


def test_a_second_unbond_adds_and_starts_the_delay_again(world, outsider, chain):
    world.committee.unbond(7, {"from": outsider})
    chain.sleep(BOND_DELAY - HOUR)
    tx = world.committee.unbond(5, {"from": outsider})
    assert bond_of(world, outsider)["unbonding"] == 12
    assert bond_of(world, outsider)["withdrawableAt"] == tx.timestamp + BOND_DELAY


def test_withdrawing_nothing_reverts(world, member):
    with reverts_with("BondZeroAmount"):
        world.committee.withdrawBond({"from": member})


def test_a_bond_is_locked_to_the_second(world, outsider):
    end = world.committee.unbond(7, {"from": outsider}).timestamp + BOND_DELAY
    with reverts_with("BondStillLocked", end, ...):
        world.committee.withdrawBond({"from": outsider})
    call = world.committee.withdrawBond.encode_input()
    assert statuses_at([end - 1, end], world.committee, call, outsider) == [0, 1]


def test_a_bond_is_paid_out_once(world, outsider, chain):
    world.committee.unbond(7, {"from": outsider})
    chain.sleep(BOND_DELAY + 1)
    tx = world.committee.withdrawBond({"from": outsider})
    assert world.token.balanceOf(outsider) == HELD + 7
    assert event_of(tx, "BondWithdrawn") == {"member": outsider, "amount": 7}
    with reverts_with("BondZeroAmount"):
        world.committee.withdrawBond({"from": outsider})


def test_a_withdrawal_that_the_token_refuses_keeps_the_bond(world, outsider, chain):
    world.committee.unbond(7, {"from": outsider})
    chain.sleep(BOND_DELAY + 1)
    world.token.setBlacklisted(outsider, True, {"from": world.deployer})
    with reverts_with("Blacklisted", outsider):
        world.committee.withdrawBond({"from": outsider})
    assert bond_of(world, outsider)["unbonding"] == 7
