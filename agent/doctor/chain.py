"""The chain: its clock, this provider's stake and its gas money."""

from collections.abc import Sequence

from agent.doctor.finding import Finding, failed, guarded, warned, well
from agent.doctor.market import MAX_CLOCK_SKEW_SECONDS
from agent.settings import ProviderSettings
from marketplace.adapters.chain import ChainReader
from marketplace.client.keystore import Keystore
from marketplace.protocol.units import MICRO_PER_USDC, ceil_div, format_usdc

WEI_PER_COIN = 10**18


def check_clock(chain: ChainReader, now: float) -> Finding:
    """This machine's clock against the last block's. Ahead cannot be told from a chain on which nothing happens."""
    skew = int(now) - chain.head().timestamp
    if skew < -MAX_CLOCK_SKEW_SECONDS:
        return failed("clock", f"{-skew} s behind the chain", "Set the clock (NTP).")
    return well("clock", f"last block {max(0, skew)} s ago")


def check_stake(chain: ChainReader, address: str, caps: Sequence[int], options: str) -> Finding:
    """Whether the stake covers the jobs that the market sees: a bid's cap is held against it, micro-USDC."""
    stake = chain.stake(address)
    found = f"{format_usdc(stake.available)} USDC free to cover leases, of {format_usdc(stake.active)} USDC staked"
    if stake.available <= 0 and stake.active == 0:
        return failed("stake", found, f"Stake first: `hive provider stake 50{options}`.")
    above = [cap for cap in caps if cap > stake.available]
    if above:
        more = ceil_div(max(above) - stake.available, MICRO_PER_USDC)
        return warned(
            "stake", f"{found}; {len(above)} of the last {len(caps)} bids may cost more",
            f"Such bids pass you by: `hive provider stake {more}{options}` covers all of them.",
        )  # fmt: skip
    if stake.available <= 0:
        return warned("stake", found, f"All of it covers open leases: `hive provider stake 50{options}` takes more.")
    return well("stake", found)


def check_gas(chain: ChainReader, address: str, claim_margin: int) -> Finding:
    """Whether the provider could claim its pay by itself, where the oracles are silent."""
    if claim_margin == 0:
        return well("gas", "not needed: claims are switched off")
    coins = chain.gas_balance(address) / WEI_PER_COIN
    if coins == 0:
        return warned(
            "gas", f"{address} has none", "Send it a little of the chain's own coin: claims on silent oracles need it."
        )
    return well("gas", f"{coins:.6g} of the chain's own coin")


def examine_chain(
    chain: ChainReader, settings: ProviderSettings, caps: Sequence[int], now: float, options: str
) -> list[Finding]:
    """Every check of the chain."""

    def address() -> str:
        return Keystore.load(settings.keystore).address

    remedy = "Check the keystore and the chain."
    return [
        guarded("clock", "Check the RPC address.", lambda: check_clock(chain, now)),
        guarded("stake", remedy, lambda: check_stake(chain, address(), caps, options)),
        guarded("gas", remedy, lambda: check_gas(chain, address(), settings.claim_margin_seconds)),
    ]
