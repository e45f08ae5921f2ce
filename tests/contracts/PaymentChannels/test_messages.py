"""Python, Solidity and x402's `batch-settlement` scheme agree on what is signed, byte for byte."""

import brownie
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.vouchers import (
    MAX_WITHDRAW_DELAY,
    MIN_WITHDRAW_DELAY,
    ChannelConfig,
    Refund,
    Voucher,
    build_claim_batch,
    compact_signature,
    pack_payouts,
)
from tests.contracts.PaymentChannels.channels import DAY
from tests.contracts.world import keys_by_address

X402_TYPES = {
    "ChannelConfig": [
        {"name": "payer", "type": "address"},
        {"name": "payerAuthorizer", "type": "address"},
        {"name": "receiver", "type": "address"},
        {"name": "receiverAuthorizer", "type": "address"},
        {"name": "token", "type": "address"},
        {"name": "withdrawDelay", "type": "uint40"},
        {"name": "salt", "type": "bytes32"},
    ],
    "Voucher": [{"name": "channelId", "type": "bytes32"}, {"name": "maxClaimableAmount", "type": "uint128"}],
    "Refund": [
        {"name": "channelId", "type": "bytes32"},
        {"name": "nonce", "type": "uint256"},
        {"name": "amount", "type": "uint128"},
    ],
}
"""As x402's specification and its PyPI package 2.25.0 have them (scheme_batch_settlement_evm.md). The package itself is
not installed here; tests/unit/protocol/test_vouchers.py holds signatures that it made."""

words = st.binary(min_size=32, max_size=32)
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
amounts = st.integers(0, 2**128 - 1)


def as_x402_signs(channels, kind, message):
    """The message that an x402 client signs, for the contract at our address instead of its own."""
    domain = {
        "name": "x402 Batch Settlement",
        "version": "1",
        "chainId": brownie.chain.id,
        "verifyingContract": channels.contract.address,
    }
    return encode_typed_data(domain, {kind: X402_TYPES[kind]}, message)


def digest_of(signable):
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def test_the_domain_is_the_one_python_signs_for(channels):
    described = tuple(channels.contract.eip712Domain())
    assert described[:5] == ("0x0f", "x402 Batch Settlement", "1", brownie.chain.id, channels.contract.address)


def test_the_bounds_of_the_window_are_those_of_python(channels):
    assert channels.contract.MIN_DELAY() == MIN_WITHDRAW_DELAY
    assert channels.contract.MAX_DELAY() == MAX_WITHDRAW_DELAY


def test_channel_ids_agree(channels):
    @given(st.tuples(addresses, addresses, addresses, addresses, addresses, st.integers(0, 2**40 - 1), words))
    def check(values):
        config = ChannelConfig(**dict(zip(ChannelConfig.model_fields, values, strict=True)))
        channel_id = channels.id(config)
        assert str(channels.contract.getChannelId(config.as_tuple())) == channel_id
        named = dict(zip((name for name, _ in ChannelConfig.solidity_fields()), config.as_tuple(), strict=True))
        assert "0x" + digest_of(as_x402_signs(channels, "ChannelConfig", named)).hex() == channel_id

    check()


def test_vouchers_and_refunds_agree(channels):
    @given(words, amounts, st.integers(0, 2**256 - 1))
    def check(channel_id, amount, nonce):
        voucher = Voucher(channel_id=channel_id, max_claimable_amount=amount)
        refund = Refund(channel_id=channel_id, nonce=nonce, amount=amount)
        contract = channels.contract
        assert str(contract.getVoucherDigest(channel_id, amount)) == voucher.digest(channels.domain)
        assert str(contract.getRefundDigest(channel_id, nonce, amount)) == refund.digest(channels.domain)
        for message in (voucher, refund):
            named = dict(zip((name for name, _ in message.solidity_fields()), message.as_tuple(), strict=True))
            theirs = digest_of(as_x402_signs(channels, type(message).__name__, named))
            assert "0x" + theirs.hex() == message.digest(channels.domain)

    check()


def test_batches_of_claims_agree(channels):
    configs = [channels.config(receiver=payee) for payee in (*channels.payees, *channels.payees)]
    for count in range(len(configs) + 1):
        claims = [channels.claim(config, 10 + count, maximum=20 + count) for config in configs[:count]]
        batch = build_claim_batch(claims, channels.domain)
        digest = channels.contract.getClaimBatchDigest(pack_payouts(claims))
        assert str(digest) == batch.digest(channels.domain)


def test_an_x402_clients_voucher_is_redeemed(channels):
    """Terms as a client builds them from a 402 response, a voucher as it signs it: x402's types throughout."""
    named = {
        "payer": channels.payer.address,
        "payerAuthorizer": channels.payer.address,
        "receiver": channels.payee.address,
        "receiverAuthorizer": channels.authorizer.address,
        "token": channels.token.address,
        "withdrawDelay": DAY,
        "salt": bytes(31) + b"\x01",
    }
    channel_id = digest_of(as_x402_signs(channels, "ChannelConfig", named))
    voucher = as_x402_signs(channels, "Voucher", {"channelId": channel_id, "maxClaimableAmount": 1_000})
    signed = Account.sign_message(voucher, keys_by_address()[channels.payer.address])
    config = ChannelConfig.parse({**named, "salt": "0x" + named["salt"].hex()})
    channels.open(config)
    channels.redeem(channels.claim(config, 700, maximum=1_000, signature=compact_signature(bytes(signed.signature))))
    assert channels.earned() == 700
    assert tuple(channels.contract.channels(channel_id)) == (channels.state(config)["balance"], 700)
