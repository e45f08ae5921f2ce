"""Who takes part in a local market."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from marketplace.protocol.metering import Rates

HIVE = (sys.executable, "-m", "marketplace.cli.main")
WAIT = ("--wait", "120")
"""Services start while the chain is still being made: loading them takes longer than making it."""
MARKET, TREASURY, GOVERNOR = "market", "treasury", "governor"


@dataclass(frozen=True, slots=True)
class ProviderPlan:
    """One provider: rates (see `Rates`) and stake in micro-USDC, `command` instead of the ordinary daemon."""

    name: str
    region: str
    units: int
    stake: int
    rates: Rates
    command: Sequence[str] = (*HIVE, "provider", "start", *WAIT)
    settings: Mapping[str, str] = field(default_factory=dict)
    """More of the agent's settings, named as in the environment but for COMPUTEHIVE_AGENT_."""


@dataclass(frozen=True, slots=True)
class RenterPlan:
    """One renter: USDC in the wallet at first, and what of it goes into the escrow; micro-USDC."""

    name: str
    wallet: int
    deposit: int


@dataclass(frozen=True, slots=True)
class MarketPlan:
    """Who takes part."""

    providers: Sequence[ProviderPlan]
    oracles: Sequence[str]
    threshold: int
    renters: Sequence[RenterPlan]
    round_seconds: float = 1.0
    port: int | None = None
    market_settings: Mapping[str, str] = field(default_factory=dict)
    """More of the market's settings, named as in the environment but for COMPUTEHIVE_MARKET_."""
    workers: Sequence[str] = ()
    """Processes that do the market's work, by name, where the one that serves does none of it."""

    @property
    def names(self) -> list[str]:
        """Everybody who has a wallet."""
        people = [each.name for each in (*self.providers, *self.renters)]
        return [MARKET, TREASURY, GOVERNOR, *people, *self.oracles]
