"""Whose signature redeems a voucher: the authorizer's key, or the payer itself by key or by ERC-1271."""

import brownie
import pytest

from marketplace.protocol.vouchers import ChannelsDomain, compact_signature, pack_payouts
from tests.contracts.PaymentChannels.channels import DEPOSIT, NOBODY, malleated
from tests.contracts.world import project, reverts_with

BAD_SIGNATURE = 6
BURNING_GAS, ANSWERING_WITH_A_FLOOD, REVERTING_WITH_A_FLOOD, ANSWERING_SHORT, ANSWERING_WITH_MORE = range(5)
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
SIGNATURE_GAS = 250_000
DELEGATION = "0xef0100"
"""What the code of a key's account begins with once it delegates (EIP-7702); the delegate's address follows."""

FORGERIES = {
    "empty": lambda good: b"",
    "two bytes short": lambda good: good[:-2],
    "one byte long": lambda good: good + b"\x00",
    "half": lambda good: good[:32],
    "all zero, 65 bytes": lambda good: bytes(65),
    "all zero, 64 bytes": lambda good: bytes(64),
    "high s": malleated,
    "compact, high s": lambda good: compact_signature(good[:32] + (HALF_ORDER + 1).to_bytes(32) + good[64:]),
    "v of 0 or 1": lambda good: good[:64] + bytes([good[64] - 27]),
    "the other v": lambda good: good[:64] + bytes([55 - good[64]]),
    "compact, the other parity": lambda good: compact_signature(good[:64] + bytes([55 - good[64]])),
    "a flipped bit": lambda good: bytes([good[0] ^ 1]) + good[1:],
}


def refused(channels, claim):
    """Expects that a claim alone is refused for its signature."""
    with reverts_with("NothingRedeemed", channels.id(claim.config), BAD_SIGNATURE):
        channels.redeem(claim)


@pytest.fixture(params=["an authorizer", "no authorizer"])
def config(channels, request):
    """A channel of an EOA: its authorizer is a key of its own, or there is none and the payer signs."""
    return channels.open(payer_authorizer=channels.payers[1] if request.param == "an authorizer" else NOBODY)


def signer_of(channels, config):
    """Who signs for a channel of `config`."""
    return channels.payer if config.payer_authorizer == NOBODY else channels.payers[1]


@pytest.mark.parametrize("size", [64, 65])
def test_a_key_signs_in_64_or_65_bytes(channels, config, size):
    signature = channels.sign(channels.voucher(config, 100), signer_of(channels, config))
    signature = compact_signature(signature) if size == 64 else signature
    channels.redeem(channels.claim(config, 100, signature=signature))
    assert channels.earned() == 100


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_signature_is_refused(channels, config, forgery):
    good = channels.sign(channels.voucher(config, 100), signer_of(channels, config))
    refused(channels, channels.claim(config, 100, signature=FORGERIES[forgery](good)))


def test_a_compact_signature_in_the_list_holds_too(channels):
    """As somebody may pack it who does not know the words `r` and `vs`."""
    config = channels.open()
    signature = compact_signature(channels.sign(channels.voucher(config, 100), channels.payer))
    ((receiver, authorizer, [packed], _),) = pack_payouts([channels.claim(config, 100)])
    packed = (*packed[:4], bytes(32), bytes(32))
    channels.contract.redeem([(receiver, authorizer, [packed], [signature])], {"from": channels.payee})
    assert channels.earned() == 100


def test_a_place_outside_the_list_is_no_signature(channels):
    config = channels.open(payer_authorizer=NOBODY)
    ((receiver, authorizer, [packed], _),) = pack_payouts([channels.claim(config, 100, signer=channels.payer)])
    for place in (1, 2**256 - 1):
        item = (*packed[:4], bytes(32), place.to_bytes(32))
        with reverts_with("NothingRedeemed", channels.id(config), BAD_SIGNATURE):
            channels.contract.redeem([(receiver, authorizer, [item], [b""])], {"from": channels.payee})


def test_what_recovers_to_nobody_is_no_signature_of_a_channel_without_an_authorizer(channels):
    config = channels.open(payer_authorizer=NOBODY)
    ((receiver, authorizer, [packed], _),) = pack_payouts([channels.claim(config, 100, signer=channels.payer)])
    for r, vs in ((b"\xff" * 32, b"\xff" * 32), (b"\x01" * 32, b"\xff" * 32), (b"\xff" * 32, b"\x01" * 32)):
        with reverts_with("NothingRedeemed", channels.id(config), BAD_SIGNATURE):
            channels.contract.redeem([(receiver, authorizer, [(*packed[:4], r, vs)], [b""])], {"from": channels.payee})


def test_nobody_signs_for_another(channels, config):
    for signer in (channels.payee, channels.authorizer, channels.stranger):
        refused(channels, channels.claim(config, 100, signer=signer))


def test_where_there_is_an_authorizer_the_payer_does_not_sign(channels):
    refused(channels, channels.claim(channels.open(payer_authorizer=channels.payers[1]), 100, signer=channels.payer))


def test_a_voucher_of_another_amount_is_refused(channels):
    config = channels.open()
    refused(channels, channels.claim(config, 100, maximum=101, signature=channels.claim(config, 100).signature))


def test_a_voucher_of_another_channel_is_refused(channels):
    first, second = channels.open(), channels.open()
    refused(channels, channels.claim(second, 100, signature=channels.claim(first, 100).signature))


@pytest.mark.parametrize("elsewhere", ["another chain", "another contract", "the escrow's domain"])
def test_a_voucher_for_elsewhere_is_refused(channels, elsewhere):
    config = channels.open()
    domain = {
        "another chain": ChannelsDomain(1, channels.contract.address),
        "another contract": ChannelsDomain(channels.domain.chain_id, channels.world.escrow.address),
        "the escrow's domain": channels.world.domain,
    }[elsewhere]
    signature = channels.sign(channels.voucher(config, 100), channels.payer, domain)
    refused(channels, channels.claim(config, 100, signature=compact_signature(signature)))


# --- ERC-1271 ------------------------------------------------------------------------------------------------


@pytest.fixture
def account(channels):
    """A smart account of the stranger's that pays from a channel of its own."""
    return channels.stranger.deploy(project().SmartAccount, channels.stranger)


@pytest.mark.parametrize("shape", [lambda signature: signature, compact_signature], ids=["65", "64"])
def test_a_smart_account_signs_by_its_owner_as_it_sees_fit(channels, account, shape):
    config = channels.open(payer=account, payer_authorizer=NOBODY)
    signature = shape(channels.sign(channels.voucher(config, 100), channels.stranger))
    if len(signature) == 64:  # this account takes 65 bytes only: the contract passes on what it got
        return refused(channels, channels.claim(config, 100, signature=signature))
    channels.redeem(channels.claim(config, 100, signature=signature))
    assert channels.earned() == 100


def test_a_smart_account_refuses_the_signature_of_another(channels, account):
    config = channels.open(payer=account, payer_authorizer=NOBODY)
    signature = channels.sign(channels.voucher(config, 100), channels.payer)
    refused(channels, channels.claim(config, 100, signature=signature))


def test_a_smart_account_may_have_a_key_sign_for_it(channels, account):
    config = channels.open(payer=account, payer_authorizer=channels.payers[1])
    channels.redeem(channels.claim(config, 100))
    assert channels.earned() == 100


def test_an_authorizer_is_a_key_even_where_there_is_code(channels, account):
    """As x402 has it: a payer that is a contract names no authorizer."""
    config = channels.open(payer_authorizer=account)
    signature = channels.sign(channels.voucher(config, 100), channels.stranger)
    refused(channels, channels.claim(config, 100, signature=signature))


@pytest.mark.parametrize("side", ["payer", "authorizer of the payees"])
def test_what_a_key_signed_stays_good_when_its_account_gets_code(channels, side):
    """EIP-7702 lets a key's account answer ERC-1271 as it likes, or not at all; its key signs all the same."""
    config = channels.open(payer_authorizer=NOBODY)
    voucher = channels.claim(config, 100, signer=channels.payer)
    batch = channels.sign_batch(voucher)
    delegated = channels.payer if side == "payer" else channels.authorizer
    brownie.web3.provider.make_request(
        "evm_setAccountCode", [delegated.address, DELEGATION + channels.token.address[2:]]
    )
    channels.contract.redeemWithSignature(pack_payouts([voucher]), batch, {"from": channels.stranger})
    assert channels.earned() == 100


def test_a_contract_that_knows_no_erc_1271_cannot_sign(channels):
    config = channels.open(payer=channels.token, payer_authorizer=NOBODY)
    refused(channels, channels.claim(config, 100, signature=bytes(65)))


@pytest.mark.parametrize("way", range(5))
def test_an_account_that_misbehaves_stops_no_other_voucher_and_costs_a_bounded_amount(channels, way):
    hostile = channels.stranger.deploy(project().SignerMisbehaving, way)
    theirs = channels.open(payer=hostile, payer_authorizer=NOBODY)
    first, last = channels.open(), channels.open()
    tx = channels.redeem(
        channels.claim(first, 100),
        channels.claim(theirs, 100, signature=bytes(65)),
        channels.claim(last, 200),
    )
    assert channels.skipped(tx) == [(channels.id(theirs), BAD_SIGNATURE)] or way == ANSWERING_WITH_A_FLOOD
    assert channels.earned() == 300 + (100 if way == ANSWERING_WITH_A_FLOOD else 0)
    assert tx.gas_used < SIGNATURE_GAS + 120_000


def test_many_accounts_that_burn_gas_cost_each_its_allowance_and_no_more(channels):
    hostile = channels.stranger.deploy(project().SignerMisbehaving, BURNING_GAS)
    theirs = [channels.open(payer=hostile, payer_authorizer=NOBODY) for _ in range(4)]
    tx = channels.redeem(
        *[channels.claim(config, 100, signature=bytes(65)) for config in theirs], channels.claim(channels.open(), 1)
    )
    assert len(channels.skipped(tx)) == 4
    assert tx.gas_used < 4 * (SIGNATURE_GAS + 20_000) + 60_000


def test_a_signature_is_never_judged_for_want_of_gas(channels, account):
    """Somebody who relays a batch could otherwise have an honest account's voucher passed over."""
    config = channels.open(payer=account, payer_authorizer=NOBODY)
    signature = channels.sign(channels.voucher(config, 100), channels.stranger)
    payouts = pack_payouts([channels.claim(config, 100, signature=signature)])
    with reverts_with("GasTooLow", ..., SIGNATURE_GAS * 64 // 63 + 5_000):
        channels.contract.redeem(payouts, {"from": channels.payee, "gas_limit": 250_000})
    channels.contract.redeem(payouts, {"from": channels.payee, "gas_limit": 400_000})
    assert channels.state(config)["claimed"] == 100 <= DEPOSIT


def test_a_bad_voucher_of_a_key_needs_no_gas_for_an_account(channels):
    """There is no account to ask: the others of its batch are redeemed with what gas there is."""
    good, bad = channels.open(), channels.open(payer_authorizer=NOBODY)
    payouts = pack_payouts([channels.claim(good, 100), channels.claim(bad, 100, signature=bytes(65))])
    tx = channels.contract.redeem(payouts, {"from": channels.payee, "gas_limit": 250_000})
    assert len(channels.skipped(tx)) == 1
    assert (channels.state(good)["claimed"], channels.state(bad)["claimed"]) == (100, 0)
