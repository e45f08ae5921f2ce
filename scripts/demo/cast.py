"""Who takes part, and what they ask for their machines."""

import sys

from marketplace.cli.localplan import MarketPlan, ProviderPlan, RenterPlan
from marketplace.protocol.metering import Rates

USDC = 1_000_000
ORACLES = ("Opal", "Onyx", "Ochre")
LIAR = "Cedar"


def _rates(percent: int) -> Rates:
    """Rates in proportion: micro-USDC per vCPU-hour, GB-hour, Gfuel and GB of egress."""
    return Rates(
        gpu_hour=0,
        vcpu_hour=360 * percent,
        gb_hour=40 * percent,
        gfuel=10 * percent,
        egress_gb=400 * percent,
        minimum=500,
    )


PROVIDERS = (
    ProviderPlan("Alder", "eu-north", units=2, stake=20 * USDC, rates=_rates(100)),
    ProviderPlan("Birch", "eu-west", units=4, stake=20 * USDC, rates=_rates(140)),
    ProviderPlan(
        LIAR,
        "us-south",
        units=2,
        stake=20 * USDC,
        rates=_rates(220),
        command=(sys.executable, "-m", "scripts.demo.liar"),
    ),
)
"""Cheap and small, dearer and larger; and the dearest, which makes results up."""
RENTERS = (
    RenterPlan("Ada", wallet=100 * USDC, deposit=20 * USDC),
    RenterPlan("Ben", wallet=100 * USDC, deposit=20 * USDC),
)
PLAN = MarketPlan(PROVIDERS, ORACLES, threshold=2, renters=RENTERS, round_seconds=1.0)
