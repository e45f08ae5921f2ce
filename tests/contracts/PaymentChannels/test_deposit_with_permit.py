"""depositWithPermit(config, amount, deadline, v, r, s): a deposit with the caller's EIP-2612 permit."""

import pytest

from tests.contracts.PaymentChannels.channels import DEPOSIT, Channels, sign_for_token
from tests.contracts.world import HOUR, create_hostile_world, now, reverts_with


@pytest.fixture
def unapproved(channels):
    """The contract, to which the payer has approved nothing."""
    channels.token.approve(channels.contract, 0, {"from": channels.payer})
    return channels


def permit(channels, owner=None, value=DEPOSIT, deadline=None, spender=None, signer=None):
    """(deadline, v, r, s) of a permit for the contract."""
    owner = owner or channels.payer
    message = {
        "owner": owner.address,
        "spender": (spender or channels.contract).address,
        "value": value,
        "nonce": channels.token.nonces(owner),
        "deadline": now() + HOUR if deadline is None else deadline,
    }
    signature = sign_for_token(channels, "Permit", message, signer or owner)
    return message["deadline"], signature[64], signature[:32], signature[32:64]


def deposit(channels, config, amount, permitted, sender=None):
    return channels.contract.depositWithPermit(
        config.as_tuple(), amount, *permitted, {"from": sender or channels.payer}
    )


def test_a_deposit_of_a_token_that_keeps_a_fee_reverts(world):
    hostile = Channels(create_hostile_world(world, "TokenTakingFee"))
    with reverts_with("DepositMismatch", DEPOSIT, DEPOSIT * 99 // 100):
        deposit(hostile, hostile.config(), DEPOSIT, (now() + HOUR, 27, bytes(32), bytes(32)))


def test_a_permit_takes_the_place_of_an_approval(unapproved):
    config = unapproved.config()
    tx = deposit(unapproved, config, DEPOSIT, permit(unapproved))
    assert unapproved.state(config)["balance"] == DEPOSIT
    assert tx.events["ChannelFunded"]["sender"] == unapproved.payer
    assert unapproved.token.allowance(unapproved.payer, unapproved.contract) == 0


@pytest.mark.parametrize("wrong", ["amount", "spender", "signer", "expired"])
def test_a_permit_that_does_not_hold_moves_nothing(unapproved, wrong):
    permitted = {
        "amount": lambda: permit(unapproved, value=DEPOSIT + 1),
        "spender": lambda: permit(unapproved, spender=unapproved.stranger),
        "signer": lambda: permit(unapproved, signer=unapproved.stranger),
        "expired": lambda: permit(unapproved, deadline=now() - 1),
    }[wrong]()
    with reverts_with("ERC20InsufficientAllowance", unapproved.contract, 0, DEPOSIT):
        deposit(unapproved, unapproved.config(), DEPOSIT, permitted)


def test_a_permit_cannot_be_used_by_somebody_who_saw_it(unapproved):
    """It names no channel: whoever could submit it could lead the money into a channel of their own."""
    theirs = unapproved.config(receiver=unapproved.stranger, receiver_authorizer=unapproved.stranger)
    with reverts_with("ERC20InsufficientAllowance", unapproved.contract, 0, DEPOSIT):
        deposit(unapproved, theirs, DEPOSIT, permit(unapproved), sender=unapproved.stranger)


def test_a_permit_that_was_submitted_before_does_no_harm(unapproved):
    deadline, v, r, s = permit(unapproved)
    owner, spender = unapproved.payer, unapproved.contract
    unapproved.token.permit(owner, spender, DEPOSIT, deadline, v, r, s, {"from": unapproved.stranger})
    config = unapproved.config()
    deposit(unapproved, config, DEPOSIT, (deadline, v, r, s))
    assert unapproved.state(config)["balance"] == DEPOSIT


def test_the_caller_may_fund_anothers_channel_by_permit(unapproved):
    config = unapproved.config(payer=unapproved.payers[1])
    deposit(unapproved, config, DEPOSIT, permit(unapproved))
    assert unapproved.state(config)["balance"] == DEPOSIT


def test_the_terms_are_checked_as_in_a_deposit(unapproved):
    with reverts_with("ChannelZeroAmount"):
        deposit(unapproved, unapproved.config(), 0, permit(unapproved, value=0))
    with reverts_with("DelayOutOfRange"):
        deposit(unapproved, unapproved.config(withdraw_delay=1), DEPOSIT, permit(unapproved))
