"""How long a market keeps what nothing needs any more.

A lease has ended once the chain has closed it and its deadline is past, whichever came later; an order once it can
neither be matched nor placed again. What has not ended is never forgotten, nor what another job of the same workflow
may need, whatever the numbers say.
"""

from dataclasses import dataclass
from enum import StrEnum

DAY = 86_400
UNTOLD_DAYS = 30
"""How much longer a line of a timeline stays that webhooks were not considered for yet."""


class Kept(StrEnum):
    """Rows that may be forgotten, in the order in which they are looked at."""

    NODES = "nodes"
    """When a node without a live ask was last heard of."""
    KEYS = "keys"
    """API keys that were revoked, or have expired."""
    ORDERS = "orders"
    """Orders that ended without ever being matched, with their timelines."""
    EVENTS = "events"
    """Timelines of jobs that ended, and of which nothing was told since."""
    EVIDENCE = "evidence"
    """Attestations, checkpoints, seals, verdicts, audits, receipts, grants and batches of leases that ended."""


BLOBS, LOGS = "blobs", "logs"


@dataclass(frozen=True, slots=True)
class Retention:
    """Days after the end; 0 is for ever."""

    nodes_days: int = 30
    keys_days: int = 30
    orders_days: int = 0
    events_days: int = 0
    evidence_days: int = 0
    blobs_days: int = 0
    """Of ended jobs, and those that no job names, from their upload."""
    logs_days: int = 30
    """Standard output and error of ended leases; what `blobs_days` says goes before it where that is less."""

    def before(self, kind: str, now: int) -> int | None:
        """What ended before that unix time is forgotten; None where nothing is."""
        days = getattr(self, f"{kind}_days")
        return now - days * DAY if days else None

    def blobs_before(self, now: int) -> int | None:
        return self.before(BLOBS, now)

    def logs_before(self, now: int) -> int | None:
        """The later of both times: a log is a blob too."""
        return max(filter(None, (self.before(LOGS, now), self.before(BLOBS, now))), default=None)


@dataclass(frozen=True, slots=True)
class BlobUse:
    """Blobs that a row of the database names."""

    digests: tuple[str, ...]
    """Inputs, programs, outputs, files of checkpoints."""
    logs: tuple[str, ...]
    ended_at: int | None
    """When the last of what needs them ended; None while it has not."""
