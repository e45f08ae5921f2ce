"""A token that calls back in the middle of a transfer gets nowhere."""

import pytest
from eth_utils import keccak

from tests.contracts.world import FREE, PRICE, ROUND, USDC, create_hostile_world

REENTERED = "0x" + keccak(text="ReentrancyGuardReentrantCall()")[:4].hex()
INSUFFICIENT = "0x" + keccak(text="InsufficientBalance(address,uint256,uint256)")[:4].hex()


@pytest.fixture
def hostile(world):
    """A market on a token that calls back, its renter and provider funded."""
    hostile = create_hostile_world(world, "TokenReentering")
    hostile.escrow.deposit(100 * USDC, {"from": hostile.renter})
    hostile.stake.stake(50 * USDC, {"from": hostile.provider})
    return hostile


def call_back(hostile, call, contract=None):
    """Arm the token: at its next transfer it makes this call."""
    hostile.token.arm(contract or hostile.escrow, call, {"from": hostile.stranger})


def guarded_calls(hostile):
    """Every call of the escrow that moves money, encoded."""
    lease = hostile.open()
    verdict = hostile.verdict(lease)
    receipt = hostile.receipt(lease, PRICE)
    escrow = hostile.escrow
    return {
        "deposit": escrow.deposit.encode_input(1),
        "withdraw": escrow.withdraw.encode_input(1),
        "withdrawFees": escrow.withdrawFees.encode_input(),
        "open": escrow.open.encode_input([hostile.match(hostile.bid(), hostile.ask())], ROUND),
        "settle": escrow.settle.encode_input([verdict.as_tuple()], hostile.sign_batch([verdict])),
        "accept": escrow.accept.encode_input(receipt.as_tuple(), hostile.sign(receipt, hostile.renter)),
        "refund": escrow.refund.encode_input([lease.id]),
    }


@pytest.mark.parametrize("inner", ["deposit", "withdraw", "withdrawFees", "open", "settle", "accept", "refund"])
@pytest.mark.parametrize("outer", ["deposit", "withdraw"])
def test_no_call_of_the_escrow_can_be_entered_from_a_transfer(hostile, outer, inner):
    call_back(hostile, guarded_calls(hostile)[inner])
    getattr(hostile.escrow, outer)(USDC, {"from": hostile.renter})
    assert hostile.token.attempted()
    assert str(hostile.token.lastError()) == REENTERED


@pytest.mark.parametrize("inner", ["stake", "unbond", "withdraw"])
def test_no_call_of_the_stake_can_be_entered_from_a_transfer(hostile, inner):
    stake = hostile.stake
    call = stake.withdraw.encode_input() if inner == "withdraw" else getattr(stake, inner).encode_input(1)
    call_back(hostile, call, stake)
    stake.stake(USDC, {"from": hostile.provider})
    assert str(hostile.token.lastError()) == REENTERED


def test_a_slash_cannot_be_used_to_enter_the_escrow(hostile):
    lease = hostile.open()
    call_back(hostile, hostile.escrow.withdraw.encode_input(1))
    hostile.settle(hostile.verdict(lease, 3))
    assert str(hostile.token.lastError()) == REENTERED
    assert hostile.token.balanceOf(hostile.escrow) == hostile.escrow.free(hostile.renter)


def test_a_withdrawal_entered_through_the_stake_takes_no_more_than_the_balance(hostile):
    """Between two contracts the guard does not reach; effects before interactions do."""
    call_back(hostile, hostile.escrow.withdraw.encode_input(FREE))
    hostile.stake.stake(USDC, {"from": hostile.provider})
    assert str(hostile.token.lastError())[:10] == INSUFFICIENT


def test_a_cancel_from_inside_a_transfer_voids_only_the_tokens_own_orders(hostile):
    """`cancel` moves no money and is not guarded."""
    call_back(hostile, hostile.escrow.cancel.encode_input(1))
    hostile.escrow.withdraw(USDC, {"from": hostile.renter})
    assert hostile.escrow.isCancelled(hostile.token, 1)
    assert not hostile.escrow.isCancelled(hostile.renter, 1)
