"""One trace a job, named by its hash: market, agents and oracles agree on its ids without being told.

A trace's id follows from the bid's hash, a span's from the job, the stage, the lease and who did it. So each of them
names the span that its own follows from, though nobody has sent it: nothing travels but what the market's protocol
carries anyway (and a W3C `traceparent` with requests within a span), a restart loses no context, and whoever knows
the job knows where to look.

    place ─▶ match ─▶ open ─▶ run ─▶ fetch
                               └──▶ attest ─▶ judge (one an oracle)
                                       └────▶ settle
"""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

_HEADER = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
SAMPLED = 1


class Stage(StrEnum):
    """A step of a job that one process takes."""

    PLACE = "place"
    MATCH = "match"
    OPEN = "open"
    RUN = "run"
    FETCH = "fetch"
    ATTEST = "attest"
    JUDGE = "judge"
    SETTLE = "settle"

    @property
    def follows(self) -> "Stage | None":
        """The stage whose span is the parent; None of the first."""
        return _FOLLOWS[self]

    @property
    def is_of_lease(self) -> bool:
        """Whether each of a job's leases has a span of its own, rather than the job."""
        return self not in (Stage.PLACE, Stage.MATCH)


_FOLLOWS = {
    Stage.PLACE: None,
    Stage.MATCH: Stage.PLACE,
    Stage.OPEN: Stage.MATCH,
    Stage.RUN: Stage.OPEN,
    Stage.FETCH: Stage.RUN,
    Stage.ATTEST: Stage.RUN,
    Stage.JUDGE: Stage.ATTEST,
    Stage.SETTLE: Stage.ATTEST,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a trace something is: a `traceparent` of version 00. Ids in lower-case hexadecimal."""

    trace_id: str
    span_id: str
    flags: int = 0

    @classmethod
    def read(cls, header: str) -> Self | None:
        """What a header says; None where it is not valid, as the specification has it ignored then."""
        found = _HEADER.fullmatch(header.strip())
        if found is None or set(found[1]) == {"0"} or set(found[2]) == {"0"}:
            return None
        return cls(found[1], found[2], int(found[3], 16))

    @property
    def is_sampled(self) -> bool:
        """Whether whoever is there records."""
        return bool(self.flags & SAMPLED)

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


def trace_id_of(job_id: str) -> str:
    """The trace of a job: the first 16 bytes of the SHA-256 of `computehive trace ` and its id."""
    return _digest("trace", job_id)[:32]


def place_of(job_id: str, stage: Stage, lease_id: str = "", who: str = "", flags: int = 0) -> Place:
    """Where a stage's span is. `who` tells oracles that judge one lease apart; other stages have one span a lease.

    A fetch is not named: there is one for each of a job's blobs.
    """
    of_lease = lease_id if stage.is_of_lease else ""
    by = who if stage is Stage.JUDGE else ""
    return Place(trace_id_of(job_id), _digest("span", job_id, stage.value, of_lease, by)[:16], flags)


def parent_of(job_id: str, stage: Stage, lease_id: str = "") -> Place | None:
    """What a stage's span follows from, sampled as it is."""
    return None if stage.follows is None else place_of(job_id, stage.follows, lease_id, flags=SAMPLED)


def _digest(*parts: str) -> str:
    return hashlib.sha256(" ".join(("computehive", *(part.lower() for part in parts))).encode()).hexdigest()
