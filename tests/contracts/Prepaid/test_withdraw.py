"""Money out: prepaid balances after a delay, earnings at once; nothing pauses either."""

import brownie
import pytest

from tests.contracts.Prepaid.paid import DELAY, PAID_IN, PAY, PAY_FEE
from tests.contracts.world import UINT256_MAX, create_hostile_world, event_of, now, reverts_with, statuses_at

EARNED = PAY - PAY_FEE


def request(paid, amount=PAID_IN):
    """The renter asks for money; when it leaves."""
    tx = paid.contract.requestWithdrawal(amount, {"from": paid.world.renter})
    return event_of(tx, "WithdrawalRequested")["leavesAt"]


def wait():
    """The delay passes."""
    brownie.chain.sleep(DELAY + 1)
    brownie.chain.mine()


def test_what_was_asked_for_leaves_after_the_delay(paid, world):
    held = world.token.balanceOf(world.renter)
    assert request(paid, 7) == now() + DELAY
    assert paid.renter()["leaving"] == 7
    wait()
    tx = paid.contract.withdraw({"from": world.renter})
    assert event_of(tx, "PrepaidWithdrawn") == {"renter": world.renter, "amount": 7}
    assert world.token.balanceOf(world.renter) == held + 7
    assert paid.renter() == {"balance": PAID_IN - 7, "leaving": 0, "leavesAt": 0, "saltBase": 0, "window": 0}
    assert paid.is_sound()


def test_not_a_second_before(paid, world):
    at = request(paid)
    call = paid.contract.withdraw.encode_input()
    assert statuses_at([at - 1, at, at + 1], paid.contract, call, world.renter) == [0, 1, 1]
    with reverts_with("StillCovering", at, ...):
        paid.contract.withdraw({"from": world.renter})


def test_what_work_took_meanwhile_is_not_there_any_more(paid, world):
    request(paid)
    paid.settle(paid.job())
    wait()
    tx = paid.contract.withdraw({"from": world.renter})
    assert event_of(tx, "PrepaidWithdrawn")["amount"] == PAID_IN - PAY
    assert paid.balance() == 0


def test_a_new_request_replaces_the_old_and_waits_anew(paid, world):
    request(paid, 7)
    wait()
    at = request(paid, 8)
    with reverts_with("StillCovering", at, ...):
        paid.contract.withdraw({"from": world.renter})
    wait()
    paid.contract.withdraw({"from": world.renter})
    assert paid.balance() == PAID_IN - 8


def test_a_request_for_nothing_takes_the_old_one_back(paid, world):
    request(paid, 7)
    request(paid, 0)
    wait()
    with reverts_with("ZeroAmount"):
        paid.contract.withdraw({"from": world.renter})


def test_without_a_request_or_twice_nothing_leaves(paid, world):
    with reverts_with("ZeroAmount"):
        paid.contract.withdraw({"from": world.renter})
    request(paid)
    wait()
    paid.contract.withdraw({"from": world.renter})
    with reverts_with("ZeroAmount"):
        paid.contract.withdraw({"from": world.renter})


def test_a_request_for_more_than_there_is_takes_all(paid, world):
    request(paid, 2**64 - 1)
    wait()
    paid.contract.withdraw({"from": world.renter})
    assert paid.balance() == 0


def test_used_salts_stay_used_when_everything_leaves(paid, world):
    paid.settle(paid.job(paid.bid(salt=3)))
    request(paid)
    wait()
    paid.contract.withdraw({"from": world.renter})
    assert paid.contract.isVoid(world.renter, 3) and not paid.contract.isVoid(world.renter, 4)


# --- earnings ----------------------------------------------------------------------------------------------------


def test_earnings_leave_at_once(paid, world):
    paid.settle(paid.job())
    held = world.token.balanceOf(world.provider)
    tx = paid.contract.withdrawEarned(EARNED, {"from": world.provider})
    assert event_of(tx, "EarningsWithdrawn") == {"account": world.provider, "amount": EARNED}
    assert world.token.balanceOf(world.provider) == held + EARNED
    account = paid.provider()
    assert (account["balance"], account["volume"], account["settled"]) == (0, EARNED, 1)
    assert paid.is_sound()


def test_nobody_takes_more_than_it_earned(paid, world):
    paid.settle(paid.job())
    for amount in (EARNED + 1, UINT256_MAX):
        with reverts_with("InsufficientBalance", world.provider, EARNED, amount):
            paid.contract.withdrawEarned(amount, {"from": world.provider})
    with reverts_with("InsufficientBalance", world.renter, 0, 1):
        paid.contract.withdrawEarned(1, {"from": world.renter})
    with reverts_with("ZeroAmount"):
        paid.contract.withdrawEarned(0, {"from": world.provider})


@pytest.mark.parametrize("call", ["withdraw()", "withdrawEarned(uint256)"])
def test_a_token_that_calls_back_finds_the_door_shut(world, call):
    hostile = create_hostile_world(world, "TokenReentering")
    contract, token = hostile.contracts["Prepaid"], hostile.token
    token.approve(contract, 100, {"from": hostile.renter})
    contract.deposit(100, {"from": hostile.renter})
    contract.requestWithdrawal(100, {"from": hostile.renter})
    wait()
    data = contract.withdraw.encode_input() if call == "withdraw()" else contract.withdrawEarned.encode_input(1)
    token.arm(contract, data, {"from": hostile.stranger})
    contract.withdraw({"from": hostile.renter})
    assert token.attempted()
    assert token.lastError() == "0x3ee5aeb5"  # ReentrancyGuardReentrantCall()
    assert token.balanceOf(contract) == 0


def test_a_blacklisted_payee_is_paid_with_the_others_and_fetches_it_later(paid, world):
    world.token.setBlacklisted(world.provider, True, {"from": world.deployer})
    other = world.providers[1]
    paid.settle(paid.job(), paid.job(ask=world.ask(other)))
    with reverts_with("Blacklisted", world.provider):
        paid.contract.withdrawEarned(EARNED, {"from": world.provider})
    paid.contract.withdrawEarned(EARNED, {"from": other})
    world.token.setBlacklisted(world.provider, False, {"from": world.deployer})
    paid.contract.withdrawEarned(EARNED, {"from": world.provider})
    assert paid.is_sound()


def test_a_blacklisted_renter_pays_for_work_and_cannot_withdraw_meanwhile(paid, world):
    request(paid)
    world.token.setBlacklisted(world.renter, True, {"from": world.deployer})
    paid.settle(paid.job())
    wait()
    with reverts_with("Blacklisted", world.renter):
        paid.contract.withdraw({"from": world.renter})
    world.token.setBlacklisted(world.renter, False, {"from": world.deployer})
    paid.contract.withdraw({"from": world.renter})
    assert paid.balance() == 0


def test_nothing_that_governance_can_do_stops_a_withdrawal(paid, world):
    paid.settle(paid.job())
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    world.rotate(world.candidates, 4)
    request(paid)
    wait()
    paid.contract.withdraw({"from": world.renter})
    paid.contract.withdrawEarned(EARNED, {"from": world.provider})
    assert paid.balance() == paid.provider()["balance"] == 0
