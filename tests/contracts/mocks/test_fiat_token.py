"""FiatToken, the USDC stand-in: what the real one does and our contracts must live with."""

import pytest
from eth_account import Account

from tests.contracts.world import HOUR, PENDING_TOKENS, USDC, keys_by_address, now, reverts_with

TRANSFER = "TransferWithAuthorization"
RECEIVE = "ReceiveWithAuthorization"
AUTHORIZATION = [
    ("from", "address"),
    ("to", "address"),
    ("value", "uint256"),
    ("validAfter", "uint256"),
    ("validBefore", "uint256"),
    ("nonce", "bytes32"),
]
NONCE = bytes([7]) * 32


def sign(world, signer, name, fields, message):
    """A signature under the token's own domain."""
    domain = {"name": "USD Coin", "version": "2", "chainId": 1337, "verifyingContract": world.token.address}
    types = {name: [{"name": field, "type": kind} for field, kind in fields]}
    return Account.sign_typed_data(keys_by_address()[signer.address], domain, types, message)


def authorize(world, name=TRANSFER, signer=None, **changes):
    """Arguments of an EIP-3009 call: 5 USDC from the renter to the provider, valid now."""
    message = {
        "from": world.renter.address,
        "to": world.provider.address,
        "value": 5 * USDC,
        "validAfter": 0,
        "validBefore": now() + HOUR,
        "nonce": NONCE,
    } | changes
    signed = sign(world, signer or world.renter, name, AUTHORIZATION, message)
    return [*message.values(), bytes(signed.signature)]


def test_it_has_six_decimals_and_says_usdc(world):
    assert (world.token.decimals(), world.token.symbol()) == (6, "USDC")


@pytest.mark.parametrize("call, arguments", [("mint", [1]), ("setBlacklisted", [True]), ("setPaused", None)])
def test_only_its_owner_mints_bars_and_pauses(world, call, arguments):
    given = [True] if arguments is None else [world.stranger, *arguments]
    with reverts_with("OwnableUnauthorizedAccount", world.stranger):
        getattr(world.token, call)(*given, {"from": world.stranger})


def test_nothing_moves_while_it_is_paused(world):
    world.token.setPaused(True, {"from": world.deployer})
    with reverts_with("TokenPaused"):
        world.token.transfer(world.provider, 1, {"from": world.renter})
    with reverts_with("TokenPaused"):
        world.token.approve(world.provider, 1, {"from": world.renter})
    world.token.setPaused(False, {"from": world.deployer})
    world.token.transfer(world.provider, 1, {"from": world.renter})


@pytest.mark.parametrize("barred", ["renter", "provider"])
def test_a_barred_account_neither_sends_nor_receives(world, barred):
    account = getattr(world, barred)
    world.token.setBlacklisted(account, True, {"from": world.deployer})
    with reverts_with("Blacklisted", account):
        world.token.transfer(world.provider, 1, {"from": world.renter})
    with reverts_with("Blacklisted", account):
        world.token.approve(world.provider, 1, {"from": world.renter})


def test_a_permit_approves_once(world):
    fields = [("owner", "address"), ("spender", "address"), ("value", "uint256"), ("nonce", "uint256")]
    message = {"owner": world.renter.address, "spender": world.stranger.address, "value": 9, "nonce": 0}
    deadline = now() + HOUR
    signed = sign(world, world.renter, "Permit", [*fields, ("deadline", "uint256")], {**message, "deadline": deadline})
    r, s = signed.r.to_bytes(32), signed.s.to_bytes(32)
    call = [world.renter, world.stranger, 9, deadline, signed.v, r, s]
    world.token.permit(*call, {"from": world.stranger})
    assert world.token.allowance(world.renter, world.stranger) == 9
    with reverts_with("TokenInvalidSignature", world.renter):
        world.token.permit(*call, {"from": world.stranger})


def test_an_expired_permit_is_refused(world):
    with reverts_with("AuthorizationExpired", 1):
        world.token.permit(world.renter, world.stranger, 9, 1, 27, bytes(32), bytes(32), {"from": world.stranger})


def test_a_signed_transfer_moves_once_whoever_submits_it(world):
    call = authorize(world)
    world.token.transferWithAuthorization(*call, {"from": world.stranger})
    assert world.token.balanceOf(world.provider) == PENDING_TOKENS + 5 * USDC
    assert world.token.authorizationState(world.renter, NONCE)
    with reverts_with("AuthorizationUsed", world.renter, NONCE):
        world.token.transferWithAuthorization(*call, {"from": world.stranger})


def test_a_signed_transfer_for_the_payee_alone_is_refused_to_others(world):
    call = authorize(world, RECEIVE)
    with reverts_with("CallerNotPayee", world.stranger, world.provider):
        world.token.receiveWithAuthorization(*call, {"from": world.stranger})
    world.token.receiveWithAuthorization(*call, {"from": world.provider})
    assert world.token.balanceOf(world.provider) == PENDING_TOKENS + 5 * USDC


def test_one_kind_of_authorization_does_not_serve_as_the_other(world):
    with reverts_with("TokenInvalidSignature", world.renter):
        world.token.transferWithAuthorization(*authorize(world, RECEIVE), {"from": world.stranger})


def test_a_transfer_outside_its_time_is_refused(world):
    with reverts_with("AuthorizationNotYetValid", 2**40):
        world.token.transferWithAuthorization(*authorize(world, validAfter=2**40), {"from": world.stranger})
    with reverts_with("AuthorizationExpired", 1):
        world.token.transferWithAuthorization(*authorize(world, validBefore=1), {"from": world.stranger})


def test_a_transfer_signed_by_another_is_refused(world):
    with reverts_with("TokenInvalidSignature", world.renter):
        world.token.transferWithAuthorization(*authorize(world, signer=world.stranger), {"from": world.stranger})


def test_a_cancelled_authorization_cannot_be_used(world):
    fields = [("authorizer", "address"), ("nonce", "bytes32")]
    message = {"authorizer": world.renter.address, "nonce": NONCE}
    signed = sign(world, world.renter, "CancelAuthorization", fields, message)
    call = [world.renter, NONCE, bytes(signed.signature)]
    world.token.cancelAuthorization(*call, {"from": world.stranger})
    with reverts_with("AuthorizationUsed", world.renter, NONCE):
        world.token.transferWithAuthorization(*authorize(world), {"from": world.stranger})
    with reverts_with("AuthorizationUsed", world.renter, NONCE):
        world.token.cancelAuthorization(*call, {"from": world.stranger})
