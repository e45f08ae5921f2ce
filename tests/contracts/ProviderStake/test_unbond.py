"""unbond(amount) and withdraw(): a bond leaves late, and never while an open lease needs it."""

import pytest

from marketplace.protocol.enums import Outcome
from tests.contracts.world import (
    HOUR,
    PENDING_TOKENS,
    PRICE,
    STAKED,
    UINT256_MAX,
    UNBONDING_DELAY,
    reverts_with,
    status_at,
)


def test_unbond_of_nothing_reverts(world):
    with reverts_with("StakeZeroAmount"):
        world.stake.unbond(0, {"from": world.provider})


@pytest.mark.parametrize("amount", [STAKED + 1, UINT256_MAX])
def test_unbond_of_more_than_is_staked_reverts(world, amount):
    with reverts_with("InsufficientStake", world.provider, STAKED, amount):
        world.stake.unbond(amount, {"from": world.provider})


def test_invariant_6_unbond_of_what_an_open_lease_needs_reverts(world):
    lease = world.open()
    with reverts_with("InsufficientStake", world.provider, STAKED - PRICE, STAKED - PRICE + 1):
        world.stake.unbond(STAKED - PRICE + 1, {"from": world.provider})
    world.stake.unbond(STAKED - PRICE, {"from": world.provider})
    world.settle(world.verdict(lease, Outcome.FRAUD))
    assert world.bond()["active"] == 0


def test_unbond_leaves_the_active_stake_at_once(world):
    tx = world.stake.unbond(7, {"from": world.provider})
    at = tx.timestamp + UNBONDING_DELAY
    assert world.bond() == {"active": STAKED - 7, "locked": 0, "unbonding": 7, "withdrawableAt": at}
    assert dict(tx.events["Unbonding"]) == {"provider": world.provider, "amount": 7, "withdrawableAt": at}


def test_a_second_unbond_adds_and_starts_the_delay_again(world, chain):
    world.stake.unbond(7, {"from": world.provider})
    chain.sleep(UNBONDING_DELAY - HOUR)
    tx = world.stake.unbond(5, {"from": world.provider})
    assert world.bond()["unbonding"] == 12
    assert world.bond()["withdrawableAt"] == tx.timestamp + UNBONDING_DELAY


def test_what_is_unbonding_covers_no_new_lease(world):
    world.stake.unbond(STAKED, {"from": world.provider})
    with reverts_with("InsufficientStake", world.provider, 0, PRICE):
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
    assert status_at(end - 1, world.stake, call, world.provider) == 0
    assert status_at(end, world.stake, call, world.provider) == 1


def test_withdraw_pays_out_once(world, chain):
    world.stake.unbond(7, {"from": world.provider})
    chain.sleep(UNBONDING_DELAY + 1)
    tx = world.stake.withdraw({"from": world.provider})
    assert world.token.balanceOf(world.provider) == PENDING_TOKENS + 7
    assert dict(tx.events["StakeWithdrawn"]) == {"provider": world.provider, "amount": 7}
    with reverts_with("NothingUnbonding", world.provider):
        world.stake.withdraw({"from": world.provider})


def test_withdraw_by_a_blacklisted_provider_fails_alone_and_keeps_the_bond(world, chain):
    world.stake.unbond(7, {"from": world.provider})
    chain.sleep(UNBONDING_DELAY + 1)
    world.token.setBlacklisted(world.provider, True, {"from": world.deployer})
    with reverts_with("Blacklisted", world.provider):
        world.stake.withdraw({"from": world.provider})
    assert world.bond()["unbonding"] == 7


def test_what_has_finished_unbonding_can_be_withdrawn_while_a_lease_is_open(world, chain):
    world.open(world.bid(deadline=2**63))
    world.stake.unbond(STAKED - PRICE, {"from": world.provider})
    chain.sleep(UNBONDING_DELAY + 1)
    world.stake.withdraw({"from": world.provider})
    assert world.bond()["active"] == world.bond()["locked"] == PRICE
