"""stake(amount): the caller's tokens become the caller's bond, exactly."""

from tests.contracts.world import PENDING_TOKENS, STAKED, UINT256_MAX, create_hostile_world, reverts_with


def test_stake_of_nothing_reverts(world):
    with reverts_with("StakeZeroAmount"):
        world.stake.stake(0, {"from": world.provider})


def test_stake_of_more_than_a_bond_can_hold_reverts(world):
    with reverts_with("SafeCastOverflowedUintDowncast", 128, UINT256_MAX):
        world.stake.stake(UINT256_MAX, {"from": world.provider})


def test_stake_without_tokens_reverts(world):
    with reverts_with("ERC20InsufficientBalance", world.provider, PENDING_TOKENS, PENDING_TOKENS + 1):
        world.stake.stake(PENDING_TOKENS + 1, {"from": world.provider})


def test_stake_of_a_token_that_takes_a_fee_is_refused(world):
    hostile = create_hostile_world(world, "TokenTakingFee")
    with reverts_with("StakeTransferMismatch", 1_000, 990):
        hostile.stake.stake(1_000, {"from": hostile.provider})


def test_stake_of_a_token_that_returns_false_is_refused(world):
    hostile = create_hostile_world(world, "TokenReturningFalse")
    hostile.token.setFailing(True, {"from": hostile.stranger})
    with reverts_with("SafeERC20FailedOperation", hostile.token):
        hostile.stake.stake(1_000, {"from": hostile.provider})


def test_stake_adds_to_the_active_bond(world):
    tx = world.stake.stake(7, {"from": world.provider})
    assert world.bond() == {"active": STAKED + 7, "locked": 0, "unbonding": 0, "withdrawableAt": 0}
    assert world.token.balanceOf(world.provider) == PENDING_TOKENS - 7
    assert dict(tx.events["Staked"]) == {"provider": world.provider, "amount": 7}
