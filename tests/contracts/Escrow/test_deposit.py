"""deposit(…) in four ways: by approval, for another, with a permit, with an authorization; always exactly what came."""

import pytest
from eth_abi import encode
from eth_account import Account
from eth_utils import keccak

from tests.contracts.world import (
    FREE,
    HOUR,
    PENDING_TOKENS,
    UINT256_MAX,
    USDC,
    ZERO_ADDRESS,
    create_hostile_world,
    event_of,
    keys_by_address,
    now,
    project,
    reverts_with,
)

MOST = (2**64 - 1) // 2
SALT = bytes([7]) * 32
PERMIT = [
    ("owner", "address"),
    ("spender", "address"),
    ("value", "uint256"),
    ("nonce", "uint256"),
    ("deadline", "uint256"),
]
RECEIVE = [
    ("from", "address"),
    ("to", "address"),
    ("value", "uint256"),
    ("validAfter", "uint256"),
    ("validBefore", "uint256"),
    ("nonce", "bytes32"),
]


def token_signature(world, signer, name, fields, values):
    """A signature under the token's own domain."""
    domain = {"name": "USD Coin", "version": "2", "chainId": 1337, "verifyingContract": world.token.address}
    types = {name: [{"name": field, "type": kind} for field, kind in fields]}
    message = dict(zip((field for field, _ in fields), values, strict=True))
    return Account.sign_typed_data(keys_by_address()[signer.address], domain, types, message)


# --- by approval -------------------------------------------------------------------------------------------------


def test_deposit_credits_exactly_what_arrived(world):
    held = world.token.balanceOf(world.escrow)
    tx = world.escrow.deposit(7, {"from": world.renter})
    assert world.renter_account()["free"] == FREE + 7
    assert world.token.balanceOf(world.escrow) == held + 7
    assert event_of(tx, "Deposited") == {"account": world.renter, "from": world.renter, "amount": 7}


def test_deposit_of_nothing_reverts(world):
    with reverts_with("ZeroAmount"):
        world.escrow.deposit(0, {"from": world.renter})


def test_deposit_without_approval_reverts(world):
    world.token.approve(world.escrow, 4, {"from": world.renter})
    with reverts_with("ERC20InsufficientAllowance", world.escrow, 4, 5):
        world.escrow.deposit(5, {"from": world.renter})


def test_deposit_of_more_than_the_caller_has_reverts(world):
    with reverts_with("ERC20InsufficientBalance", world.renter, PENDING_TOKENS, PENDING_TOKENS + 1):
        world.escrow.deposit(PENDING_TOKENS + 1, {"from": world.renter})


@pytest.mark.parametrize("amount", [MOST + 1, 2**64, UINT256_MAX])
def test_deposit_of_more_than_an_account_can_hold_reverts(world, amount):
    with reverts_with("AmountTooLarge", amount, MOST):
        world.escrow.deposit(amount, {"from": world.renter})


def test_all_deposits_together_stay_below_what_an_account_can_hold(world):
    held = world.token.balanceOf(world.escrow)
    world.token.mint(world.renter, MOST, {"from": world.deployer})
    with reverts_with("AmountTooLarge", MOST - held + 1, MOST):
        world.escrow.deposit(MOST - held + 1, {"from": world.renter})
    world.escrow.deposit(MOST - held, {"from": world.renter})
    with reverts_with("AmountTooLarge", 1, MOST):
        world.escrow.deposit(1, {"from": world.renters[1]})
    world.escrow.withdraw(1, {"from": world.renter})
    world.escrow.deposit(1, {"from": world.renters[1]})


def test_deposit_of_a_token_that_takes_a_fee_is_refused(world):
    hostile = create_hostile_world(world, "TokenTakingFee")
    with reverts_with("TransferMismatch", 1_000, 990):
        hostile.escrow.deposit(1_000, {"from": hostile.renter})


def test_deposit_of_a_token_that_returns_false_is_refused(world):
    hostile = create_hostile_world(world, "TokenReturningFalse")
    hostile.token.setFailing(True, {"from": hostile.stranger})
    with reverts_with("SafeERC20FailedOperation", hostile.token):
        hostile.escrow.deposit(1_000, {"from": hostile.renter})


def test_deposit_by_a_blacklisted_account_is_refused_by_the_token(world):
    world.token.setBlacklisted(world.renter, True, {"from": world.deployer})
    with reverts_with("Blacklisted", world.renter):
        world.escrow.deposit(1, {"from": world.renter})


def test_deposit_of_everything_while_opening_is_paused_succeeds(world):
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    world.escrow.deposit(PENDING_TOKENS, {"from": world.renter})
    assert world.token.balanceOf(world.renter) == 0


def test_a_deposit_leaves_the_salts_alone(world):
    world.open(world.bid(salt=500))
    before = world.renter_account()
    world.escrow.deposit(1, {"from": world.renter})
    assert world.renter_account() == {**before, "free": before["free"] + 1}


# --- for another -------------------------------------------------------------------------------------------------


def test_deposit_for_another_credits_it_and_debits_the_caller(world):
    tx = world.escrow.depositFor(world.stranger, 7, {"from": world.renter})
    assert world.free(world.stranger) == 7
    assert world.free(world.renter) == FREE
    assert world.token.balanceOf(world.renter) == PENDING_TOKENS - 7
    assert event_of(tx, "Deposited") == {"account": world.stranger, "from": world.renter, "amount": 7}


def test_deposit_for_nobody_reverts(world):
    with reverts_with("ZeroAddress"):
        world.escrow.depositFor(ZERO_ADDRESS, 7, {"from": world.renter})
    with reverts_with("ZeroAmount"):
        world.escrow.depositFor(world.stranger, 0, {"from": world.renter})


# --- with a permit -----------------------------------------------------------------------------------------------


def permit(world, amount, signer=None, deadline=None):
    """`deadline, v, r, s` of a permit of the renter, whose approval is taken back first."""
    world.token.approve(world.escrow, 0, {"from": world.renter})
    deadline = deadline or now() + HOUR
    nonce = world.token.nonces(world.renter)
    values = (world.renter.address, world.escrow.address, amount, nonce, deadline)
    signed = token_signature(world, signer or world.renter, "Permit", PERMIT, values)
    return deadline, signed.v, signed.r.to_bytes(32), signed.s.to_bytes(32)


def test_deposit_with_a_permit_needs_no_approval(world):
    tx = world.escrow.depositWithPermit(7, *permit(world, 7), {"from": world.renter})
    assert world.free(world.renter) == FREE + 7
    assert event_of(tx, "Deposited") == {"account": world.renter, "from": world.renter, "amount": 7}
    assert world.token.allowance(world.renter, world.escrow) == 0


def test_a_permit_that_somebody_else_submitted_first_does_no_harm(world):
    given = permit(world, 7)
    world.token.permit(world.renter, world.escrow, 7, *given, {"from": world.stranger})
    world.escrow.depositWithPermit(7, *given, {"from": world.renter})
    assert world.free(world.renter) == FREE + 7


def test_a_permit_of_another_amount_moves_nothing(world):
    given = permit(world, 6)
    with reverts_with("ERC20InsufficientAllowance", world.escrow, 0, 7):
        world.escrow.depositWithPermit(7, *given, {"from": world.renter})


def test_a_permit_of_another_signer_moves_nothing(world):
    given = permit(world, 7, signer=world.stranger)
    with reverts_with("ERC20InsufficientAllowance", world.escrow, 0, 7):
        world.escrow.depositWithPermit(7, *given, {"from": world.renter})


def test_nobody_deposits_with_the_permit_of_another(world):
    given = permit(world, 7)
    with reverts_with("ERC20InsufficientAllowance", world.escrow, 0, 7):
        world.escrow.depositWithPermit(7, *given, {"from": world.stranger})
    with reverts_with("ZeroAmount"):
        world.escrow.depositWithPermit(0, *given, {"from": world.renter})


# --- with an authorization -----------------------------------------------------------------------------------------


def nonce_for(account, salt=SALT):
    """The nonce that binds an authorization to the account it shall be credited to."""
    return keccak(encode(["address", "bytes32"], [getattr(account, "address", account), salt]))


def authorization(world, account, amount=7, *, nonce=None, signer=None, before=None, after=0):
    """Arguments of `depositWithAuthorization` of the renter's tokens into `account`."""
    before = before or now() + HOUR
    values = (world.renter.address, world.escrow.address, amount, after, before, nonce or nonce_for(account))
    signed = token_signature(world, signer or world.renter, "ReceiveWithAuthorization", RECEIVE, values)
    return world.renter, account, amount, after, before, SALT, bytes(signed.signature)


@pytest.mark.parametrize("submitter", ["renter", "operator", "stranger"])
def test_anybody_submits_an_authorization_and_only_its_account_is_credited(world, submitter):
    given = authorization(world, world.renters[1])
    tx = world.escrow.depositWithAuthorization(*given, {"from": getattr(world, submitter)})
    assert world.free(world.renters[1]) == FREE + 7
    assert world.token.balanceOf(world.renter) == PENDING_TOKENS - 7
    assert event_of(tx, "Deposited") == {"account": world.renters[1], "from": world.renter, "amount": 7}


def test_an_authorization_cannot_be_redirected_to_another_account(world):
    given = list(authorization(world, world.renter))
    given[1] = world.stranger
    with reverts_with("TokenInvalidSignature", world.renter):
        world.escrow.depositWithAuthorization(*given, {"from": world.stranger})


def test_an_authorization_whose_nonce_names_no_account_serves_nobody(world):
    given = authorization(world, world.renter, nonce=SALT)
    with reverts_with("TokenInvalidSignature", world.renter):
        world.escrow.depositWithAuthorization(*given, {"from": world.renter})


def test_nobody_takes_an_authorization_to_the_token_himself(world):
    _, account, amount, after, before, salt, signature = authorization(world, world.renter)
    call = (world.renter, world.escrow, amount, after, before, nonce_for(account, salt), signature)
    with reverts_with("CallerNotPayee", world.stranger, world.escrow):
        world.token.receiveWithAuthorization(*call, {"from": world.stranger})


def test_an_authorization_is_good_once(world):
    given = authorization(world, world.renter)
    world.escrow.depositWithAuthorization(*given, {"from": world.stranger})
    with reverts_with("AuthorizationUsed", world.renter, nonce_for(world.renter)):
        world.escrow.depositWithAuthorization(*given, {"from": world.stranger})


def test_another_salt_makes_another_authorization(world):
    world.escrow.depositWithAuthorization(*authorization(world, world.renter), {"from": world.stranger})
    other = bytes(32)
    given = list(authorization(world, world.renter, nonce=nonce_for(world.renter, other)))
    given[5] = other
    world.escrow.depositWithAuthorization(*given, {"from": world.stranger})
    assert world.free(world.renter) == FREE + 14


@pytest.mark.parametrize("change", ["amount", "signer"])
def test_an_authorization_cannot_be_altered_or_forged(world, change):
    given = list(authorization(world, world.renter, signer=world.stranger if change == "signer" else None))
    if change == "amount":
        given[2] = 8
    with reverts_with("TokenInvalidSignature", world.renter):
        world.escrow.depositWithAuthorization(*given, {"from": world.stranger})


def test_an_authorization_outside_its_time_reverts(world):
    with reverts_with("AuthorizationExpired"):
        given = authorization(world, world.renter, before=now() - 1)
        world.escrow.depositWithAuthorization(*given, {"from": world.stranger})
    with reverts_with("AuthorizationNotYetValid"):
        given = authorization(world, world.renter, after=now() + HOUR)
        world.escrow.depositWithAuthorization(*given, {"from": world.stranger})


def test_an_authorization_of_nothing_or_into_nobody_reverts(world):
    with reverts_with("ZeroAmount"):
        world.escrow.depositWithAuthorization(*authorization(world, world.renter, 0), {"from": world.stranger})
    with reverts_with("ZeroAddress"):
        world.escrow.depositWithAuthorization(*authorization(world, ZERO_ADDRESS), {"from": world.stranger})


def test_an_account_contract_authorizes_a_deposit_by_erc_1271(world):
    account = world.stranger.deploy(project().SmartAccount, world.stranger)
    world.token.mint(account, USDC, {"from": world.deployer})
    before = now() + HOUR
    values = (account.address, world.escrow.address, USDC, 0, before, nonce_for(account))
    signature = token_signature(world, world.stranger, "ReceiveWithAuthorization", RECEIVE, values).signature
    call = (account, account, USDC, 0, before, SALT, bytes(signature))
    world.escrow.depositWithAuthorization(*call, {"from": world.operator})
    assert world.free(account) == USDC
