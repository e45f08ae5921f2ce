"""withdraw(receiver): a payee's earnings out, whatever becomes of anybody else."""

from tests.contracts.PaymentChannels.channels import DEPOSIT, Channels
from tests.contracts.world import PENDING_TOKENS, create_hostile_world, reverts_with


def test_withdraw_of_nothing_reverts(channels):
    channels.open()
    with reverts_with("NothingEarned", channels.payee):
        channels.contract.withdraw(channels.payee, {"from": channels.payee})


def test_withdraw_twice_reverts(channels):
    channels.redeem(channels.claim(channels.open(), 100))
    channels.contract.withdraw(channels.payee, {"from": channels.payee})
    with reverts_with("NothingEarned", channels.payee):
        channels.contract.withdraw(channels.payee, {"from": channels.payee})


def test_withdraw_sends_everything_to_the_payee_whoever_calls(channels):
    channels.redeem(*[channels.claim(channels.open(), 100 + index) for index in range(3)])
    tx = channels.contract.withdraw(channels.payee, {"from": channels.stranger})
    assert channels.token.balanceOf(channels.payee) == PENDING_TOKENS + 303
    assert dict(tx.events["EarningsWithdrawn"]) == {"receiver": channels.payee, "amount": 303}
    assert channels.earned() == 0
    assert tuple(channels.contract.receivers(channels.payee, channels.token)) == (303, 303)


def test_a_payee_goes_on_earning_after_a_withdrawal(channels):
    config = channels.open()
    for total in (100, 250):
        channels.redeem(channels.claim(config, total))
        channels.contract.withdraw(channels.payee, {"from": channels.payee})
    assert channels.token.balanceOf(channels.payee) == PENDING_TOKENS + 250
    assert tuple(channels.contract.receivers(channels.payee, channels.token)) == (250, 250)


def test_a_blacklisted_payees_withdrawal_fails_alone_and_keeps_the_earnings(channels):
    mine, theirs = channels.open(), channels.open(receiver=channels.payees[1])
    channels.redeem(channels.claim(mine, 100), channels.claim(theirs, 200))
    channels.token.setBlacklisted(channels.payee, True, {"from": channels.world.deployer})
    with reverts_with("Blacklisted", channels.payee):
        channels.contract.withdraw(channels.payee, {"from": channels.payee})
    channels.redeem(channels.claim(mine, 150), channels.claim(theirs, 250))
    channels.contract.withdraw(channels.payees[1], {"from": channels.payees[1]})
    channels.contract.refund(mine.as_tuple(), DEPOSIT, {"from": channels.payee})
    assert (channels.earned(), channels.earned(channels.payees[1])) == (150, 0)
    channels.token.setBlacklisted(channels.payee, False, {"from": channels.world.deployer})
    channels.contract.withdraw(channels.payee, {"from": channels.payee})
    assert channels.token.balanceOf(channels.payee) == PENDING_TOKENS + 150


def test_withdraw_that_the_token_answers_with_false_reverts_and_keeps_the_earnings(world):
    hostile = Channels(create_hostile_world(world, "TokenReturningFalse"))
    hostile.redeem(hostile.claim(hostile.open(), 100))
    hostile.token.setFailing(True, {"from": hostile.stranger})
    with reverts_with("SafeERC20FailedOperation", hostile.token):
        hostile.contract.withdraw(hostile.payee, {"from": hostile.payee})
    assert hostile.earned() == 100
