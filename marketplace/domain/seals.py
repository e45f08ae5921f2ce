"""Sealed verdicts: which oracles have bound themselves to a verdict, when the seals are opened, and who failed how.

    attested ── first seal ──▶ sealing ── everybody has sealed, or k have and the time is over ──▶ open ──▶ concluded

While a lease's verdicts are being sealed the market has none that it could show. Pure.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from marketplace.protocol.enums import Verification
from marketplace.protocol.messages import VerdictSeal

JUDGED = (Verification.REEXECUTE, Verification.REPLICATE, Verification.ATTESTED)
"""Policies whose leases oracles judge; the others wait for the renter's receipt."""


@dataclass(frozen=True, slots=True)
class SealRecord:
    """One oracle's signed seal. `is_late`: it came after the seals of its lease were opened."""

    seal: VerdictSeal
    oracle: str
    signature: str
    received_at: int
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """How far the oracles are with one lease. Unix seconds; None: not yet."""

    lease_id: str
    attested_at: int
    opened_at: int | None = None
    """From then on oracles reveal what they sealed."""
    members: tuple[str, ...] = ()
    """The committee at that time."""
    concluded_at: int | None = None
    """Who was missing then stands in the record."""


class FaultKind(StrEnum):
    """How an oracle failed a lease."""

    ABSENT = "absent"
    """It had sealed no verdict when the seals were opened, nor later."""
    LATE = "late"
    """It sealed one only after the seals were opened."""
    WITHHELD = "withheld"
    """It sealed a verdict and did not reveal it."""
    MISMATCHED = "mismatched"
    """What it signed as its reveal does not open its seal: the evidence holds both."""
    CARELESS = "careless"
    """It sealed that a planted lie is worth its pay: the evidence holds both, and what opens the canary."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure of one oracle. `evidence` is what it signed; empty where it signed nothing."""

    lease_id: str
    oracle: str
    kind: FaultKind
    noted_at: int
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OracleCounts:
    """What one oracle did for one market, over all leases."""

    sealed: int
    revealed: int
    faults: dict[FaultKind, int]


def is_opening_due(
    seals: Sequence[SealRecord], members: Collection[str], *, threshold: int, now: int, seal_seconds: int
) -> bool:
    """Whether the seals of a lease are to be opened: no verdict is asked for before.

    All members have sealed, or at least `threshold` have and `seal_seconds` have passed since the first of them: one
    that is slow or gone holds nobody up.
    """
    own = [one for one in seals if one.oracle in members]
    if len(own) == len(members) > 0:
        return True
    return len(own) >= threshold and min(one.received_at for one in own) + seal_seconds <= now


def find_faults(
    judgement: Judgement, members: Iterable[str], seals: Sequence[SealRecord], revealed: Collection[str], now: int
) -> list[Fault]:
    """Who of `members` failed a lease, at its conclusion. Nobody withholds what nobody asked for yet."""
    by_oracle = {one.oracle: one for one in seals}
    found = []
    for member in members:
        seal = by_oracle.get(member)
        if seal is None:
            kind = FaultKind.ABSENT
        elif seal.is_late:
            kind = FaultKind.LATE
        elif judgement.opened_at is not None and member not in revealed:
            kind = FaultKind.WITHHELD
        else:
            continue
        found.append(Fault(judgement.lease_id, member, kind, now, seal_evidence(seal) if seal is not None else {}))
    return found


def seal_evidence(record: SealRecord) -> dict[str, Any]:
    """A signed seal as others check it."""
    return {"seal": record.seal.to_json(), "sealSignature": record.signature}
