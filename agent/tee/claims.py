"""What a verified quote says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

UNLISTED = "Unlisted"
"""The status of a platform that is below every TCB level of its maker's list: older than out of date."""
UNTOLD = "Untold"
"""The status of a platform about which the verifier says no more: its environment is in debug mode."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What the processor's maker vouches for, of one quote."""

    technology: str
    """`sgx` or `tdx`."""
    measurements: Mapping[str, str]
    """0x-hex by name: `mrtd`, `rtmr0` to `rtmr3`; or `mrenclave`, `mrsigner`."""
    report_data: bytes
    """The 64 bytes that the environment itself put into the quote."""
    tcb_status: str
    """Intel's word for the platform's microcode and firmware, or UNLISTED, or UNTOLD."""
    advisory_ids: tuple[str, ...] = ()
    is_debug: bool = False
    """Whoever has the machine can look into an environment in debug mode, and change it."""
    is_current: bool = True
    """Whether collateral and certificates were valid at the time asked about; the signatures hold either way."""
    isv_prod_id: int = 0
    isv_svn: int = 0


class Verifier(Protocol):
    """Verifies quotes without a network and without a clock of its own."""

    def verify(self, quote: bytes, collateral: bytes, now: int) -> Claims:
        """Raises InvalidEvidence where the chain of signatures does not hold, UnsupportedTee."""
