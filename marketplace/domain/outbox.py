"""Transactions that the market owes the chain: committed as an intent first, signed second, sent third.

    intent ─▶ signed ─▶ sent ─▶ done
       │         ├────────┴──▶ signed   (the fee no longer does: the same call and nonce for more)
       │         ├────────┴──▶ intent   (the nonce went to another transaction: this one can never be mined)
       └─────────┴────────┴──▶ failed   (the contract refuses it for good)

Each arrow is one database transaction, so a process that dies resumes at the last one. Sending twice does no harm:
the same bytes have the same hash.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class OutboxKind(StrEnum):
    """Which call of the Escrow."""

    OPEN = "open"
    SETTLE = "settle"
    ACCEPT = "accept"
    REFUND = "refund"
    CANCEL = "cancel"
    RELEASE = "release"
    EXPIRE_DISPUTE = "expire_dispute"

    @property
    def is_urgent(self) -> bool:
        """Whether it goes before what is not: a provider's pay is lost where it comes after the deadline's refund."""
        return self in (OutboxKind.SETTLE, OutboxKind.ACCEPT)


class OutboxState(StrEnum):
    """How far a transaction has come."""

    INTENT = "intent"
    SIGNED = "signed"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One transaction. `payload` names what it is about; bytes and hash are there once it is signed."""

    id: int
    kind: OutboxKind
    payload: dict[str, Any]
    state: OutboxState
    created_at: int
    tx_hash: str = ""
    nonce: int = -1
    raw: str = ""
    replaced: tuple[str, ...] = ()
    """Hashes of earlier bytes with this nonce, sent for a lower fee: one of them may be mined instead."""
    attempts: int = 0
    """Refusals so far; bounds how often it is tried again."""
    next_try_at: float = 0.0
    sent_at: float = 0.0
    block: int = 0
    error: str = ""

    @property
    def opens_at(self) -> int:
        """Unix seconds of the start that its leases are reserved for; 0 where they open at once."""
        return self.payload.get("opensAt", 0)

    @property
    def hashes(self) -> tuple[str, ...]:
        """Of everything that was signed with this nonce: at most one of it is ever mined."""
        return (self.tx_hash, *self.replaced)


def backoff_seconds(attempts: int) -> float:
    """How long to wait before try number `attempts + 1`: 0.5 s doubling up to 30 s."""
    return min(30.0, 0.5 * 2 ** min(attempts, 10))
