"""What redeeming vouchers costs in gas, everything included, from the receipts of a local chain.

Measured is the steady state: the payee has earned before, the channels were redeemed before, and one compact signature
by the payer's authorizer redeems each. Every payer is another account; terms, keys and amounts are always the same.
"""

from typing import Any

from eth_account import Account

from marketplace.protocol.vouchers import (
    ChannelConfig,
    ChannelsDomain,
    Claim,
    Voucher,
    compact_signature,
    pack_payouts,
)

BATCH = 100
DEPOSIT = 5_000_000
"""What each channel holds, micro-USDC."""
FIRST, SECOND, THIRD = 1_234_567, 2_345_678, 3_456_789
"""The totals that are redeemed one after the other: most bytes of an amount are not zero, as in life."""


def measure_channels(world: Any) -> dict[str, int]:
    """Gas of one redemption alone, and of each in a transaction that redeems BATCH channels of one payee.

    `world` has `contracts` by name (`PaymentChannels`, `USDC`), and the accounts `deployer`, who can mint, `provider`,
    who is paid, and `operator`, who redeems for it; its `domain` knows the chain id.
    """
    channels, token = world.contracts["PaymentChannels"], world.contracts["USDC"]
    domain = ChannelsDomain(world.domain.chain_id, channels.address)
    token.mint(world.deployer, BATCH * DEPOSIT, {"from": world.deployer})
    token.approve(channels, BATCH * DEPOSIT, {"from": world.deployer})
    keys = [Account.from_key(number.to_bytes(32)) for number in range(1, BATCH + 1)]
    configs = [_terms(world, token.address, key.address) for key in keys]
    for config in configs:
        channels.deposit(config.as_tuple(), DEPOSIT, {"from": world.deployer})

    def redeem(count: int, total: int) -> int:
        claims = [_claim(config, key, domain, total) for config, key in zip(configs, keys, strict=True)][:count]
        receipt = channels.redeem(pack_payouts(claims), {"from": world.operator})
        assert len(receipt.events["Redeemed"]) == count
        return receipt.gas_used

    redeem(BATCH, FIRST)
    alone = redeem(1, SECOND)
    together = redeem(BATCH, THIRD)
    return {"voucher_redeem": alone, "voucher_redeem_each_of_100": -(-together // BATCH)}


def _terms(world: Any, token: str, payer: str) -> ChannelConfig:
    return ChannelConfig(
        payer=payer,
        payer_authorizer=payer,
        receiver=world.provider.address,
        receiver_authorizer=world.operator.address,
        token=token,
        withdraw_delay=24 * 3600,
        salt="0x" + payer[2:].lower()[:32] * 2,
    )


def _claim(config: ChannelConfig, key: Any, domain: ChannelsDomain, total: int) -> Claim:
    voucher = Voucher(channel_id=config.channel_id(domain), max_claimable_amount=total)
    return Claim(config, total, compact_signature(bytes.fromhex(voucher.sign(domain, key.key)[2:])), total)
