"""deposit(…) in four ways: by approval, for another, with a permit, with an authorization; always exactly what came."""

import pytest
from eth_abi import encode
from eth_account import Account
from eth_utils import keccak

from tests.contracts.Prepaid.paid import PAID_IN
from tests.contracts.world import (
    HOUR,
    UINT256_MAX,
    ZERO_ADDRESS,
    create_hostile_world,
    event_of,
    keys_by_address,
    now,
    reverts_with,
)

MOST = (2**64 - 1) // 2
SALT = bytes([7]) * 32
PERMIT = "owner address,spender address,value uint256,nonce uint256,deadline uint256"
RECEIVE = "from address,to address,value uint256,validAfter uint256,validBefore uint256,nonce bytes32"


def token_signature(paid, signer, name, fields, values):
    """A signature under the token's own domain."""
    domain = {"name": "USD Coin", "version": "2", "chainId": 1337, "verifyingContract": paid.token.address}
    pairs = [field.split() for field in fields.split(",")]
    types = {name: [{"name": field, "type": kind} for field, kind in pairs]}
    message = dict(zip((field for field, _ in pairs), values, strict=True))
    return Account.sign_typed_data(keys_by_address()[signer.address], domain, types, message)


@pytest.fixture
def approved(paid, world):
    """The renter has approved everything to the contract."""
    world.token.approve(paid.contract, UINT256_MAX, {"from": world.renter})
    return paid


def test_deposit_credits_exactly_what_arrived(approved, world):
    tx = approved.contract.deposit(7, {"from": world.renter})
    assert approved.balance() == PAID_IN + 7
    assert event_of(tx, "PrepaidDeposited") == {"account": world.renter, "from": world.renter, "amount": 7}
    assert approved.is_sound()


def test_deposit_for_another_credits_it_and_debits_the_caller(approved, world):
    held = world.token.balanceOf(world.renter)
    approved.contract.depositFor(world.stranger, 7, {"from": world.renter})
    assert (approved.balance(world.stranger), approved.balance()) == (7, PAID_IN)
    assert world.token.balanceOf(world.renter) == held - 7


def test_deposit_of_nothing_or_for_nobody_reverts(approved, world):
    with reverts_with("ZeroAmount"):
        approved.contract.deposit(0, {"from": world.renter})
    with reverts_with("ZeroAddress"):
        approved.contract.depositFor(ZERO_ADDRESS, 7, {"from": world.renter})


@pytest.mark.parametrize("amount", [MOST - 3 * PAID_IN + 1, MOST + 1, UINT256_MAX])
def test_deposit_of_more_than_accounts_can_hold_reverts(approved, world, amount):
    with reverts_with("AmountTooLarge", amount, MOST):
        approved.contract.deposit(amount, {"from": world.renter})


def test_deposit_of_a_token_that_takes_a_fee_is_refused(world):
    hostile = create_hostile_world(world, "TokenTakingFee")
    contract = hostile.contracts["Prepaid"]
    hostile.token.approve(contract, 1_000, {"from": hostile.renter})
    with reverts_with("TransferMismatch", 1_000, 990):
        contract.deposit(1_000, {"from": hostile.renter})


def test_deposit_of_a_token_that_returns_false_is_refused(world):
    hostile = create_hostile_world(world, "TokenReturningFalse")
    contract = hostile.contracts["Prepaid"]
    hostile.token.approve(contract, 1_000, {"from": hostile.renter})
    hostile.token.setFailing(True, {"from": hostile.stranger})
    with reverts_with("SafeERC20FailedOperation", hostile.token):
        contract.deposit(1_000, {"from": hostile.renter})


# --- with a permit -----------------------------------------------------------------------------------------------


def permit(paid, amount, signer=None):
    """`deadline, v, r, s` of a permit of the renter."""
    renter, deadline = paid.world.renter, now() + HOUR
    values = (renter.address, paid.contract.address, amount, paid.token.nonces(renter), deadline)
    signed = token_signature(paid, signer or renter, "Permit", PERMIT, values)
    return deadline, signed.v, signed.r.to_bytes(32), signed.s.to_bytes(32)


@pytest.mark.parametrize("submitted", [False, True])
def test_deposit_with_a_permit_that_may_have_been_submitted_already(paid, world, submitted):
    given = permit(paid, 7)
    if submitted:
        world.token.permit(world.renter, paid.contract, 7, *given, {"from": world.stranger})
    paid.contract.depositWithPermit(7, *given, {"from": world.renter})
    assert paid.balance() == PAID_IN + 7


def test_a_permit_of_another_signer_moves_nothing(paid, world):
    given = permit(paid, 7, signer=world.stranger)
    with reverts_with("ERC20InsufficientAllowance", paid.contract, 0, 7):
        paid.contract.depositWithPermit(7, *given, {"from": world.renter})


# --- with an authorization -----------------------------------------------------------------------------------------


def authorization(paid, account, amount=7):
    """Arguments of `depositWithAuthorization` of the renter's tokens into `account`."""
    renter, before = paid.world.renter, now() + HOUR
    nonce = keccak(encode(["address", "bytes32"], [account.address, SALT]))
    values = (renter.address, paid.contract.address, amount, 0, before, nonce)
    signed = token_signature(paid, renter, "ReceiveWithAuthorization", RECEIVE, values)
    return [renter, account, amount, 0, before, SALT, bytes(signed.signature)]


def test_anybody_submits_an_authorization_once(paid, world):
    given = authorization(paid, world.renters[1])
    paid.contract.depositWithAuthorization(*given, {"from": world.stranger})
    assert paid.balance(world.renters[1]) == PAID_IN + 7
    with reverts_with("AuthorizationUsed"):
        paid.contract.depositWithAuthorization(*given, {"from": world.stranger})


def test_an_authorization_cannot_be_redirected_or_raised(paid, world):
    for place, value in ((1, world.stranger), (2, 8)):
        given = authorization(paid, world.renter)
        given[place] = value
        with reverts_with("TokenInvalidSignature", world.renter):
            paid.contract.depositWithAuthorization(*given, {"from": world.stranger})


def test_an_authorization_for_the_escrow_is_none_for_this_contract(paid, world):
    given = authorization(paid, world.renter)
    with reverts_with("TokenInvalidSignature", world.renter):
        world.escrow.depositWithAuthorization(*given, {"from": world.stranger})


def test_a_deposit_leaves_the_salts_alone(paid, world):
    paid.settle(paid.job(paid.bid(salt=500)))
    before = paid.renter()
    world.token.mint(world.deployer, 1, {"from": world.deployer})
    paid.contract.depositFor(world.renter, 1, {"from": world.deployer})
    assert paid.renter() == {**before, "balance": before["balance"] + 1}
