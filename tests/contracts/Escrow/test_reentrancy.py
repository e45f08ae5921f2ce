"""A token that calls back in the middle of a transfer gets nowhere."""

import pytest
from eth_utils import keccak

from marketplace.protocol.enums import Outcome
from tests.contracts.world import FREE, PRICE, USDC, create_hostile_world, reverts_with

REENTERED = "0x" + keccak(text="ReentrancyGuardReentrantCall()")[:4].hex()
INSUFFICIENT = "0x" + keccak(text="InsufficientBalance(address,uint256,uint256)")[:4].hex()
NOTHING_CLOSED = "0x" + keccak(text="NothingClosed()")[:4].hex()


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


def moving_calls(hostile):
    """Every call of the escrow that moves tokens, encoded."""
    escrow, nothing = hostile.escrow, bytes(32)
    return {
        "deposit": escrow.deposit.encode_input(1),
        "depositFor": escrow.depositFor.encode_input(hostile.renter, 1),
        "depositWithPermit": escrow.depositWithPermit.encode_input(1, 0, 27, nothing, nothing),
        "depositWithAuthorization": escrow.depositWithAuthorization.encode_input(
            hostile.renter, hostile.renter, 1, 0, 2**40, nothing, b""
        ),
        "withdraw": escrow.withdraw.encode_input(1),
        "withdrawFees": escrow.withdrawFees.encode_input(0),
    }


@pytest.mark.parametrize(
    "inner",
    ["deposit", "depositFor", "depositWithPermit", "depositWithAuthorization", "withdraw", "withdrawFees"],
)
@pytest.mark.parametrize("outer", ["deposit", "withdraw"])
def test_no_call_that_moves_tokens_can_be_entered_from_a_transfer(hostile, outer, inner):
    call_back(hostile, moving_calls(hostile)[inner])
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


def test_a_slash_cannot_be_used_to_settle_the_same_lease_again(hostile):
    lease = hostile.open()
    settlement = hostile.settlement(hostile.verdict(lease, Outcome.FRAUD))
    call_back(hostile, hostile.escrow.settle.encode_input(*settlement.args()))
    hostile.send_settle(settlement)
    assert str(hostile.token.lastError()) == NOTHING_CLOSED
    assert hostile.free(hostile.renter) == 100 * USDC + PRICE


def test_a_slash_of_a_claim_cannot_be_used_to_release_it(hostile):
    lease = hostile.open()
    hostile.claim(lease)
    call_back(hostile, hostile.escrow.release.encode_input(lease.claimed()))
    hostile.settle_claims(hostile.verdict(lease, Outcome.FRAUD))
    assert hostile.token.attempted()
    assert str(hostile.token.lastError())[:10] == "0x" + keccak(text="WrongClaimState(bytes32,uint8)")[:4].hex()
    assert hostile.token.balanceOf(hostile.escrow) == hostile.free(hostile.renter) == 100 * USDC + PRICE


def test_leases_settled_from_inside_a_withdrawal_are_settled_once(hostile):
    """`settle` moves nobody's tokens and is not guarded: what anybody may submit, a token may, too."""
    lease = hostile.open()
    settlement = hostile.settlement(hostile.verdict(lease, pay=PRICE))
    call_back(hostile, hostile.escrow.settle.encode_input(*settlement.args()))
    hostile.escrow.withdraw(USDC, {"from": hostile.renter})
    assert str(hostile.token.lastError()) == "0x"
    assert not hostile.is_open(lease)
    assert hostile.free(hostile.renter) == 99 * USDC - PRICE


def test_a_withdrawal_entered_through_the_stake_takes_no_more_than_the_balance(hostile):
    """Between two contracts the guard does not reach; effects before interactions do."""
    call_back(hostile, hostile.escrow.withdraw.encode_input(FREE))
    hostile.stake.stake(USDC, {"from": hostile.provider})
    assert str(hostile.token.lastError())[:10] == INSUFFICIENT


def test_a_cancel_from_inside_a_transfer_voids_only_the_tokens_own_orders(hostile):
    """`cancel` moves no money and is not guarded."""
    call_back(hostile, hostile.escrow.cancel.encode_input(0, 1))
    hostile.escrow.withdraw(USDC, {"from": hostile.renter})
    assert hostile.escrow.isVoid(hostile.token, 1)
    assert not hostile.escrow.isVoid(hostile.renter, 1)


# --- other hostile tokens ----------------------------------------------------------------------------------------


def test_a_penalty_that_the_token_does_not_send_is_not_credited(world):
    hostile = create_hostile_world(world, "TokenReturningFalse")
    hostile.escrow.deposit(10 * USDC, {"from": hostile.renter})
    hostile.stake.stake(10 * USDC, {"from": hostile.provider})
    lease = hostile.open()
    hostile.token.setFailing(True, {"from": hostile.stranger})
    settlement = hostile.settlement(hostile.verdict(lease, Outcome.FRAUD))
    with reverts_with("SafeERC20FailedOperation", hostile.token):
        hostile.send_settle(settlement)
    assert hostile.is_open(lease)
    assert hostile.free(hostile.renter) == 10 * USDC - PRICE
