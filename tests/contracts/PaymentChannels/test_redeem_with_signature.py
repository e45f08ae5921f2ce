"""redeemWithSignature(payouts, signature): anybody submits what the payees' authorizer signed as a batch."""

import pytest

from marketplace.protocol.vouchers import ChannelsDomain, build_claim_batch, pack_payouts
from tests.contracts.PaymentChannels.channels import NOBODY, malleated
from tests.contracts.world import project, reverts_with


def submit(channels, claims, signature, sender=None):
    """Redeem, sent by somebody who is no party."""
    payouts = pack_payouts(claims)
    return channels.contract.redeemWithSignature(payouts, signature, {"from": sender or channels.stranger})


@pytest.fixture
def claims(channels):
    """Vouchers of two payees' channels, out of order."""
    first, other, second = channels.open(), channels.open(receiver=channels.payees[1]), channels.open()
    return [channels.claim(first, 100, maximum=150), channels.claim(other, 200), channels.claim(second, 300)]


def test_a_batch_of_nothing_reverts(channels):
    with reverts_with("NothingRedeemed", bytes(32), 0):
        submit(channels, [], bytes(65))


@pytest.mark.parametrize("place", [1, 2, 3])
def test_payees_of_different_authorizers_revert(channels, claims, place):
    other = channels.open(receiver_authorizer=channels.stranger)
    claims.insert(place, channels.claim(other, 1))
    with reverts_with("MixedAuthorizers", channels.authorizer, channels.stranger):
        submit(channels, claims, channels.sign_batch(*claims))


@pytest.mark.parametrize("signer", ["payee", "payer", "stranger"])
def test_a_batch_that_the_authorizer_did_not_sign_reverts(channels, claims, signer):
    with reverts_with("NotSignedBy", channels.authorizer):
        submit(channels, claims, channels.sign_batch(*claims, signer=getattr(channels, signer)))


@pytest.mark.parametrize("length", [64, 65])
def test_the_zero_address_signed_nothing(channels, length):
    nobodys = channels.claim(channels.config(receiver_authorizer=NOBODY), 1)
    with reverts_with("NotSignedBy", NOBODY):
        submit(channels, [nobodys], bytes(length))


def test_a_signature_over_another_batch_reverts(channels, claims):
    signature = channels.sign_batch(*claims)
    more = channels.claim(claims[0].config, 101, maximum=150)
    for altered in (claims[:2], [more, *claims[1:]], [claims[2], claims[1], claims[0]]):
        with reverts_with("NotSignedBy", channels.authorizer):
            submit(channels, altered, signature)


def test_a_malleated_signature_or_one_for_another_chain_reverts(channels, claims):
    elsewhere = ChannelsDomain(1, channels.contract.address)
    foreign = channels.sign(build_claim_batch(claims, channels.domain), channels.authorizer, elsewhere)
    for signature in (malleated(channels.sign_batch(*claims)), foreign):
        with reverts_with("NotSignedBy", channels.authorizer):
            submit(channels, claims, signature)


def test_anybody_can_submit_a_signed_batch(channels, claims):
    tx = submit(channels, claims, channels.sign_batch(*claims))
    assert len(tx.events["Redeemed"]) == 3
    assert (channels.earned(channels.payees[0]), channels.earned(channels.payees[1])) == (400, 200)


def test_a_batch_again_credits_nothing(channels, claims):
    signature = channels.sign_batch(*claims)
    submit(channels, claims, signature)
    with reverts_with("NothingRedeemed", channels.id(claims[0].config), 3):
        submit(channels, claims, signature)


def test_a_bad_voucher_in_a_signed_batch_is_skipped(channels, claims):
    claims.append(channels.claim(channels.open(), 1, signer=channels.stranger))
    tx = submit(channels, claims, channels.sign_batch(*claims))
    assert channels.skipped(tx) == [(channels.id(claims[3].config), 6)]


def test_an_authorizer_can_be_a_smart_account(channels):
    account = channels.stranger.deploy(project().SmartAccount, channels.payees[1])
    claims = [channels.claim(channels.open(receiver_authorizer=account), 100)]
    with reverts_with("NotSignedBy", account):
        submit(channels, claims, channels.sign_batch(*claims))
    submit(channels, claims, channels.sign_batch(*claims, signer=channels.payees[1]))
    assert channels.earned() == 100
