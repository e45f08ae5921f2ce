"""Vouchers: what x402's own code signs, we sign; and how they are packed for the contract."""

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from marketplace.errors import InvalidSignature, MalformedMessage
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.vouchers import (
    CHANNEL_MESSAGES,
    ChannelConfig,
    ChannelsDomain,
    Claim,
    Refund,
    Voucher,
    build_claim_batch,
    compact_signature,
    compute_deposit_nonce,
    pack_payouts,
)

PAYER_KEY, AUTHORIZER_KEY = "0x" + "11" * 32, "0x" + "22" * 32
PAYER, AUTHORIZER = (Account.from_key(key).address for key in (PAYER_KEY, AUTHORIZER_KEY))
NOBODY = "0x" + "00" * 20
DOMAIN = ChannelsDomain(8453, "0x00000000000000000000000000000000000000AA")
CONFIG = ChannelConfig(
    payer=PAYER,
    payer_authorizer=PAYER,
    receiver="0x00000000000000000000000000000000000000b0",
    receiver_authorizer=AUTHORIZER,
    token="0x00000000000000000000000000000000000000C0",
    withdraw_delay=86_400,
    salt="0x" + "07" * 32,
)

X402 = {
    "voucher": "0x49d191af7d6f730e4084d347ae12a5b8bdcab5220cf81277b1cef6ce58e373600890e43c960b456356d90f3b5fa6"
    "c6c8715ae74b2ef9767e02d73de9fda00e1e1b",
    "batch": "0xb13a38732628fc682a410743cc1d274c594a10bad6e5b0fa8a20122a9ee66f6452ab5c7f6cf124e2bf2263d51fee88"
    "4afbfa7ada54e51b73afc8ef3b52a020751c",
    "refund": "0xc630f85e3717930bada3e176f5c48548a778760ad125af173248bb27131b0b2f3e6b4a9aedd7eff3f725a4df0a93"
    "0b9312d893fbbe577b395975ebb95741061b1b",
    "deposit": "0x6d136154476ce199e91fb2bf178042a53314580f7b69320b1a2e4e4ce9270fd71fde05844ee3489fb2dbc8e593d6"
    "1e6f09c694bec7da7b74d7068ab6f3f5cce91c",
}
"""Made by the code of PyPI's x402 2.25.0 (`sign_voucher`, `sign_claim_batch`, `sign_refund` and
`create_batch_settlement_eip3009_deposit_payload`), with DOMAIN's address in place of x402's own. Signatures are
deterministic (RFC 6979), so equal signatures mean equal digests, channel ids and nonces."""


def voucher(amount: int = 1_234_567) -> Voucher:
    return Voucher(channel_id=CONFIG.channel_id(DOMAIN), max_claimable_amount=amount)


def test_a_voucher_is_signed_as_x402_signs_it():
    assert voucher().sign(DOMAIN, PAYER_KEY) == X402["voucher"]
    assert voucher().recover(DOMAIN, X402["voucher"]) == PAYER


def test_a_batch_of_claims_is_signed_as_x402_signs_it():
    claim = Claim(CONFIG, 1_234_567, b"", 1_000_000)
    assert build_claim_batch([claim], DOMAIN).sign(DOMAIN, AUTHORIZER_KEY) == X402["batch"]


def test_a_refund_is_signed_as_x402_signs_it():
    refund = Refund(channel_id=CONFIG.channel_id(DOMAIN), nonce=3, amount=5_000)
    assert refund.sign(DOMAIN, AUTHORIZER_KEY) == X402["refund"]


def test_a_deposit_is_bound_to_its_channel_as_x402_binds_it():
    fields = "from address,to address,value uint256,validAfter uint256,validBefore uint256,nonce bytes32"
    types = [dict(zip(("name", "type"), field.split(), strict=True)) for field in fields.split(",")]
    nonce = compute_deposit_nonce(CONFIG.channel_id(DOMAIN), int.from_bytes(b"\x09" * 32))
    signable = encode_typed_data(
        {"name": "USD Coin", "version": "2", "chainId": 8453, "verifyingContract": CONFIG.token},
        {"ReceiveWithAuthorization": types},
        {
            "from": PAYER,
            "to": DOMAIN.escrow,
            "value": 10_000_000,
            "validAfter": 0,
            "validBefore": 1_700_003_600,
            "nonce": bytes.fromhex(nonce[2:]),
        },
    )
    assert "0x" + bytes(Account.sign_message(signable, PAYER_KEY).signature).hex() == X402["deposit"]


def test_the_domain_is_x402s_and_not_the_escrows():
    assert DOMAIN.as_json()["name"] == "x402 Batch Settlement"
    assert DOMAIN.as_json()["version"] == "1"
    escrow = Domain(DOMAIN.chain_id, DOMAIN.escrow)
    assert escrow.as_json()["name"] == "ComputeHive"
    assert DOMAIN.separator() != escrow.separator()
    assert voucher().recover(escrow, X402["voucher"]) != PAYER


@pytest.mark.parametrize("message", CHANNEL_MESSAGES, ids=lambda message: message.__name__)
def test_a_wallet_hashes_what_we_hash(message):
    claim = Claim(CONFIG, 2**128 - 1, b"", 1)
    batch = build_claim_batch([claim, claim], DOMAIN)
    refund = Refund(channel_id=CONFIG.channel_id(DOMAIN), nonce=2**256 - 1, amount=2**128 - 1)
    example = {type(each): each for each in (CONFIG, voucher(), refund, batch.claims[0], batch)}[message]
    document = example.typed_data(DOMAIN)
    assert encode_typed_data(full_message=document).body.hex() == example.struct_hash()[2:]
    assert message.parse(example.to_json()) == example


def test_an_amount_beyond_128_bits_is_refused():
    with pytest.raises(MalformedMessage, match="maxClaimableAmount"):
        Voucher.parse({"channelId": "0x" + "07" * 32, "maxClaimableAmount": str(2**128)})


def test_a_compact_signature_holds_both_parities():
    seen = set()
    for amount in range(8):
        signature = bytes.fromhex(voucher(amount).sign(DOMAIN, PAYER_KEY)[2:])
        compact = compact_signature(signature)
        assert compact[:32] == signature[:32] and compact[32] >> 7 == signature[64] - 27
        assert bytes([compact[32] & 0x7F]) + compact[33:] == signature[32:64]
        seen.add(signature[64])
    assert seen == {27, 28}


def test_a_signature_in_another_form_is_refused_by_recover():
    with pytest.raises(InvalidSignature):
        voucher().recover(DOMAIN, "0x" + compact_signature(bytes.fromhex(X402["voucher"][2:])).hex())


# --- packing -------------------------------------------------------------------------------------------------


def test_claims_are_packed_into_words():
    signature = compact_signature(bytes.fromhex(X402["voucher"][2:]))
    ((receiver, authorizer, [packed], long),) = pack_payouts([Claim(CONFIG, 1_234_567, signature, 1_000_000)])
    assert (receiver, authorizer, long) == (CONFIG.receiver, AUTHORIZER, [])
    payer, signer, salt, maximum, r, vs = packed
    assert (payer >> 96, payer & (2**96 - 1)) == (int(PAYER, 16), 86_400)
    assert (signer >> 96, signer & (2**96 - 1)) == (int(PAYER, 16), 1_000_000)
    assert (salt, maximum, r + vs) == (b"\x07" * 32, 1_234_567, signature)


def test_signatures_that_are_no_compact_one_of_an_authorizer_go_into_the_list():
    by_payer = CONFIG.model_copy(update={"payer_authorizer": NOBODY})
    claims = [
        Claim(CONFIG, 1, b"\x01" * 65, 1),
        Claim(CONFIG, 1, b"\x02" * 64, 1),
        Claim(by_payer, 1, b"\x03" * 64, 1),
        Claim(CONFIG, 1, bytes(64), 1),
        Claim(by_payer, 1, b"", 1),
    ]
    ((_, _, packed, long),) = pack_payouts(claims)
    assert long == [b"\x01" * 65, b"\x03" * 64, bytes(64), b""]
    places = [(item[4], int.from_bytes(item[5])) for item in packed]
    assert places[1] == (b"\x02" * 32, int.from_bytes(b"\x02" * 32))
    assert [place for index, place in enumerate(places) if index != 1] == [(bytes(32), index) for index in range(4)]


def test_claims_are_grouped_by_payee_and_authorizer_in_the_order_of_their_batch():
    other = CONFIG.model_copy(update={"receiver": "0x00000000000000000000000000000000000000B1"})
    third = CONFIG.model_copy(update={"receiver_authorizer": PAYER})
    claims = [Claim(config, 9, b"", total) for total, config in enumerate([CONFIG, other, CONFIG, third, other])]
    payouts = pack_payouts(claims)
    assert [(receiver, authorizer) for receiver, authorizer, _, _ in payouts] == [
        (CONFIG.receiver, AUTHORIZER),
        (other.receiver, AUTHORIZER),
        (CONFIG.receiver, PAYER),
    ]
    totals = [item[1] & (2**64 - 1) for _, _, items, _ in payouts for item in items]
    assert totals == [entry.total_claimed for entry in build_claim_batch(claims, DOMAIN).claims] == [0, 2, 1, 4, 3]
