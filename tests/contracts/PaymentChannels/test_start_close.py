"""startClose(config): the payer starts the window in which the payee can still redeem."""

import pytest

from tests.contracts.PaymentChannels.channels import DAY, DEPOSIT, EMPTY
from tests.contracts.world import now, project, reverts_with


def start(channels, config, sender=None):
    return channels.contract.startClose(config.as_tuple(), {"from": sender or channels.payer})


@pytest.mark.parametrize("sender", ["payee", "authorizer", "stranger"])
def test_start_by_another_than_the_payer_or_its_authorizer_reverts(channels, sender):
    config = channels.open()
    with reverts_with("NotPayer", getattr(channels, sender), channels.payer):
        start(channels, config, getattr(channels, sender))


def test_start_of_a_channel_without_money_reverts(channels):
    config = channels.config()
    with reverts_with("NothingUnclaimed", channels.id(config)):
        start(channels, config)


def test_start_of_what_is_all_claimed_reverts(channels):
    config = channels.open()
    channels.redeem(channels.claim(config, DEPOSIT))
    with reverts_with("NothingUnclaimed", channels.id(config)):
        start(channels, config)


def test_start_twice_reverts_and_does_not_move_the_window(channels):
    config = channels.open()
    start(channels, config)
    since = now()
    with reverts_with("AlreadyClosing", channels.id(config), since + DAY):
        start(channels, config)
    assert channels.state(config)["since"] == since


@pytest.mark.parametrize("sender", ["payer", "authorizer"])
def test_start_moves_no_money_and_emits(channels, sender):
    config = channels.open(payer_authorizer=channels.payers[1])
    tx = start(channels, config, channels.payer if sender == "payer" else channels.payers[1])
    assert channels.state(config) == {**EMPTY, "balance": DEPOSIT, "amount": DEPOSIT, "since": now()}
    event = tx.events["CloseStarted"]
    assert (str(event["channelId"]), event["payer"]) == (channels.id(config), channels.payer)
    assert event["until"] == now() + DAY


def test_a_smart_account_starts_by_its_own_call(channels):
    account = channels.stranger.deploy(project().SmartAccount, channels.stranger)
    config = channels.open(payer=account)
    call = channels.contract.startClose.encode_input(config.as_tuple())
    account.execute(channels.contract, call, {"from": channels.stranger})
    assert channels.state(config)["since"] == now()
