"""A token that calls back in the middle of a transfer gets nowhere."""

import brownie
import pytest
from eth_utils import keccak

from marketplace.protocol.vouchers import EVERYTHING, pack_payouts
from tests.contracts.PaymentChannels.channels import DAY, DEPOSIT, Channels
from tests.contracts.world import create_hostile_world

REENTERED = "0x" + keccak(text="ReentrancyGuardReentrantCall()")[:4].hex()


@pytest.fixture
def hostile(world):
    """Channels in a token that calls back; it is itself payee, payer and authorizer where that would help it."""
    return Channels(create_hostile_world(world, "TokenReentering"))


def prepare(hostile, outer):
    """A call that moves tokens, ready to be made: it reaches the token once."""
    contract, config = hostile.contract, hostile.open()
    if outer == "deposit":
        return lambda: hostile.open(config)
    if outer == "withdraw":
        hostile.redeem(hostile.claim(config, 100))
        return lambda: contract.withdraw(hostile.payee, {"from": hostile.payee})
    if outer == "refund":
        return lambda: contract.refund(config.as_tuple(), EVERYTHING, {"from": hostile.payee})
    contract.startClose(config.as_tuple(), {"from": hostile.payer})
    brownie.chain.sleep(DAY)
    return lambda: contract.finishClose(config.as_tuple(), {"from": hostile.payer})


def inner_calls(hostile):
    """Every call that moves tokens, encoded, with the token as the party that may make it."""
    contract, token = hostile.contract, hostile.token
    config = hostile.open(payer=token, receiver=token, payer_authorizer=token)
    signature = bytes(65)
    return {
        "deposit": contract.deposit.encode_input(config.as_tuple(), 1),
        "depositWithPermit": contract.depositWithPermit.encode_input(config.as_tuple(), 1, 0, 27, bytes(32), bytes(32)),
        "depositWithAuthorization": contract.depositWithAuthorization.encode_input(
            config.as_tuple(), 1, token, 0, 0, 0, signature
        ),
        "withdraw": contract.withdraw.encode_input(hostile.payee),
        "refund": contract.refund.encode_input(config.as_tuple(), 1),
        "refundWithSignature": contract.refundWithSignature.encode_input(config.as_tuple(), 1, 0, signature),
        "finishClose": contract.finishClose.encode_input(config.as_tuple()),
    }


@pytest.mark.parametrize("outer", ["deposit", "withdraw", "refund", "finishClose"])
def test_no_call_that_moves_tokens_can_be_entered_from_a_transfer(hostile, outer):
    for name, call in inner_calls(hostile).items():
        make = prepare(hostile, outer)
        hostile.token.arm(hostile.contract, call, {"from": hostile.stranger})
        make()
        assert hostile.token.attempted(), name
        assert str(hostile.token.lastError()) == REENTERED, name


@pytest.mark.parametrize("outer", ["deposit", "withdraw", "refund", "finishClose"])
def test_a_redemption_from_inside_a_transfer_is_one_like_any_other(hostile, outer):
    """`redeem` moves no token and is not guarded: the books are written before the token is called."""
    make = prepare(hostile, outer)
    config = hostile.open(receiver=hostile.token)
    call = hostile.contract.redeem.encode_input(pack_payouts([hostile.claim(config, 70)]))
    hostile.token.arm(hostile.contract, call, {"from": hostile.stranger})
    held = hostile.token.balanceOf(hostile.contract)
    make()
    assert hostile.token.attempted() and str(hostile.token.lastError()) == "0x"
    assert hostile.earned(hostile.token) == 70
    assert hostile.state(config)["claimed"] == 70
    moved = {"deposit": DEPOSIT, "withdraw": -100, "refund": -DEPOSIT, "finishClose": -DEPOSIT}[outer]
    assert hostile.token.balanceOf(hostile.contract) == held + moved


def test_money_that_is_only_on_its_way_in_cannot_leave(hostile):
    """The token redeems from the very deposit that it is delivering: the books agree, and nothing can be taken out."""
    config = hostile.config(receiver=hostile.token)
    call = hostile.contract.redeem.encode_input(pack_payouts([hostile.claim(config, DEPOSIT)]))
    hostile.token.arm(hostile.contract, call, {"from": hostile.stranger})
    hostile.open(config)
    assert hostile.state(config)["claimed"] == hostile.earned(hostile.token) == DEPOSIT
    assert hostile.token.balanceOf(hostile.contract) == DEPOSIT
