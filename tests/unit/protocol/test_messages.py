"""Signed messages: one declaration yields the JSON form, the EIP-712 digest and the signature rules."""

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from marketplace.errors import InvalidSignature, MalformedMessage
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.messages import (
    SIGNED_MESSAGES,
    Bid,
    Cancel,
    Verdict,
    VerdictBatch,
    pack_outcomes,
    require_signed_by,
)

KEY = "0x" + "11" * 32
SIGNER = Account.from_key(KEY).address
DOMAIN = Domain(1337, "0x00000000000000000000000000000000000000AA")
HALF_ORDER_TIMES_TWO = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

_SINGLE = {
    "address": st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()),
    "bytes32": st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex()),
    "int32": st.integers(-(2**31), 2**31 - 1),
    **{f"uint{bits}": st.integers(0, 2**bits - 1) for bits in (8, 16, 32, 40, 48, 64, 256)},
}
_VALUES = _SINGLE | {f"{kind}[]": st.lists(values, max_size=4).map(tuple) for kind, values in _SINGLE.items()}


def messages_of(cls):
    """Random valid messages of a class."""
    return st.fixed_dictionaries({name: _VALUES[kind] for name, kind in cls.solidity_fields()}).map(cls.model_validate)


any_message = st.sampled_from(SIGNED_MESSAGES).flatmap(messages_of)


@given(any_message)
def test_struct_hash_equals_the_one_of_an_independent_eip712_implementation(message):
    document = message.typed_data(DOMAIN)
    signable = encode_typed_data(full_message=document)
    assert "0x" + signable.body.hex() == message.struct_hash()
    assert signable.header == DOMAIN.separator()


@given(any_message)
def test_json_form_loses_nothing(message):
    assert type(message).parse(message.to_json()) == message


@given(any_message)
def test_only_the_signer_over_the_same_message_and_domain_is_recovered(message):
    signature = message.sign(DOMAIN, KEY)
    assert message.recover(DOMAIN, signature) == SIGNER
    assert message.recover(Domain(1, DOMAIN.escrow), signature) != SIGNER
    assert message.recover(Domain(1337, "0x" + "00" * 19 + "bb"), signature) != SIGNER


def test_wide_integers_travel_as_decimal_strings_and_narrow_ones_as_numbers():
    verdict = Verdict(lease_id="0x" + "ab" * 32, outcome=1, pay=2**64 - 1, result_digest="0x" + "cd" * 32).to_json()
    assert (verdict["pay"], verdict["outcome"]) == (str(2**64 - 1), 1)
    document = Cancel(signer=SIGNER, kind=1, salt=2**48 - 1).to_json()
    assert document == {"signer": SIGNER, "kind": 1, "salt": 2**48 - 1}


def _bid_document() -> dict:
    return {
        "renter": SIGNER, "market": SIGNER, "jobDigest": "0x" + "ab" * 32, "gpus": 0, "vcpus": 1, "memoryMb": 256,
        "durationSeconds": 60, "fuel": "1000000000", "egressMb": 1, "maxPrice": "5000", "replicas": 1,
        "verification": 0, "settlement": 0, "deadline": 2_000_000_000, "validUntil": 2_000_000_000, "salt": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("maxPrice", -1, "greater than or equal"),
        ("maxPrice", str(2**64), "less than or equal"),
        ("maxPrice", 1.5, "integer or a decimal string"),
        ("maxPrice", True, "integer or a decimal string"),
        ("maxPrice", "0x10", "integer or a decimal string"),
        ("replicas", 256, "less than or equal"),
        ("renter", "0x12", "expected an address"),
        ("renter", SIGNER[:-1] + ("A" if SIGNER[-1] != "A" else "B"), "checksum"),
        ("jobDigest", "0x12", "expected 32 bytes"),
        ("jobDigest", "0x" + "zz" * 32, "hex"),
        ("surprise", 1, "Extra inputs"),
    ],
)
def test_malformed_field_is_refused_by_name(field, value, problem):
    with pytest.raises(MalformedMessage) as caught:
        Bid.parse(_bid_document() | {field: value})
    assert field in str(caught.value)
    assert problem in str(caught.value)


def test_missing_field_is_refused_by_name():
    document = _bid_document()
    del document["salt"]
    with pytest.raises(MalformedMessage, match=r"Bid\.salt"):
        Bid.parse(document)


@pytest.mark.parametrize("signature", ["", "0x", "0x12", "zz" * 65, "0x" + "00" * 64, "0x" + "ff" * 65])
def test_signature_that_is_not_65_canonical_bytes_is_refused(signature):
    with pytest.raises(InvalidSignature):
        Bid.parse(_bid_document()).recover(DOMAIN, signature)


def test_high_s_twin_of_a_valid_signature_is_refused():
    message = Bid.parse(_bid_document())
    raw = bytes.fromhex(message.sign(DOMAIN, KEY)[2:])
    twin = raw[:32] + (HALF_ORDER_TIMES_TWO - int.from_bytes(raw[32:64])).to_bytes(32) + bytes([55 - raw[64]])
    with pytest.raises(InvalidSignature, match="low s"):
        message.recover(DOMAIN, "0x" + twin.hex())


def test_signature_by_another_account_is_refused_with_both_named():
    message = Bid.parse(_bid_document())
    with pytest.raises(InvalidSignature) as caught:
        require_signed_by(message, SIGNER, DOMAIN, message.sign(DOMAIN, "0x" + "22" * 32))
    assert SIGNER in str(caught.value)


@given(st.lists(messages_of(Verdict), max_size=7))
def test_batch_packs_three_verdicts_a_word_and_loses_neither_pay_nor_outcome(verdicts):
    batch = VerdictBatch.of(verdicts)
    assert len(batch.outcomes) == -(-len(verdicts) // 3)
    singles = [batch.outcomes[place // 3] >> 80 * (place % 3) for place in range(len(verdicts))]
    assert [(word & 2**64 - 1, word >> 64 & 0xFF) for word in singles] == [(one.pay, one.outcome) for one in verdicts]
    assert batch.outcomes == pack_outcomes(verdicts)
    assert batch.lease_ids == tuple(one.lease_id for one in verdicts)
    assert batch.result_digests == tuple(one.result_digest for one in verdicts)
