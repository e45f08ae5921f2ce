"""What payers and payees of a payment channel sign, and how vouchers are packed for `PaymentChannels.redeem`.

The types and the domain's name are those of x402's `batch-settlement` scheme, so that an x402 client's voucher is good
here; `contracts/libraries/ChannelLib.sol` holds the same. Why: docs/decisions/0011-payment-channels.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from eth_abi import encode as abi_encode
from eth_utils import keccak

from marketplace.protocol.eip712 import Address, Bytes32, Domain, TypedMessage, Uint40, Uint128, Uint256

MIN_WITHDRAW_DELAY = 15 * 60
"""Shortest window in which a payee can still redeem once the payer closes, seconds."""
MAX_WITHDRAW_DELAY = 30 * 24 * 3600
"""Longest such window, seconds."""
EVERYTHING = 2**128 - 1
"""As the amount of a refund: all that is unclaimed."""
COMPACT_BYTES = 64
"""A key's signature as EIP-2098 has it."""


@dataclass(frozen=True, slots=True)
class ChannelsDomain(Domain):
    """Signatures for PaymentChannels, whose address stands in `escrow`."""

    name: ClassVar[str] = "x402 Batch Settlement"
    version: ClassVar[str] = "1"


class ChannelConfig(TypedMessage):
    """A channel's terms. Nobody signs them: their digest is the channel's id."""

    payer: Address
    payer_authorizer: Address
    """The key that signs vouchers; the zero address if the payer itself does, by key or by ERC-1271."""
    receiver: Address
    """The payee."""
    receiver_authorizer: Address
    """Who may redeem and refund in the payee's name."""
    token: Address
    withdraw_delay: Uint40
    salt: Bytes32

    def channel_id(self, domain: ChannelsDomain) -> str:
        """The id of the channel with these terms at a contract on a chain, 0x-hex."""
        return self.digest(domain)


class Voucher(TypedMessage):
    """The payee may claim up to so much of this channel, over its whole life: signed by the payer's authorizer."""

    channel_id: Bytes32
    max_claimable_amount: Uint128


class Refund(TypedMessage):
    """The payee gives back up to `amount` of what is unclaimed: signed by its authorizer, good once."""

    channel_id: Bytes32
    nonce: Uint256
    amount: Uint128


class ClaimEntry(TypedMessage):
    """One voucher in a batch, and the total that the payee will then have claimed."""

    channel_id: Bytes32
    max_claimable_amount: Uint128
    total_claimed: Uint128


class ClaimBatch(TypedMessage):
    """What the payees' authorizer signs so that somebody else can submit the redemption."""

    claims: tuple[ClaimEntry, ...]


CHANNEL_MESSAGES: tuple[type[TypedMessage], ...] = (ChannelConfig, Voucher, Refund, ClaimEntry, ClaimBatch)


@dataclass(frozen=True, slots=True)
class Claim:
    """A signed voucher and what the payee takes of it."""

    config: ChannelConfig
    max_claimable_amount: int
    signature: bytes
    """64 bytes (EIP-2098) or 65 bytes (r, s, v) of a key, or what an ERC-1271 account takes."""
    total_claimed: int
    """Of the channel, over its life, once this is redeemed."""


def compact_signature(signature: bytes) -> bytes:
    """The 64 bytes of a 65-byte signature: `r`, then `s` with the parity of `y` in its highest bit (EIP-2098)."""
    parity = (signature[64] - 27) << 255
    return signature[:32] + (int.from_bytes(signature[32:64]) | parity).to_bytes(32)


def compute_deposit_nonce(channel_id: str, salt: int) -> str:
    """The EIP-3009 nonce that binds an authorization to one channel, 0x-hex."""
    return "0x" + keccak(abi_encode(["bytes32", "uint256"], [bytes.fromhex(channel_id[2:]), salt])).hex()


def pack_payouts(claims: Iterable[Claim]) -> list[tuple[Any, ...]]:
    """The argument of `redeem`: claims by payee, in the order in which each payee first appears."""
    return [_pack_payout(group) for group in _by_payee(claims)]


def build_claim_batch(claims: Iterable[Claim], domain: ChannelsDomain) -> ClaimBatch:
    """What the authorizer signs for the same claims, in the order of `pack_payouts`."""
    return ClaimBatch(
        claims=tuple(
            ClaimEntry(
                channel_id=claim.config.channel_id(domain),
                max_claimable_amount=claim.max_claimable_amount,
                total_claimed=claim.total_claimed,
            )
            for group in _by_payee(claims)
            for claim in group
        )
    )


def _by_payee(claims: Iterable[Claim]) -> list[list[Claim]]:
    groups: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims:
        groups.setdefault((claim.config.receiver, claim.config.receiver_authorizer), []).append(claim)
    return list(groups.values())


def _pack_payout(claims: list[Claim]) -> tuple[Any, ...]:
    long: list[bytes] = []
    redemptions = [_pack_redemption(claim, long) for claim in claims]
    return (claims[0].config.receiver, claims[0].config.receiver_authorizer, redemptions, long)


def _pack_redemption(claim: Claim, long: list[bytes]) -> tuple[Any, ...]:
    """Six words; a signature other than the authorizer's compact one goes to `long`, its place there into the sixth."""
    config = claim.config
    if int(config.payer_authorizer, 16) and len(claim.signature) == COMPACT_BYTES and any(claim.signature[:32]):
        r, vs = claim.signature[:32], claim.signature[32:]
    else:
        r, vs = bytes(32), len(long).to_bytes(32)
        long.append(claim.signature)
    return (
        int(config.payer, 16) << 96 | config.withdraw_delay,
        int(config.payer_authorizer, 16) << 96 | claim.total_claimed,
        bytes.fromhex(config.salt[2:]),
        claim.max_claimable_amount,
        r,
        vs,
    )
