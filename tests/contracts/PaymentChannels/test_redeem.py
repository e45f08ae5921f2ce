"""redeem(payouts): credits payees with what vouchers are worth; one voucher never stops another."""

import brownie
import pytest

from tests.contracts.PaymentChannels.channels import DAY, DEPOSIT, EMPTY
from tests.contracts.world import PENDING_TOKENS, reverts_with

NONE, NOT_PAYEE, NO_CHANNEL, NOT_ABOVE_CLAIMED, ABOVE_VOUCHER, ABOVE_BALANCE, BAD_SIGNATURE = range(7)


def test_redeem_of_nothing_reverts(channels):
    for payouts in ([], [(channels.payee, channels.authorizer, [], [])]):
        with reverts_with("NothingRedeemed", bytes(32), NONE):
            channels.contract.redeem(payouts, {"from": channels.authorizer})


def test_redeem_by_a_stranger_reverts(channels):
    """A voucher is seen by all once it is sent: whoever could redeem it could take more of it than the payee wants."""
    config = channels.open()
    with reverts_with("NothingRedeemed", channels.id(config), NOT_PAYEE):
        channels.redeem(channels.claim(config, 1), sender=channels.stranger)


def test_redeem_by_the_payer_reverts(channels):
    config = channels.open()
    with reverts_with("NothingRedeemed", channels.id(config), NOT_PAYEE):
        channels.redeem(channels.claim(config, 1), sender=channels.payer)


def test_redeem_of_a_channel_without_a_deposit_reverts(channels):
    config = channels.config()
    with reverts_with("NothingRedeemed", channels.id(config), NO_CHANNEL):
        channels.redeem(channels.claim(config, 1))


@pytest.mark.parametrize(
    "term", ["payer", "payer_authorizer", "receiver", "receiver_authorizer", "withdraw_delay", "salt"]
)
def test_redeem_under_a_wrong_term_finds_no_channel(channels, term):
    config = channels.open()
    wrong = {"withdraw_delay": DAY + 1, "salt": "0x" + "77" * 32}.get(term, channels.stranger.address)
    altered = config.model_copy(update={term: wrong})
    claim = channels.claim(altered, 1, signature=channels.claim(config, 1).signature)
    caller = channels.payee if term == "receiver_authorizer" else channels.authorizer
    with reverts_with("NothingRedeemed", channels.id(altered), NO_CHANNEL):
        channels.redeem(claim, sender=caller)


def test_redeem_of_zero_reverts(channels):
    config = channels.open()
    with reverts_with("NothingRedeemed", channels.id(config), NOT_ABOVE_CLAIMED):
        channels.redeem(channels.claim(config, 0))


@pytest.mark.parametrize("total", [1, 99, 100])
def test_redeem_of_no_more_than_was_claimed_reverts(channels, total):
    config = channels.open()
    channels.redeem(channels.claim(config, 100))
    with reverts_with("NothingRedeemed", channels.id(config), NOT_ABOVE_CLAIMED):
        channels.redeem(channels.claim(config, total))


def test_redeem_of_more_than_the_voucher_says_reverts(channels):
    config = channels.open()
    with reverts_with("NothingRedeemed", channels.id(config), ABOVE_VOUCHER):
        channels.redeem(channels.claim(config, 101, maximum=100))


def test_redeem_of_more_than_the_balance_reverts(channels):
    config = channels.open()
    with reverts_with("NothingRedeemed", channels.id(config), ABOVE_BALANCE):
        channels.redeem(channels.claim(config, DEPOSIT + 1))


@pytest.mark.parametrize("maximum", [DEPOSIT + 1, 2**64, 2**128 - 1])
def test_a_voucher_above_the_balance_is_good_for_the_balance(channels, maximum):
    config = channels.open()
    channels.redeem(channels.claim(config, DEPOSIT, maximum=maximum))
    assert channels.earned() == DEPOSIT
    channels.open(config, 7)
    channels.redeem(channels.claim(config, DEPOSIT + 1, maximum=maximum))
    assert channels.earned() == DEPOSIT + 1


@pytest.mark.parametrize("sender", ["payee", "authorizer"])
def test_redeem_credits_the_payee_moves_no_token_and_emits(channels, sender):
    config = channels.open()
    tx = channels.redeem(channels.claim(config, 300, maximum=1000), sender=getattr(channels, sender))
    assert channels.state(config) == {**EMPTY, "balance": DEPOSIT, "claimed": 300}
    assert channels.earned() == 300
    assert channels.token.balanceOf(channels.payee) == PENDING_TOKENS
    assert list(tx.events.keys()) == ["Redeemed"]
    event = tx.events["Redeemed"]
    assert (str(event["channelId"]), event["amount"], event["totalClaimed"]) == (channels.id(config), 300, 300)


def test_vouchers_are_cumulative(channels):
    config = channels.open()
    channels.redeem(channels.claim(config, 300, maximum=1000))
    tx = channels.redeem(channels.claim(config, 1000))
    assert tx.events["Redeemed"]["amount"] == 700
    assert channels.earned() == 1000
    assert tuple(channels.contract.receivers(channels.payee, channels.token)) == (1000, 0)


def test_nothing_is_earned_in_another_token(channels):
    channels.redeem(channels.claim(channels.open(), 300))
    assert tuple(channels.contract.receivers(channels.payee, channels.payee)) == (0, 0)


def test_one_transaction_redeems_many_channels_of_many_payees(channels):
    configs = [channels.open(payer=payer, receiver=payee) for payer in channels.payers for payee in channels.payees]
    tx = channels.redeem(*[channels.claim(config, 100 + index) for index, config in enumerate(configs)])
    assert len(tx.events["Redeemed"]) == 6
    assert channels.earned(channels.payees[0]) == 100 + 102 + 104
    assert channels.earned(channels.payees[1]) == 101 + 103 + 105


def test_a_voucher_twice_in_one_batch_counts_once(channels):
    config = channels.open()
    tx = channels.redeem(channels.claim(config, 100), channels.claim(config, 100))
    assert channels.skipped(tx) == [(channels.id(config), NOT_ABOVE_CLAIMED)]
    assert channels.earned() == 100


def test_two_vouchers_of_one_channel_in_one_batch_are_worth_the_greater(channels):
    config = channels.open()
    channels.redeem(channels.claim(config, 100), channels.claim(config, 250))
    assert channels.earned() == 250


def test_what_is_bad_is_skipped_with_its_reason_and_what_is_good_is_paid(channels):
    good, claimed, unsigned, small, poor = (channels.open() for _ in range(5))
    last = channels.open()
    channels.redeem(channels.claim(claimed, 100))
    gone = channels.open()
    channels.contract.refund(gone.as_tuple(), DEPOSIT, {"from": channels.payee})
    tx = channels.redeem(
        channels.claim(gone, 1),
        channels.claim(good, 10),
        channels.claim(claimed, 100),
        channels.claim(unsigned, 5, signer=channels.stranger),
        channels.claim(small, 6, maximum=5),
        channels.claim(poor, DEPOSIT + 1),
        channels.claim(last, 20),
    )
    assert channels.skipped(tx) == [
        (channels.id(gone), NO_CHANNEL),
        (channels.id(claimed), NOT_ABOVE_CLAIMED),
        (channels.id(unsigned), BAD_SIGNATURE),
        (channels.id(small), ABOVE_VOUCHER),
        (channels.id(poor), ABOVE_BALANCE),
    ]
    assert [event["amount"] for event in tx.events["RedemptionSkipped"]] == [1, 100, 5, 6, DEPOSIT + 1]
    assert [str(event["channelId"]) for event in tx.events["Redeemed"]] == [channels.id(good), channels.id(last)]
    assert channels.earned() == 130


def test_payees_of_others_are_skipped_and_ones_own_are_paid(channels):
    theirs = channels.open(receiver=channels.payees[1], receiver_authorizer=channels.payees[1])
    mine = channels.open()
    tx = channels.redeem(channels.claim(theirs, 1), channels.claim(mine, 2), sender=channels.payee)
    assert channels.skipped(tx) == [(channels.id(theirs), NOT_PAYEE)]
    assert (channels.earned(), channels.earned(channels.payees[1])) == (2, 0)


def test_a_batch_of_bad_vouchers_reverts_with_the_first_reason(channels):
    first, second = channels.open(), channels.open()
    with reverts_with("NothingRedeemed", channels.id(first), ABOVE_VOUCHER):
        channels.redeem(channels.claim(first, 2, maximum=1), channels.claim(second, DEPOSIT + 1))


def test_a_closing_channel_is_redeemed_until_the_payer_finishes(channels):
    config = channels.open()
    channels.contract.startClose(config.as_tuple(), {"from": channels.payer})
    channels.redeem(channels.claim(config, 100))
    brownie.chain.sleep(DAY + 1)
    channels.redeem(channels.claim(config, 200))
    channels.contract.finishClose(config.as_tuple(), {"from": channels.payer})
    with reverts_with("NothingRedeemed", channels.id(config), ABOVE_BALANCE):
        channels.redeem(channels.claim(config, 300))
    assert channels.earned() == 200


def test_nothing_in_the_token_can_stop_a_redemption(channels):
    config = channels.open()
    for party in (channels.payer, channels.payee, channels.authorizer, channels.contract):
        channels.token.setBlacklisted(party, True, {"from": channels.world.deployer})
    channels.token.setPaused(True, {"from": channels.world.deployer})
    channels.redeem(channels.claim(config, 100))
    assert channels.earned() == 100
