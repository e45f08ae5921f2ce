"""The words to write tests about payment channels in."""

from itertools import count
from typing import Any

import brownie
from eth_account import Account
from eth_account.messages import encode_typed_data

from marketplace.protocol.eip712 import TypedMessage
from marketplace.protocol.vouchers import (
    ChannelConfig,
    ChannelsDomain,
    Claim,
    Voucher,
    build_claim_batch,
    compact_signature,
    pack_payouts,
)
from tests.contracts.world import UINT256_MAX, World, address_of, keys_by_address

DAY = 24 * 3600
DEPOSIT = 10_000_000
"""What a channel is opened with unless a test says otherwise, micro-USDC."""
NOBODY = "0x" + "00" * 20
EMPTY = {"balance": 0, "claimed": 0, "amount": 0, "since": 0, "nonce": 0}
ORDER_OF_SECP256K1 = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Channels:
    """The contract, and who plays whom: `payer` pays `payee`; `authorizer` may redeem and refund for the payees."""

    def __init__(self, world: World, contract: Any = None):
        self.world = world
        self.contract = contract or world.contracts["PaymentChannels"]
        self.token = world.token
        self.domain = ChannelsDomain(brownie.chain.id, self.contract.address)
        self.payers, self.payees = world.renters, world.providers[:2]
        self.payer, self.payee, self.authorizer = self.payers[0], self.payees[0], world.operator
        self.stranger = world.stranger
        self.salts = count(1)
        for payer in self.payers:
            self.token.approve(self.contract, UINT256_MAX, {"from": payer})

    # --- terms and money in --------------------------------------------------------------------------------

    def config(self, **changes: Any) -> ChannelConfig:
        """Terms between payer and payee; the payer's own key signs, a day to redeem once it closes."""
        values = {
            "payer": self.payer.address,
            "payer_authorizer": self.payer.address,
            "receiver": self.payee.address,
            "receiver_authorizer": self.authorizer.address,
            "token": self.token.address,
            "withdraw_delay": DAY,
            "salt": next(self.salts).to_bytes(32),
        }
        if "payer" in changes:
            values["payer_authorizer"] = address_of(changes["payer"])
        return ChannelConfig(**{**values, **{name: address_of(value) for name, value in changes.items()}})

    def open(self, config: ChannelConfig | None = None, amount: int = DEPOSIT, **changes: Any) -> ChannelConfig:
        """A channel with money in it: `payer`'s, whoever the terms name."""
        config = config or self.config(**changes)
        self.contract.deposit(config.as_tuple(), amount, {"from": self.payer})
        return config

    # --- vouchers ------------------------------------------------------------------------------------------

    def id(self, config: ChannelConfig) -> str:
        """The id of the channel with these terms."""
        return config.channel_id(self.domain)

    def sign(self, message: TypedMessage, signer: Any, domain: ChannelsDomain | None = None) -> bytes:
        """65 bytes by the key of `signer`."""
        key = keys_by_address()[address_of(signer)]
        return bytes.fromhex(message.sign(domain or self.domain, key)[2:])

    def voucher(self, config: ChannelConfig, amount: int) -> Voucher:
        """An unsigned voucher."""
        return Voucher(channel_id=self.id(config), max_claimable_amount=amount)

    def claim(
        self,
        config: ChannelConfig,
        total: int,
        *,
        maximum: int | None = None,
        signer: Any = None,
        signature: bytes | None = None,
    ) -> Claim:
        """A voucher over `maximum`, of which the payee takes `total`; signed compactly by the terms' authorizer."""
        maximum = total if maximum is None else maximum
        if signature is None:
            signed = self.sign(self.voucher(config, maximum), signer or config.payer_authorizer)
            signature = compact_signature(signed)
        return Claim(config, maximum, signature, total)

    def redeem(self, *claims: Claim, sender: Any = None) -> Any:
        """Redeem as the authorizer of all payees, or as `sender`."""
        return self.contract.redeem(pack_payouts(claims), {"from": sender or self.authorizer})

    def sign_batch(self, *claims: Claim, signer: Any = None) -> bytes:
        """The authorizer's signature over a batch."""
        return self.sign(build_claim_batch(claims, self.domain), signer or self.authorizer)

    # --- what is -------------------------------------------------------------------------------------------

    def state(self, config: ChannelConfig) -> dict[str, int]:
        """A channel as the views show it."""
        channel_id = self.id(config)
        balance, claimed = self.contract.channels(channel_id)
        amount, since = self.contract.pendingWithdrawals(channel_id)
        nonce = self.contract.refundNonce(channel_id)
        return {"balance": balance, "claimed": claimed, "amount": amount, "since": since, "nonce": nonce}

    def earned(self, payee: Any = None) -> int:
        """What a payee can withdraw."""
        return self.contract.earnings(payee or self.payee)

    def skipped(self, tx: Any) -> list[tuple[str, int]]:
        """(channel, reason) of every voucher that was passed over in a transaction."""
        if "RedemptionSkipped" not in tx.events:
            return []
        return [(str(event["channelId"]), int(event["reason"])) for event in tx.events["RedemptionSkipped"]]


def malleated(signature: bytes) -> bytes:
    """The other signature of the same key over the same message, in 65 bytes: s negated, v flipped."""
    high_s = ORDER_OF_SECP256K1 - int.from_bytes(signature[32:64])
    return signature[:32] + high_s.to_bytes(32) + bytes([55 - signature[64]])


def sign_for_token(channels: Channels, kind: str, message: dict[str, Any], signer: Any) -> bytes:
    """65 bytes over a `Permit` or `ReceiveWithAuthorization` of the USDC stand-in."""
    types = {
        "Permit": "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline",
        "ReceiveWithAuthorization": "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,"
        "bytes32 nonce",
    }
    fields = [dict(zip(("type", "name"), field.split(), strict=True)) for field in types[kind].split(",")]
    domain = {
        "name": "USD Coin",
        "version": "2",
        "chainId": brownie.chain.id,
        "verifyingContract": channels.token.address,
    }
    signable = encode_typed_data(domain, {kind: fields}, message)
    return bytes(Account.sign_message(signable, keys_by_address()[address_of(signer)]).signature)
