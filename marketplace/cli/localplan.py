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
    """One provider: rates (see `Rates`) and stake in micro-USDC, `command` instead of the ordinary daemon.

    `more` are settings of its daemon by the rest of their names, such as `ZONE`.
    """

    name: str
    region: str
    units: int
    stake: int
    rates: Rates
    command: Sequence[str] = (*HIVE, "provider", "start", *WAIT)
    more: Mapping[str, str] = field(default_factory=dict)


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

    @property
    def names(self) -> list[str]:
        """Everybody who has a wallet."""
        people = [each.name for each in (*self.providers, *self.renters)]
        return [MARKET, TREASURY, GOVERNOR, *people, *self.oracles]
