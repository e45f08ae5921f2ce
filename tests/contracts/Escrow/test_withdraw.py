"""withdraw(amount) and withdrawFees(): money out, whatever else is paused or broken."""

from marketplace.protocol.enums import Outcome
from tests.contracts.world import FREE, PENDING_TOKENS, PRICE, create_hostile_world, reverts_with


def test_withdraw_of_nothing_reverts(world):
    with reverts_with("ZeroAmount"):
        world.escrow.withdraw(0, {"from": world.renter})


def test_withdraw_of_more_than_is_free_reverts(world):
    with reverts_with("InsufficientBalance", world.renter, FREE, FREE + 1):
        world.escrow.withdraw(FREE + 1, {"from": world.renter})


def test_withdraw_of_locked_money_reverts(world):
    world.open()
    with reverts_with("InsufficientBalance", world.renter, FREE - PRICE, FREE):
        world.escrow.withdraw(FREE, {"from": world.renter})


def test_withdraw_by_somebody_without_a_balance_reverts(world):
    with reverts_with("InsufficientBalance", world.stranger, 0, 1):
        world.escrow.withdraw(1, {"from": world.stranger})


def test_withdraw_that_the_token_answers_with_false_reverts_and_keeps_the_balance(world):
    hostile = create_hostile_world(world, "TokenReturningFalse")
    hostile.escrow.deposit(1_000, {"from": hostile.renter})
    hostile.token.setFailing(True, {"from": hostile.stranger})
    with reverts_with("SafeERC20FailedOperation", hostile.token):
        hostile.escrow.withdraw(1_000, {"from": hostile.renter})
    assert hostile.escrow.free(hostile.renter) == 1_000


def test_withdraw_by_a_blacklisted_account_fails_alone_and_keeps_the_balance(world):
    world.token.setBlacklisted(world.renter, True, {"from": world.deployer})
    with reverts_with("Blacklisted", world.renter):
        world.escrow.withdraw(1, {"from": world.renter})
    assert world.escrow.free(world.renter) == FREE
    world.escrow.withdraw(FREE, {"from": world.renters[1]})


def test_withdraw_pays_out_exactly_and_emits(world):
    tx = world.escrow.withdraw(7, {"from": world.renter})
    assert world.escrow.free(world.renter) == FREE - 7
    assert world.token.balanceOf(world.renter) == PENDING_TOKENS + 7
    assert dict(tx.events["Withdrawn"]) == {"account": world.renter, "amount": 7}


def test_invariant_5_free_balance_can_be_withdrawn_while_opening_is_paused_and_the_committee_is_gone(world):
    world.open()
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    nobody = "0x" + "00" * 19 + "01"
    world.govern(world.committee, world.committee.setCommittee.encode_input([nobody], 1))
    world.escrow.withdraw(FREE - PRICE, {"from": world.renter})
    assert world.escrow.free(world.renter) == 0


def test_withdraw_fees_without_fees_reverts(world):
    with reverts_with("ZeroAmount"):
        world.escrow.withdrawFees({"from": world.stranger})


def test_withdraw_fees_sends_all_of_them_to_the_treasury_whoever_calls(world):
    world.settle(world.verdict(world.open(), Outcome.PAID, PRICE))
    tx = world.escrow.withdrawFees({"from": world.stranger})
    assert world.escrow.fees() == 0
    assert world.token.balanceOf(world.treasury) == PRICE * 5 // 100
    assert dict(tx.events["FeesWithdrawn"]) == {"treasury": world.treasury, "amount": PRICE * 5 // 100}


def test_a_blacklisted_treasury_blocks_only_the_withdrawal_of_fees(world):
    first, second = world.open(), world.open()
    world.settle(world.verdict(first, Outcome.PAID, PRICE))
    world.token.setBlacklisted(world.treasury, True, {"from": world.deployer})
    with reverts_with("Blacklisted", world.treasury):
        world.escrow.withdrawFees({"from": world.stranger})
    world.settle(world.verdict(second, Outcome.PAID, PRICE))
    assert world.escrow.fees() == 2 * (PRICE * 5 // 100)
