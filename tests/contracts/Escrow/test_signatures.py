"""Whose signature moves money and whose does not: orders, receipts and cancels; EOAs and ERC-1271 accounts."""

import brownie
import pytest

from marketplace.protocol.eip712 import Domain
from tests.contracts.world import FREE, PRICE, ROUND, USDC, project, reverts_with

ORDER_OF_SECP256K1 = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def malleated(signature: bytes) -> bytes:
    """The other signature of the same key over the same message: s negated, v flipped."""
    high_s = ORDER_OF_SECP256K1 - int.from_bytes(signature[32:64])
    return signature[:32] + high_s.to_bytes(32) + bytes([55 - signature[64]])


FORGERIES = {
    "empty": lambda good: b"",
    "one byte short": lambda good: good[:-1],
    "one byte long": lambda good: good + b"\x00",
    "compact (EIP-2098)": lambda good: good[:32] + bytes([good[32] | (good[64] - 27) << 7]) + good[33:64],
    "all zero": lambda good: bytes(65),
    "high s": malleated,
    "v of 0 or 1": lambda good: good[:64] + bytes([good[64] - 27]),
    "a flipped bit": lambda good: bytes([good[0] ^ 1]) + good[1:],
}


def replaced(match: tuple, index: int, signature: bytes) -> tuple:
    """A match with another signature: of the bid (index 1) or of the ask (index 3)."""
    return (*match[:index], signature, *match[index + 1 :])


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("index, party", [(1, "renter"), (3, "provider")])
def test_open_refuses_a_forged_signature(world, forgery, index, party):
    match = world.match(world.bid(), world.ask())
    with reverts_with("InvalidSignature", getattr(world, party)):
        world.escrow.open([replaced(match, index, FORGERIES[forgery](match[index]))], ROUND, {"from": world.operator})


def test_invariant_4_the_market_cannot_sign_for_a_renter(world):
    with reverts_with("InvalidSignature", world.renter):
        bid, ask = world.bid(), world.ask()
        world.escrow.open(
            [world.match(bid, ask, signers=(world.operator, world.provider))], ROUND, {"from": world.operator}
        )


@pytest.mark.parametrize(
    "field, value",
    [("max_price", 900_000), ("replicas", 2), ("salt", 99), ("job_digest", "0x" + "33" * 32), ("fuel", 1)],
)
def test_invariant_4_a_bid_cannot_be_altered_after_it_was_signed(world, field, value):
    bid, ask = world.bid(), world.ask()
    altered = bid.model_copy(update={field: value})
    forged = (altered.as_tuple(), world.sign(bid, world.renter), ask.as_tuple(), world.sign(ask, world.provider), PRICE)
    with reverts_with("InvalidSignature", world.renter):
        world.escrow.open([forged], ROUND, {"from": world.operator})


def test_the_signature_of_one_order_does_not_serve_another_order_of_the_same_signer(world):
    first, second, ask = world.bid(), world.bid(), world.ask()
    with reverts_with("InvalidSignature", world.renter):
        match = world.match(second, ask)
        world.escrow.open([replaced(match, 1, world.sign(first, world.renter))], ROUND, {"from": world.operator})


@pytest.mark.parametrize("index, party", [(1, "renter"), (3, "provider")])
@pytest.mark.parametrize("elsewhere", ["another chain", "another escrow"])
def test_an_order_signed_for_elsewhere_is_worthless_here(world, elsewhere, index, party):
    domain = Domain(1, world.escrow.address)
    if elsewhere == "another escrow":
        domain = Domain(world.domain.chain_id, world.stake.address)
    bid, ask = world.bid(), world.ask()
    signature = world.sign((bid, ask)[index // 2], getattr(world, party), domain)
    with reverts_with("InvalidSignature", getattr(world, party)):
        world.escrow.open([replaced(world.match(bid, ask), index, signature)], ROUND, {"from": world.operator})


def test_a_signature_in_the_name_of_the_zero_address_is_refused(world):
    bid = world.bid("0x" + "00" * 20, max_price=0)
    ask = world.ask()
    match = (bid.as_tuple(), bytes(65), ask.as_tuple(), world.sign(ask, world.provider), PRICE)
    with reverts_with("InvalidSignature", "0x" + "00" * 20):
        world.escrow.open([match], ROUND, {"from": world.operator})


# --- ERC-1271 ------------------------------------------------------------------------------------------------


@pytest.fixture
def smart_account(world):
    """A smart account of the stranger with money in escrow and in stake, both moved by its own calls."""
    account = world.stranger.deploy(project().SmartAccount, world.stranger)
    world.token.mint(account, 20 * USDC, {"from": world.deployer})
    for target, call in [
        (world.token, world.token.approve.encode_input(world.escrow, 10 * USDC)),
        (world.token, world.token.approve.encode_input(world.stake, 10 * USDC)),
        (world.escrow, world.escrow.deposit.encode_input(10 * USDC)),
        (world.stake, world.stake.stake.encode_input(10 * USDC)),
    ]:
        account.execute(target, call, {"from": world.stranger})
    return account


def test_a_smart_account_rents_with_its_owners_signature(world, smart_account):
    bid, ask = world.bid(smart_account), world.ask()
    match = world.match(bid, ask, signers=(world.stranger, world.provider))
    world.escrow.open([match], ROUND, {"from": world.operator})
    assert world.escrow.free(smart_account) == 10 * USDC - PRICE


def test_a_smart_account_provides_with_its_owners_signature(world, smart_account):
    bid, ask = world.bid(), world.ask(smart_account)
    match = world.match(bid, ask, signers=(world.renter, world.stranger))
    world.escrow.open([match], ROUND, {"from": world.operator})
    assert world.bond(smart_account)["locked"] == PRICE


def test_a_smart_account_refuses_the_signature_of_another(world, smart_account):
    bid, ask = world.bid(smart_account), world.ask()
    with reverts_with("InvalidSignature", smart_account):
        match = world.match(bid, ask, signers=(world.renter, world.provider))
        world.escrow.open([match], ROUND, {"from": world.operator})


def test_a_contract_that_knows_no_erc_1271_cannot_be_a_renter(world):
    bid, ask = world.bid(world.token), world.ask()
    with reverts_with("InvalidSignature", world.token):
        match = world.match(bid, ask, signers=(world.stranger, world.provider))
        world.escrow.open([match], ROUND, {"from": world.operator})


def test_a_smart_account_cancels_by_signature(world, smart_account):
    message = world.cancel_message(smart_account, 5)
    world.escrow.cancelFor(message.as_tuple(), world.sign(message, world.stranger), {"from": world.operator})
    assert world.escrow.isCancelled(smart_account, 5)


def test_only_its_owner_moves_a_smart_account(world, smart_account):
    with reverts_with("NotAccountOwner", world.renter):
        smart_account.execute(world.escrow, b"", {"from": world.renter})
    with reverts_with("InsufficientBalance", smart_account, 10 * USDC, FREE):
        smart_account.execute(world.escrow, world.escrow.withdraw.encode_input(FREE), {"from": world.stranger})


# --- the domain ----------------------------------------------------------------------------------------------


def test_the_domain_is_the_one_python_signs_for(world):
    assert world.escrow.domainSeparator() == "0x" + world.domain.separator().hex()
    described = world.escrow.eip712Domain()
    assert tuple(described)[:5] == ("0x0f", "ComputeHive", "1", brownie.chain.id, world.escrow.address)
