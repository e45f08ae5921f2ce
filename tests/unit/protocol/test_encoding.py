"""Words, checksums and recovered accounts are those of the libraries that others use."""

import pytest
from eth_abi import encode
from eth_account import Account
from eth_utils import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.encoding import checksum, recover_account, word_encoder

ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
UNSIGNED = st.sampled_from((8, 16, 32, 40, 48, 64, 128, 256)).flatmap(
    lambda bits: st.tuples(st.just(f"uint{bits}"), st.integers(0, 2**bits - 1))
)
SIGNED = st.tuples(st.just("int32"), st.integers(-(2**31), 2**31 - 1))
OTHERS = st.one_of(st.tuples(st.just("bool"), st.booleans()), st.tuples(st.just("address"), ADDRESSES))


@given(st.one_of(UNSIGNED, SIGNED, OTHERS))
def test_a_word_is_the_one_of_the_contract_abi(case):
    kind, value = case
    assert word_encoder(kind)(value) == encode([kind], [value])


@pytest.mark.parametrize(("kind", "value"), [("uint8", 256), ("uint64", 2**64), ("uint16", -1), ("int32", 2**31)])
def test_a_number_that_its_type_cannot_hold_has_no_word(kind, value):
    with pytest.raises(OverflowError):
        word_encoder(kind)(value)


@given(ADDRESSES)
def test_a_checksum_is_that_of_eip_55_whatever_case_was_given(address):
    assert checksum(address) == checksum("0x" + address[2:].upper()) == to_checksum_address(address)


@given(st.binary(min_size=32, max_size=32), st.integers(1, 2**128))
def test_the_account_that_is_recovered_is_the_signers(digest, secret):
    key = Account.from_key(secret.to_bytes(32))
    signature = bytes(key.unsafe_sign_hash(digest).signature)
    assert checksum("0x" + recover_account(digest, signature).hex()) == key.address
