"""Rounds as the market keeps them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """A cleared round; `digest` names `transcript` and goes on chain with the leases it opens."""

    number: int
    digest: str
    cleared_at: int
    transcript: dict[str, Any]
    summary: dict[str, Any]
    """Counts, surplus and certificate, for people; everything in it follows from the transcript."""
