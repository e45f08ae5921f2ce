"""withdraw(…): money out, free balance first, then what was earned, whatever else is paused or broken."""

import pytest

from tests.contracts.world import (
    FEE,
    FREE,
    PENDING_TOKENS,
    PRICE,
    UINT256_MAX,
    create_hostile_world,
    event_of,
    reverts_with,
)

EARNED = PRICE - FEE


@pytest.fixture
def both(world):
    """The provider, which deposited 1,000 and earned a lease's pay."""
    world.settle(world.verdict(world.open(), pay=PRICE))
    world.escrow.deposit(1_000, {"from": world.provider})
    return world.provider


def test_withdraw_pays_out_exactly_and_emits(world):
    tx = world.escrow.withdraw(7, {"from": world.renter})
    assert world.free(world.renter) == FREE - 7
    assert world.token.balanceOf(world.renter) == PENDING_TOKENS + 7
    assert event_of(tx, "Withdrawn") == {"account": world.renter, "fromFree": 7, "fromEarned": 0}


@pytest.mark.parametrize(
    "amount, from_free, from_earned",
    [(1, 1, 0), (1_000, 1_000, 0), (1_001, 1_000, 1), (1_000 + EARNED, 1_000, EARNED)],
)
def test_withdraw_takes_free_balance_first_and_then_what_was_earned(world, both, amount, from_free, from_earned):
    tx = world.escrow.withdraw(amount, {"from": both})
    assert event_of(tx, "Withdrawn") == {"account": both, "fromFree": from_free, "fromEarned": from_earned}
    assert world.renter_account(both)["free"] == 1_000 - from_free
    account = world.provider_account(both)
    assert (account["earned"], account["withdrawn"]) == (EARNED, from_earned)
    assert world.free(both) == 1_000 + EARNED - amount


def test_earned_money_is_withdrawn_once(world, both):
    world.escrow.withdraw(1_000 + EARNED, {"from": both})
    with reverts_with("InsufficientBalance", both, 0, 1):
        world.escrow.withdraw(1, {"from": both})
    world.settle(world.verdict(world.open(), pay=PRICE))
    world.escrow.withdraw(EARNED, {"from": both})
    assert world.provider_account(both)["withdrawn"] == 2 * EARNED


def test_withdraw_of_more_than_both_reverts(world, both):
    with reverts_with("InsufficientBalance", both, 1_000 + EARNED, 1_001 + EARNED):
        world.escrow.withdraw(1_001 + EARNED, {"from": both})


def test_withdraw_of_nothing_reverts(world):
    with reverts_with("ZeroAmount"):
        world.escrow.withdraw(0, {"from": world.renter})


@pytest.mark.parametrize("amount", [FREE + 1, UINT256_MAX])
def test_withdraw_of_more_than_is_free_reverts(world, amount):
    with reverts_with("InsufficientBalance", world.renter, FREE, amount):
        world.escrow.withdraw(amount, {"from": world.renter})


def test_withdraw_of_locked_money_reverts(world):
    world.open()
    with reverts_with("InsufficientBalance", world.renter, FREE - PRICE, FREE):
        world.escrow.withdraw(FREE, {"from": world.renter})


def test_withdraw_by_somebody_without_a_balance_reverts(world):
    with reverts_with("InsufficientBalance", world.stranger, 0, 1):
        world.escrow.withdraw(1, {"from": world.stranger})


def test_a_bond_is_not_withdrawn_from_the_escrow(world):
    with reverts_with("InsufficientBalance", world.provider, 0, 1):
        world.escrow.withdraw(1, {"from": world.provider})


def test_withdraw_that_the_token_answers_with_false_reverts_and_keeps_the_balance(world):
    hostile = create_hostile_world(world, "TokenReturningFalse")
    hostile.escrow.deposit(1_000, {"from": hostile.renter})
    hostile.token.setFailing(True, {"from": hostile.stranger})
    with reverts_with("SafeERC20FailedOperation", hostile.token):
        hostile.escrow.withdraw(1_000, {"from": hostile.renter})
    assert hostile.free(hostile.renter) == 1_000


def test_withdraw_by_a_blacklisted_account_fails_alone_and_keeps_the_balance(world):
    world.token.setBlacklisted(world.renter, True, {"from": world.deployer})
    with reverts_with("Blacklisted", world.renter):
        world.escrow.withdraw(1, {"from": world.renter})
    assert world.free(world.renter) == FREE
    world.escrow.withdraw(FREE, {"from": world.renters[1]})


def test_a_withdrawal_leaves_the_salts_alone(world):
    world.open(world.bid(salt=500))
    before = world.renter_account()
    world.escrow.withdraw(before["free"], {"from": world.renter})
    assert world.renter_account() == {**before, "free": 0}


def test_invariant_5_free_balance_can_be_withdrawn_while_opening_is_paused_and_the_committee_is_gone(world):
    world.open()
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    world.rotate([world.candidates[0]], 1)
    world.escrow.withdraw(FREE - PRICE, {"from": world.renter})
    assert world.free(world.renter) == 0
