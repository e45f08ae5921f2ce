"""deposit(amount): the caller's tokens become the caller's free balance, exactly."""

from tests.contracts.world import FREE, PENDING_TOKENS, UINT256_MAX, create_hostile_world, reverts_with


def test_deposit_of_nothing_reverts(world):
    with reverts_with("ZeroAmount"):
        world.escrow.deposit(0, {"from": world.renter})


def test_deposit_without_approval_reverts(world):
    world.token.approve(world.escrow, 4, {"from": world.renter})
    with reverts_with("ERC20InsufficientAllowance", world.escrow, 4, 5):
        world.escrow.deposit(5, {"from": world.renter})


def test_deposit_of_more_than_the_caller_has_reverts(world):
    with reverts_with("ERC20InsufficientBalance", world.renter, PENDING_TOKENS, PENDING_TOKENS + 1):
        world.escrow.deposit(PENDING_TOKENS + 1, {"from": world.renter})


def test_deposit_that_would_overflow_the_balance_reverts(world):
    before = world.escrow.free(world.renter)
    with reverts_with("Integer overflow"):
        world.escrow.deposit(UINT256_MAX, {"from": world.renter})
    assert world.escrow.free(world.renter) == before


def test_deposit_of_a_token_that_takes_a_fee_is_refused(world):
    hostile = create_hostile_world(world, "TokenTakingFee")
    with reverts_with("TransferMismatch", 1_000, 990):
        hostile.escrow.deposit(1_000, {"from": hostile.renter})


def test_deposit_of_a_token_that_returns_false_is_refused(world):
    hostile = create_hostile_world(world, "TokenReturningFalse")
    hostile.token.setFailing(True, {"from": hostile.stranger})
    with reverts_with("SafeERC20FailedOperation", hostile.token):
        hostile.escrow.deposit(1_000, {"from": hostile.renter})


def test_deposit_by_a_blacklisted_account_is_refused_by_the_token(world):
    world.token.setBlacklisted(world.renter, True, {"from": world.deployer})
    with reverts_with("Blacklisted", world.renter):
        world.escrow.deposit(1, {"from": world.renter})


def test_deposit_credits_exactly_what_arrived(world):
    held = world.token.balanceOf(world.escrow)
    tx = world.escrow.deposit(7, {"from": world.renter})
    assert world.escrow.free(world.renter) == FREE + 7
    assert world.token.balanceOf(world.escrow) == held + 7
    assert dict(tx.events["Deposited"]) == {"account": world.renter, "amount": 7}


def test_deposit_of_everything_while_opening_is_paused_succeeds(world):
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    world.escrow.deposit(PENDING_TOKENS, {"from": world.renter})
    assert world.token.balanceOf(world.renter) == 0
