"""Who takes part, and what they ask for their machines."""

from dataclasses import dataclass

from marketplace.protocol.metering import Rates

USDC = 1_000_000


@dataclass(frozen=True, slots=True)
class ProviderRole:
    """A provider: rates in micro-USDC (see `Rates`), stake in micro-USDC."""

    name: str
    region: str
    units: int
    stake: int
    rates: Rates
    lies: bool = False


@dataclass(frozen=True, slots=True)
class RenterRole:
    """A renter: what is in the wallet at first, and what of it goes into the escrow, micro-USDC."""

    name: str
    wallet: int
    deposit: int


PROVIDERS = (
    ProviderRole(
        "Alder",
        "eu-north",
        units=2,
        stake=20 * USDC,
        rates=Rates(gpu_hour=0, vcpu_hour=36_000, gb_hour=4_000, gfuel=1_000, egress_gb=40_000, minimum=500),
    ),
    ProviderRole(
        "Birch",
        "eu-west",
        units=4,
        stake=20 * USDC,
        rates=Rates(gpu_hour=0, vcpu_hour=54_000, gb_hour=6_000, gfuel=1_400, egress_gb=60_000, minimum=500),
    ),
    ProviderRole(
        "Cedar",
        "us-south",
        units=2,
        stake=20 * USDC,
        rates=Rates(gpu_hour=0, vcpu_hour=90_000, gb_hour=9_000, gfuel=2_000, egress_gb=90_000, minimum=500),
        lies=True,
    ),
)
"""Cheap and small, dearer and larger, dearest; the last one forges results."""
ORACLES = ("Opal", "Onyx", "Ochre")
THRESHOLD = 2
RENTERS = (
    RenterRole("Ada", wallet=100 * USDC, deposit=20 * USDC),
    RenterRole("Ben", wallet=100 * USDC, deposit=20 * USDC),
)
