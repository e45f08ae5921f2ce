"""What no inventory finds out about a machine: its provider states it, and its signature covers it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stated:
    """Of one node; empty, zero or None where the provider says nothing."""

    zone: str = ""
    rack: str = ""
    privacy_zones: tuple[str, ...] = ()
    carbon_grams_per_kwh: int | None = None
    """Of its electricity."""
    fixed_cost_per_hour: int = 0
    """Micro-USDC that the machine costs while it is on."""
