"""unbond(amount) and withdraw(): a bond leaves late, and never while an open lease needs it."""

import pytest

from marketplace.protocol.enums import Outcome, SkipReason
from tests.contracts.deployed import UNBONDING_DELAY, create_hostile_world
from tests.contracts.world import (
    HOUR,
    PENDING_TOKENS,
    PRICE,
    STAKED,
    UINT256_MAX,
    event_of,
    reverts_with,
    statuses_at,
)


def amounts(world):
    """What of the provider's bond is active, needed, and on its way out."""
    bond = world.bond()
    return bond["active"], bond["locked"], bond["unbonding"]


def test_unbond_of_nothing_reverts(world):
    with reverts_with("StakeZeroAmount"):
        world.stake.unbond(0, {"from": world.provider})


@pytest.mark.parametrize("amount", [STAKED + 1, 2**64, UINT256_MAX])
def test_unbond_of_more_than_is_staked_reverts(world, amount):
    with reverts_with("InsufficientCover", world.provider, STAKED, amount):
        world.stake.unbond(amount, {"from": world.provider})


def test_invariant_6_unbond_of_what_an_open_lease_needs_reverts(world):
    lease = world.open()
    with reverts_with("InsufficientCover", world.provider, STAKED - PRICE, STAKED - PRICE + 1):
        world.stake.unbond(STAKED - PRICE + 1, {"from": world.provider})
    world.stake.unbond(STAKED - PRICE, {"from": world.provider})
    assert amounts(world) == (PRICE, PRICE, STAKED - PRICE)
    world.settle(world.verdict(lease, Outcome.FRAUD))
    assert amounts(world) == (0, 0, STAKED - PRICE)


@pytest.mark.parametrize("end", ["settle", "accept", "refund", "release", "expire"])
def test_a_lease_that_ended_needs_no_cover(world, chain, end):
    lease = world.open()
    if end == "settle":
        world.settle(world.verdict(lease, pay=PRICE))
    elif end == "accept":
        world.accept(lease, PRICE)
    elif end == "refund":
        chain.sleep(3 * HOUR)
        world.refund(lease)
    else:
        world.claim(lease)
        assert amounts(world) == (STAKED, PRICE, 0)
        if end == "expire":
            world.dispute(lease)
            assert amounts(world) == (STAKED, PRICE, 0)
            chain.sleep(world.escrow.disputeWindow() + 1)
            world.expire_dispute(lease)
        else:
            world.release(lease, sender=world.renter)
    assert amounts(world) == (STAKED, 0, 0)
    world.stake.unbond(STAKED, {"from": world.provider})


def test_unbond_leaves_the_active_stake_at_once(world):
    before = world.bond()
    tx = world.stake.unbond(7, {"from": world.provider})
    at = tx.timestamp + UNBONDING_DELAY
    assert world.bond() == {**before, "active": STAKED - 7, "unbonding": 7, "withdrawableAt": at}
    assert event_of(tx, "Unbonding") == {"provider": world.provider, "amount": 7, "withdrawableAt": at}


def test_a_second_unbond_adds_and_starts_the_delay_again(world, chain):
    world.stake.unbond(7, {"from": world.provider})
    chain.sleep(UNBONDING_DELAY - HOUR)
    tx = world.stake.unbond(5, {"from": world.provider})
    assert world.bond()["unbonding"] == 12
    assert world.bond()["withdrawableAt"] == tx.timestamp + UNBONDING_DELAY


def test_what_is_unbonding_covers_no_new_lease(world):
    world.stake.unbond(STAKED - PRICE + 1, {"from": world.provider})
    with reverts_with("NothingOpened", int(SkipReason.COVER)):
        world.open()


def test_withdraw_with_nothing_unbonding_reverts(world):
    with reverts_with("NothingUnbonding", world.provider):
        world.stake.withdraw({"from": world.provider})


def test_withdraw_before_the_delay_is_over_reverts(world):
    tx = world.stake.unbond(7, {"from": world.provider})
    with reverts_with("StillUnbonding", tx.timestamp + UNBONDING_DELAY, ...):
        world.stake.withdraw({"from": world.provider})


def test_withdraw_is_possible_from_the_second_in_which_the_delay_ends(world):
    tx = world.stake.unbond(7, {"from": world.provider})
    call, end = world.stake.withdraw.encode_input(), tx.timestamp + UNBONDING_DELAY
    assert statuses_at([end - 1, end], world.stake, call, world.provider) == [0, 1]


def test_withdraw_pays_out_once(world, chain):
    world.stake.unbond(7, {"from": world.provider})
    chain.sleep(UNBONDING_DELAY + 1)
    tx = world.stake.withdraw({"from": world.provider})
    assert world.token.balanceOf(world.provider) == PENDING_TOKENS + 7
    assert event_of(tx, "StakeWithdrawn") == {"provider": world.provider, "amount": 7}
    with reverts_with("NothingUnbonding", world.provider):
        world.stake.withdraw({"from": world.provider})


def test_withdraw_by_a_blacklisted_provider_fails_alone_and_keeps_the_bond(world, chain):
    world.stake.unbond(7, {"from": world.provider})
    chain.sleep(UNBONDING_DELAY + 1)
    world.token.setBlacklisted(world.provider, True, {"from": world.deployer})
    with reverts_with("Blacklisted", world.provider):
        world.stake.withdraw({"from": world.provider})
    assert world.bond()["unbonding"] == 7


def test_withdraw_of_a_token_that_returns_false_keeps_the_bond(world, chain):
    hostile = create_hostile_world(world, "TokenReturningFalse")
    hostile.stake.stake(1_000, {"from": hostile.provider})
    hostile.stake.unbond(7, {"from": hostile.provider})
    chain.sleep(UNBONDING_DELAY + 1)
    hostile.token.setFailing(True, {"from": hostile.stranger})
    with reverts_with("SafeERC20FailedOperation", hostile.token):
        hostile.stake.withdraw({"from": hostile.provider})
    assert hostile.bond()["unbonding"] == 7


def test_what_has_finished_unbonding_can_be_withdrawn_while_a_lease_is_open(world, chain):
    world.open(world.bid(deadline=2**40 - 1))
    world.stake.unbond(STAKED - PRICE, {"from": world.provider})
    chain.sleep(UNBONDING_DELAY + 1)
    world.stake.withdraw({"from": world.provider})
    assert amounts(world) == (PRICE, PRICE, 0)
