"""refund(config, amount): the payee agrees, and what is unclaimed goes back to the payer at once."""

import pytest

from marketplace.protocol.vouchers import EVERYTHING
from tests.contracts.PaymentChannels.channels import DEPOSIT, EMPTY
from tests.contracts.world import PENDING_TOKENS, reverts_with


def refund(channels, config, amount=EVERYTHING, sender=None):
    return channels.contract.refund(config.as_tuple(), amount, {"from": sender or channels.payee})


@pytest.mark.parametrize("sender", ["payer", "stranger"])
def test_refund_by_another_than_the_payee_or_its_authorizer_reverts(channels, sender):
    config = channels.open()
    with reverts_with("NotReceiver", getattr(channels, sender), channels.payee):
        refund(channels, config, sender=getattr(channels, sender))


def test_refund_of_zero_reverts(channels):
    config = channels.open()
    with reverts_with("ChannelZeroAmount"):
        refund(channels, config, 0)


def test_refund_of_a_channel_without_money_reverts(channels):
    config = channels.config()
    with reverts_with("NothingUnclaimed", channels.id(config)):
        refund(channels, config)


def test_refund_of_what_is_all_claimed_reverts(channels):
    config = channels.open()
    channels.redeem(channels.claim(config, DEPOSIT))
    with reverts_with("NothingUnclaimed", channels.id(config)):
        refund(channels, config)


def test_refund_under_other_terms_reverts(channels):
    altered = channels.open().model_copy(update={"payer": channels.stranger.address})
    with reverts_with("NothingUnclaimed", channels.id(altered)):
        refund(channels, altered)


@pytest.mark.parametrize("amount", [EVERYTHING, DEPOSIT])
def test_refund_of_everything_ends_a_close(channels, amount):
    config = channels.open()
    channels.contract.startClose(config.as_tuple(), {"from": channels.payer})
    refund(channels, config, amount)
    assert channels.state(config) == {**EMPTY, "nonce": 1}


@pytest.mark.parametrize("sender", ["payee", "authorizer"])
@pytest.mark.parametrize("amount", [EVERYTHING, DEPOSIT - 300, DEPOSIT])
def test_refund_of_everything_sends_all_that_is_unclaimed_to_the_payer_and_emits(channels, sender, amount):
    config = channels.open()
    channels.redeem(channels.claim(config, 300))
    tx = refund(channels, config, amount, getattr(channels, sender))
    assert channels.token.balanceOf(channels.payer) == PENDING_TOKENS - 300
    assert channels.state(config) == {**EMPTY, "balance": 300, "claimed": 300, "nonce": 1}
    assert channels.earned() == 300
    event = tx.events["Refunded"]
    assert (str(event["channelId"]), event["payer"]) == (channels.id(config), channels.payer)
    assert (event["amount"], event["nonce"]) == (DEPOSIT - 300, 0)


def test_refund_of_a_part_leaves_the_rest(channels):
    config = channels.open()
    refund(channels, config, 1_000)
    assert channels.state(config) == {**EMPTY, "balance": DEPOSIT - 1_000, "nonce": 1}
    channels.redeem(channels.claim(config, DEPOSIT - 1_000))


def test_refund_of_everything_ends_a_close_and_of_a_part_does_not(channels):
    config = channels.open()
    channels.contract.startClose(config.as_tuple(), {"from": channels.payer})
    since = channels.state(config)["since"]
    refund(channels, config, 1)
    assert channels.state(config) == {
        "balance": DEPOSIT - 1,
        "claimed": 0,
        "amount": DEPOSIT - 1,
        "since": since,
        "nonce": 1,
    }
    refund(channels, config)
    assert channels.state(config) == {**EMPTY, "nonce": 2}
    with reverts_with("NotClosing", channels.id(config)):
        channels.contract.finishClose(config.as_tuple(), {"from": channels.payer})


def test_a_channel_that_was_refunded_can_be_used_again_and_old_vouchers_claim_nothing_twice(channels):
    config = channels.open()
    channels.redeem(channels.claim(config, 300))
    refund(channels, config)
    channels.open(config, 1_000)
    assert channels.state(config) == {**EMPTY, "balance": 1_300, "claimed": 300, "nonce": 1}
    with reverts_with("NothingRedeemed", channels.id(config), 3):
        channels.redeem(channels.claim(config, 300))
    channels.redeem(channels.claim(config, 1_300))
    assert channels.earned() == 1_300


def test_a_blacklisted_payers_refund_fails_alone(channels):
    config, other = channels.open(), channels.open(payer=channels.payers[1])
    channels.token.setBlacklisted(channels.payer, True, {"from": channels.world.deployer})
    with reverts_with("Blacklisted", channels.payer):
        refund(channels, config)
    channels.redeem(channels.claim(config, 100), channels.claim(other, 100))
    refund(channels, other)
    channels.contract.withdraw(channels.payee, {"from": channels.payee})
    assert channels.state(config) == {**EMPTY, "balance": DEPOSIT, "claimed": 100}
