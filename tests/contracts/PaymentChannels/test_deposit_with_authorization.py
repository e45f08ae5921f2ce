"""depositWithAuthorization(…): a deposit that its giver signed by EIP-3009 and anybody submits."""

import pytest

from marketplace.protocol.vouchers import compute_deposit_nonce
from tests.contracts.PaymentChannels.channels import DEPOSIT, NOBODY, sign_for_token
from tests.contracts.world import HOUR, PENDING_TOKENS, now, project, reverts_with

SALT = 12345


def authorize(channels, config, *, giver=None, value=DEPOSIT, salt=SALT, before=None, after=0, to=None, signer=None):
    """(from, validAfter, validBefore, salt, signature), bound to the channel by its nonce."""
    giver = giver or channels.payer
    before = now() + HOUR if before is None else before
    message = {
        "from": getattr(giver, "address", giver),
        "to": (to or channels.contract).address,
        "value": value,
        "validAfter": after,
        "validBefore": before,
        "nonce": bytes.fromhex(compute_deposit_nonce(channels.id(config), salt)[2:]),
    }
    signature = sign_for_token(channels, "ReceiveWithAuthorization", message, signer or giver)
    return message["from"], after, before, salt, signature


def deposit(channels, config, amount, authorized):
    """Submitted by somebody who is no party."""
    call = channels.contract.depositWithAuthorization
    return call(config.as_tuple(), amount, *authorized, {"from": channels.stranger})


def test_anybody_can_submit_what_the_payer_signed(channels):
    config = channels.config()
    tx = deposit(channels, config, DEPOSIT, authorize(channels, config))
    assert channels.state(config)["balance"] == DEPOSIT
    assert channels.token.balanceOf(channels.payer) == PENDING_TOKENS - DEPOSIT
    assert tx.events["ChannelFunded"]["sender"] == channels.payer
    assert tx.events["ChannelOpened"]["payer"] == channels.payer


def test_the_nonce_binds_the_channel_as_python_computes_it(channels):
    channel_id = channels.id(channels.config())
    assert str(channels.contract.depositNonce(channel_id, SALT)) == compute_deposit_nonce(channel_id, SALT)


def test_an_authorization_cannot_be_led_into_another_channel(channels):
    config = channels.config()
    authorized = authorize(channels, config)
    theirs = channels.config(receiver=channels.stranger, receiver_authorizer=channels.stranger)
    with reverts_with("TokenInvalidSignature", channels.payer):
        deposit(channels, theirs, DEPOSIT, authorized)
    deposit(channels, config, DEPOSIT, authorized)


def test_an_authorization_is_good_once_and_another_salt_makes_another(channels):
    config = channels.config()
    authorized = authorize(channels, config)
    deposit(channels, config, DEPOSIT, authorized)
    with reverts_with("AuthorizationUsed", channels.payer, compute_deposit_nonce(channels.id(config), SALT)):
        deposit(channels, config, DEPOSIT, authorized)
    deposit(channels, config, DEPOSIT, authorize(channels, config, salt=SALT + 1))
    assert channels.state(config)["balance"] == 2 * DEPOSIT


@pytest.mark.parametrize("wrong", ["amount", "recipient", "signer", "salt"])
def test_an_authorization_for_something_else_reverts(channels, wrong):
    config = channels.config()
    authorized = {
        "amount": lambda: authorize(channels, config, value=DEPOSIT + 1),
        "recipient": lambda: authorize(channels, config, to=channels.stranger),
        "signer": lambda: authorize(channels, config, signer=channels.stranger),
        "salt": lambda: (*authorize(channels, config)[:3], SALT + 1, authorize(channels, config)[4]),
    }[wrong]()
    with reverts_with("TokenInvalidSignature", channels.payer):
        deposit(channels, config, DEPOSIT, authorized)


def test_an_authorization_outside_its_time_reverts(channels):
    config = channels.config()
    with reverts_with("AuthorizationExpired"):
        deposit(channels, config, DEPOSIT, authorize(channels, config, before=now() - 1))
    with reverts_with("AuthorizationNotYetValid"):
        deposit(channels, config, DEPOSIT, authorize(channels, config, after=now() + HOUR))


def test_a_transfer_by_authorization_in_advance_only_leaves_the_money_outside_the_channel(channels):
    """`receiveWithAuthorization` is for the contract alone: nobody can use the authorization up past it."""
    config = channels.config()
    giver, after, before, salt, signature = authorize(channels, config)
    nonce = channels.contract.depositNonce(channels.id(config), salt)
    with reverts_with("CallerNotPayee", channels.stranger, channels.contract):
        channels.token.receiveWithAuthorization(
            giver, channels.contract, DEPOSIT, after, before, nonce, signature, {"from": channels.stranger}
        )


def test_somebody_else_can_give_by_authorization(channels):
    config = channels.config()
    tx = deposit(channels, config, DEPOSIT, authorize(channels, config, giver=channels.payers[1]))
    assert tx.events["ChannelFunded"]["sender"] == channels.payers[1]
    assert channels.token.balanceOf(channels.payers[1]) == PENDING_TOKENS - DEPOSIT


def test_a_smart_account_gives_with_its_owners_signature(channels):
    account = channels.stranger.deploy(project().SmartAccount, channels.payer)
    channels.token.mint(account, DEPOSIT, {"from": channels.world.deployer})
    config = channels.config(payer=account, payer_authorizer=NOBODY)
    deposit(channels, config, DEPOSIT, authorize(channels, config, giver=account, signer=channels.payer))
    assert channels.state(config)["balance"] == DEPOSIT


def test_the_terms_are_checked_as_in_a_deposit(channels):
    config = channels.config(withdraw_delay=1)
    with reverts_with("DelayOutOfRange"):
        deposit(channels, config, DEPOSIT, authorize(channels, config))
    with reverts_with("ChannelZeroAmount"):
        deposit(channels, channels.config(), 0, authorize(channels, config, value=0))
