"""stake(amount): the caller's tokens become the caller's bond, exactly."""

from tests.contracts.deployed import create_hostile_world
from tests.contracts.world import HOUR, PENDING_TOKENS, STAKED, event_of, reverts_with

MOST = 2**48 - 1


def test_stake_of_nothing_reverts(world):
    with reverts_with("StakeZeroAmount"):
        world.stake.stake(0, {"from": world.provider})


def test_stake_of_more_than_a_bond_can_hold_reverts(world):
    with reverts_with("AmountTooLarge", STAKED + MOST, MOST):
        world.stake.stake(MOST, {"from": world.provider})


def test_stake_without_tokens_reverts(world):
    with reverts_with("ERC20InsufficientBalance", world.provider, PENDING_TOKENS, PENDING_TOKENS + 1):
        world.stake.stake(PENDING_TOKENS + 1, {"from": world.provider})
    assert world.provider_account()["cover"] == STAKED


def test_stake_of_a_token_that_takes_a_fee_is_refused(world):
    hostile = create_hostile_world(world, "TokenTakingFee")
    with reverts_with("StakeTransferMismatch", 1_000, 990):
        hostile.stake.stake(1_000, {"from": hostile.provider})
    assert hostile.provider_account()["cover"] == 0


def test_stake_of_a_token_that_returns_false_is_refused(world):
    hostile = create_hostile_world(world, "TokenReturningFalse")
    hostile.token.setFailing(True, {"from": hostile.stranger})
    with reverts_with("SafeERC20FailedOperation", hostile.token):
        hostile.stake.stake(1_000, {"from": hostile.provider})


def test_stake_adds_to_the_active_bond(world):
    before = world.bond()
    tx = world.stake.stake(7, {"from": world.provider})
    assert world.bond() == {**before, "active": STAKED + 7}
    assert world.provider_account()["cover"] == STAKED + 7
    assert world.token.balanceOf(world.provider) == PENDING_TOKENS - 7
    assert event_of(tx, "Staked") == {"provider": world.provider, "amount": 7}


def test_since_is_when_the_first_stake_came_and_stays(world, chain):
    assert world.bond(world.stranger)["since"] == 0
    first = world.bond()["since"]
    chain.sleep(HOUR)
    world.stake.stake(7, {"from": world.provider})
    assert 0 < first == world.bond()["since"]


def test_a_stake_counts_for_its_owner_alone(world):
    world.stake.stake(7, {"from": world.provider})
    assert [world.bond(provider)["active"] for provider in world.providers[1:]] == [STAKED] * 2
