"""refundWithSignature(config, amount, nonce, signature): anybody submits a refund that the authorizer signed."""

import pytest

from marketplace.protocol.vouchers import EVERYTHING, ChannelsDomain, Refund
from tests.contracts.PaymentChannels.channels import DEPOSIT, EMPTY, malleated
from tests.contracts.world import PENDING_TOKENS, project, reverts_with


def sign(channels, config, amount, nonce=0, signer=None, domain=None):
    message = Refund(channel_id=channels.id(config), nonce=nonce, amount=amount)
    return channels.sign(message, signer or channels.authorizer, domain)


def submit(channels, config, amount, nonce, signature):
    """Sent by somebody who is no party."""
    call = channels.contract.refundWithSignature
    return call(config.as_tuple(), amount, nonce, signature, {"from": channels.stranger})


def test_anybody_can_submit_a_signed_refund(channels):
    config = channels.open()
    tx = submit(channels, config, EVERYTHING, 0, sign(channels, config, EVERYTHING))
    assert channels.state(config) == {**EMPTY, "nonce": 1}
    assert channels.token.balanceOf(channels.payer) == PENDING_TOKENS
    assert tx.events["Refunded"]["amount"] == DEPOSIT


@pytest.mark.parametrize("signer", ["payee", "payer", "stranger"])
def test_a_refund_that_the_authorizer_did_not_sign_reverts(channels, signer):
    config = channels.open()
    signature = sign(channels, config, EVERYTHING, signer=getattr(channels, signer))
    with reverts_with("NotSignedBy", channels.authorizer):
        submit(channels, config, EVERYTHING, 0, signature)


def test_a_refund_signed_for_something_else_reverts(channels):
    config, other = channels.open(), channels.open()
    elsewhere = ChannelsDomain(1, channels.contract.address)
    for signature in (
        sign(channels, config, 2),
        sign(channels, config, 1, nonce=1),
        sign(channels, other, 1),
        sign(channels, config, 1, domain=elsewhere),
        malleated(sign(channels, config, 1)),
    ):
        with reverts_with("NotSignedBy", channels.authorizer):
            submit(channels, config, 1, 0, signature)


def test_a_signed_refund_is_good_once(channels):
    """Otherwise it would empty the channel again after each top-up."""
    config = channels.open()
    signature = sign(channels, config, 1_000)
    submit(channels, config, 1_000, 0, signature)
    with reverts_with("WrongRefundNonce", 0, 1):
        submit(channels, config, 1_000, 0, signature)
    with reverts_with("NotSignedBy", channels.authorizer):
        submit(channels, config, 1_000, 1, signature)


def test_a_refund_by_call_voids_one_that_was_signed(channels):
    config = channels.open()
    signature = sign(channels, config, 1_000)
    channels.contract.refund(config.as_tuple(), 1, {"from": channels.payee})
    with reverts_with("WrongRefundNonce", 0, 1):
        submit(channels, config, 1_000, 0, signature)


def test_an_authorizer_can_be_a_smart_account(channels):
    account = channels.stranger.deploy(project().SmartAccount, channels.payees[1])
    config = channels.open(receiver_authorizer=account)
    submit(channels, config, 5, 0, sign(channels, config, 5, signer=channels.payees[1]))
    assert channels.state(config)["balance"] == DEPOSIT - 5
