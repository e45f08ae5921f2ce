"""deposit(config, amount): opens a channel or tops it up with the caller's USDC."""

import pytest

from tests.contracts.PaymentChannels.channels import DAY, DEPOSIT, NOBODY, Channels
from tests.contracts.world import PENDING_TOKENS, create_hostile_world, reverts_with

SHORTEST, LONGEST = 15 * 60, 30 * DAY


def test_deposit_of_nothing_reverts(channels):
    with reverts_with("ChannelZeroAmount"):
        channels.open(amount=0)


@pytest.mark.parametrize("party", ["payer", "receiver", "receiver_authorizer"])
def test_deposit_for_the_zero_address_reverts(channels, party):
    with reverts_with("PartyRefused", NOBODY):
        channels.open(**{party: NOBODY})


@pytest.mark.parametrize("party", ["payer", "receiver", "receiver_authorizer"])
def test_deposit_for_the_contract_itself_reverts(channels, party):
    with reverts_with("PartyRefused", channels.contract):
        channels.open(**{party: channels.contract})


def test_deposit_under_terms_of_another_token_reverts(channels):
    with reverts_with("WrongToken", channels.stranger, channels.token):
        channels.open(token=channels.stranger)


@pytest.mark.parametrize("delay", [0, SHORTEST - 1, LONGEST + 1, 2**40 - 1])
def test_deposit_with_a_window_that_is_too_short_or_too_long_reverts(channels, delay):
    with reverts_with("DelayOutOfRange", delay, SHORTEST, LONGEST):
        channels.open(withdraw_delay=delay)


@pytest.mark.parametrize("delay", [SHORTEST, LONGEST])
def test_deposit_takes_the_shortest_and_the_longest_window(channels, delay):
    assert channels.state(channels.open(withdraw_delay=delay))["balance"] == DEPOSIT


@pytest.mark.parametrize("amount", [2**64, 2**128 - 1])
def test_deposit_of_more_than_a_channel_can_hold_reverts(channels, amount):
    with reverts_with("BalanceTooLarge", amount, 2**64 - 1):
        channels.open(amount=amount)


def test_a_top_up_beyond_what_a_channel_can_hold_reverts_and_the_greatest_balance_works(channels):
    channels.token.mint(channels.payer, 2**64, {"from": channels.world.deployer})
    config = channels.open(amount=2**64 - 2)
    with reverts_with("BalanceTooLarge", 2**64, 2**64 - 1):
        channels.open(config, 2)
    channels.open(config, 1)
    channels.redeem(channels.claim(config, 2**64 - 1))
    assert channels.state(config) == {"balance": 2**64 - 1, "claimed": 2**64 - 1, "amount": 0, "since": 0, "nonce": 0}


def test_deposit_without_approval_or_money_reverts(channels):
    config = channels.config()
    with reverts_with("ERC20InsufficientAllowance"):
        channels.contract.deposit(config.as_tuple(), 1, {"from": channels.stranger})
    with reverts_with("ERC20InsufficientBalance"):
        channels.open(config, PENDING_TOKENS + 1)


def test_deposit_of_a_token_that_keeps_a_fee_reverts(world):
    hostile = Channels(create_hostile_world(world, "TokenTakingFee"))
    with reverts_with("DepositMismatch", DEPOSIT, DEPOSIT * 99 // 100):
        hostile.open()


def test_deposit_that_the_token_answers_with_false_reverts(world):
    hostile = Channels(create_hostile_world(world, "TokenReturningFalse"))
    hostile.token.setFailing(True, {"from": hostile.stranger})
    with reverts_with("SafeERC20FailedOperation", hostile.token):
        hostile.open()


def test_deposit_opens_a_channel_moves_the_money_and_emits(channels):
    config = channels.config()
    tx = channels.contract.deposit(config.as_tuple(), DEPOSIT, {"from": channels.payer})
    assert channels.state(config) == {"balance": DEPOSIT, "claimed": 0, "amount": 0, "since": 0, "nonce": 0}
    assert channels.token.balanceOf(channels.contract) == DEPOSIT
    assert channels.token.balanceOf(channels.payer) == PENDING_TOKENS - DEPOSIT
    opened, funded = tx.events["ChannelOpened"], tx.events["ChannelFunded"]
    assert (opened["payer"], opened["receiver"]) == (channels.payer, channels.payee)
    assert str(opened["channelId"]) == str(funded["channelId"]) == channels.id(config)
    assert tuple(opened["config"])[:6] == config.as_tuple()[:6]
    assert (funded["sender"], funded["amount"], funded["balance"]) == (channels.payer, DEPOSIT, DEPOSIT)


def test_a_second_deposit_tops_up_and_opens_nothing(channels):
    config = channels.open()
    tx = channels.contract.deposit(config.as_tuple(), 5, {"from": channels.payer})
    assert channels.state(config)["balance"] == DEPOSIT + 5
    assert "ChannelOpened" not in tx.events
    assert tx.events["ChannelFunded"]["balance"] == DEPOSIT + 5


def test_somebody_else_can_fund_a_payers_channel(channels):
    config = channels.config(payer=channels.payers[1])
    tx = channels.contract.deposit(config.as_tuple(), DEPOSIT, {"from": channels.payer})
    assert tx.events["ChannelFunded"]["sender"] == channels.payer
    channels.contract.refund(config.as_tuple(), DEPOSIT, {"from": channels.payee})
    assert channels.token.balanceOf(channels.payers[1]) == PENDING_TOKENS + DEPOSIT


def test_every_term_makes_a_channel_of_its_own(channels):
    config = channels.open()
    others = {
        "payer": channels.payers[1].address,
        "payer_authorizer": channels.payers[1].address,
        "receiver": channels.payees[1].address,
        "receiver_authorizer": channels.stranger.address,
        "withdraw_delay": DAY + 1,
        "salt": "0x" + "77" * 32,
    }
    for field, value in others.items():
        assert channels.state(config.model_copy(update={field: value}))["balance"] == 0, field


def test_a_deposit_does_not_end_a_close(channels):
    """Otherwise anybody could keep a payer's money in for a deposit of one."""
    config = channels.open()
    channels.contract.startClose(config.as_tuple(), {"from": channels.payer})
    since = channels.state(config)["since"]
    channels.open(config, 1)
    assert channels.state(config) == {
        "balance": DEPOSIT + 1,
        "claimed": 0,
        "amount": DEPOSIT + 1,
        "since": since,
        "nonce": 0,
    }
