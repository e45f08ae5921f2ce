"""finishClose(config): after the window, everything unclaimed goes back to the payer."""

import brownie
import pytest

from tests.contracts.PaymentChannels.channels import DAY, DEPOSIT, EMPTY
from tests.contracts.world import PENDING_TOKENS, now, reverts_with, status_at


def start(channels, config):
    channels.contract.startClose(config.as_tuple(), {"from": channels.payer})
    return now() + config.withdraw_delay


def finish(channels, config, sender=None):
    return channels.contract.finishClose(config.as_tuple(), {"from": sender or channels.payer})


def test_finish_of_what_was_not_started_reverts(channels):
    for config in (channels.config(), channels.open()):
        with reverts_with("NotClosing", channels.id(config)):
            finish(channels, config)


def test_finish_under_a_shorter_window_reverts(channels):
    config = channels.open()
    start(channels, config)
    shorter = config.model_copy(update={"withdraw_delay": 900})
    brownie.chain.sleep(1_000)
    with reverts_with("NotClosing", channels.id(shorter)):
        finish(channels, shorter)


@pytest.mark.parametrize("sender", ["payee", "authorizer", "stranger"])
def test_finish_by_another_than_the_payer_or_its_authorizer_reverts(channels, sender):
    config = channels.open()
    start(channels, config)
    brownie.chain.sleep(DAY)
    with reverts_with("NotPayer", getattr(channels, sender), channels.payer):
        finish(channels, config, getattr(channels, sender))


def test_finish_within_the_window_reverts(channels):
    config = channels.open()
    until = start(channels, config)
    with reverts_with("WindowStillOpen", until, ...):
        finish(channels, config)


@pytest.mark.parametrize("late, succeeds", [(-1, 0), (0, 1)])
def test_the_window_ends_to_the_second(channels, late, succeeds):
    config = channels.open()
    until = start(channels, config)
    call = channels.contract.finishClose.encode_input(config.as_tuple())
    assert status_at(until + late, channels.contract, call, channels.payer) == succeeds


def test_finish_sends_all_that_is_unclaimed_to_the_payer_and_emits(channels):
    config = channels.open(payer_authorizer=channels.payers[1])
    start(channels, config)
    channels.redeem(channels.claim(config, 300))
    brownie.chain.sleep(DAY)
    tx = finish(channels, config, channels.payers[1])
    assert channels.token.balanceOf(channels.payer) == PENDING_TOKENS - 300
    assert channels.state(config) == {**EMPTY, "balance": 300, "claimed": 300}
    assert channels.earned() == 300
    event = tx.events["CloseFinished"]
    assert (str(event["channelId"]), event["payer"], event["amount"]) == (
        channels.id(config),
        channels.payer,
        DEPOSIT - 300,
    )


def test_finish_twice_reverts(channels):
    config = channels.open()
    start(channels, config)
    brownie.chain.sleep(DAY)
    finish(channels, config)
    with reverts_with("NotClosing", channels.id(config)):
        finish(channels, config)


def test_finish_where_the_payee_took_everything_moves_nothing_and_ends_the_close(channels):
    config = channels.open()
    start(channels, config)
    channels.redeem(channels.claim(config, DEPOSIT))
    brownie.chain.sleep(DAY)
    tx = finish(channels, config)
    assert "Transfer" not in tx.events
    assert channels.state(config) == {**EMPTY, "balance": DEPOSIT, "claimed": DEPOSIT}


def test_a_channel_that_was_closed_can_be_opened_again_and_needs_a_new_window(channels):
    config = channels.open()
    start(channels, config)
    brownie.chain.sleep(DAY)
    finish(channels, config)
    tx = channels.contract.deposit(config.as_tuple(), 500, {"from": channels.payer})
    assert "ChannelOpened" in tx.events
    with reverts_with("NotClosing", channels.id(config)):
        finish(channels, config)
    channels.redeem(channels.claim(config, 500))


def test_a_blacklisted_payers_close_fails_alone_and_is_not_lost(channels):
    config = channels.open()
    start(channels, config)
    brownie.chain.sleep(DAY)
    channels.token.setBlacklisted(channels.payer, True, {"from": channels.world.deployer})
    with reverts_with("Blacklisted", channels.payer):
        finish(channels, config)
    channels.token.setBlacklisted(channels.payer, False, {"from": channels.world.deployer})
    finish(channels, config)
    assert channels.token.balanceOf(channels.payer) == PENDING_TOKENS
