"""Webhooks: which events there are, whom they concern, and when a delivery is tried again.

    waiting ─▶ delivered                 the endpoint answered 2xx
       ├─────▶ waiting                   it did not: once more, later
       └─────▶ dead ─▶ waiting           too often; its owner may have it sent again

The timeline is the outbox: its lines are written in the transaction of what they tell, and what is delivered is made
of them afterwards, by whoever has the role `webhooks`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

from marketplace.domain.history import mark_position
from marketplace.domain.jobs import JobState
from marketplace.errors import MalformedMessage
from marketplace.protocol.instants import format_instant

_JOB_EVENTS = {state.value: f"job.{state.value}" for state in JobState}
_LEASE_EVENTS = {
    "lease_opened": "lease.opened",
    "lease_claimed": "lease.claimed",
    "lease_disputed": "dispute.opened",
    "bond_returned": "dispute.bond_returned",
}
_CLOSED, _SETTLED, _REFUNDED, _PAID = "lease_closed", "lease.settled", "lease.refunded", "payment.credited"
_REFUND_REASONS = ("deadline", "dispute_expired")
EVENT_TYPES = (*sorted(_JOB_EVENTS.values()), *_LEASE_EVENTS.values(), _SETTLED, _REFUNDED, _PAID)
KINDS = (*_JOB_EVENTS, *_LEASE_EVENTS, _CLOSED)
"""Kinds of lines of the timeline that somebody may want to be told of."""

MAX_URL_CHARACTERS = 2_000
MOST_WEBHOOKS = 20
"""Of one account."""
MOST_WAITING = 1_000
"""Deliveries of one webhook that wait at once; what comes beyond is a dead letter from the start."""
MOST_ATTEMPTS = 10
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 5, 8 * 3600
DELIVERED_SECONDS, DEAD_SECONDS = 7 * 86_400, 30 * 86_400
"""How long what was delivered, and what was not, is kept."""


class Party(StrEnum):
    """Whose events a webhook is told of: those of jobs that its owner pays for, of leases that it serves, or both."""

    RENTER = "renter"
    PROVIDER = "provider"
    ALL = "all"


class DeliveryState(StrEnum):
    """What became of a delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint that wants to be called."""

    id: str
    account: str
    url: str
    events: tuple[str, ...]
    """Types, `job.*` for all of a subject, `*` for all."""
    scope: Party
    created_at: int
    generation: int = 1
    """Of its secret, which follows from it and the market's own: none is stored."""
    cursor: int = 0
    """The last line of the timeline that it was considered for."""

    def wants(self, event: "Event") -> bool:
        """Whether it is to be told."""
        parties = (Party.RENTER, Party.PROVIDER) if self.scope is Party.ALL else (self.scope,)
        concerned = any(event.parties.get(party) == self.account for party in parties)
        return concerned and event.line > self.cursor and any(_fits(each, event.type) for each in self.events)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the timeline with whom it concerns; the provider is that of its lease, if it has one."""

    id: int
    at: int
    kind: str
    job_id: str
    lease_id: str
    renter: str
    provider: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """What endpoints are told. One line of the timeline may be two of them."""

    line: int
    type: str
    at: int
    data: dict[str, Any]
    parties: dict[Party, str]

    def body(self) -> dict[str, Any]:
        """As Standard Webhooks recommends: type, timestamp, data."""
        return {"type": self.type, "timestamp": format_instant(self.at), "data": self.data}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one webhook. `body` are the bytes that are sent, the same each time."""

    id: str
    """The `webhook-id`."""
    webhook_id: str
    type: str
    body: str
    created_at: int
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    due_at: int = 0
    """When it is tried next; of one that is over, when that was."""
    status: int = 0
    """Of the last answer; 0 where there was none."""
    error: str = ""
    number: int = field(default=0, compare=False)
    """Of its row."""


def events_of(line: Line) -> Iterator[Event]:
    """What a line of the timeline is to endpoints; nothing for most kinds."""
    parties = {Party.RENTER: line.renter}
    if line.kind in _JOB_EVENTS:
        data = {"jobId": line.job_id, "renter": line.renter, "state": line.kind, "detail": line.detail}
        yield Event(line.id, _JOB_EVENTS[line.kind], line.at, data, parties)
        return
    parties[Party.PROVIDER] = line.provider
    about = {"jobId": line.job_id, "leaseId": line.lease_id, "renter": line.renter, "provider": line.provider}
    data = about | {"detail": line.detail}
    if line.kind in _LEASE_EVENTS:
        yield Event(line.id, _LEASE_EVENTS[line.kind], line.at, data, parties)
    elif line.kind == _CLOSED:
        kind = _REFUNDED if line.detail.get("reason") in _REFUND_REASONS else _SETTLED
        yield Event(line.id, kind, line.at, data, parties)
        paid = line.detail.get("paid", "0")
        if int(paid) > 0:
            payment = about | {"amount": paid, "transaction": line.detail.get("transaction")}
            yield Event(line.id, _PAID, line.at, payment, parties)


def delivery_id(webhook_id: str, event: Event, history: str = "") -> str:
    """The same for the same event and webhook, so that nothing is written down twice; another in another history."""
    line = mark_position(history, str(event.line))
    return "msg_" + sha256(f"{webhook_id}/{line}/{event.type}".encode()).hexdigest()[:32]


def parse_events(patterns: Iterable[str]) -> tuple[str, ...]:
    """Sorted, each once. Raises MalformedMessage for none, and for one that no event fits."""
    found = tuple(sorted(set(patterns)))
    idle = [each for each in found if not any(_fits(each, kind) for kind in EVENT_TYPES)]
    if idle or not found:
        wrong = repr(idle[0]) if idle else "an empty list"
        raise MalformedMessage("events", f"{wrong} names none of {', '.join(EVENT_TYPES)}; job.* and * name several")
    return found


def retry_seconds(attempts: int, jitter: float) -> int:
    """How long to wait after attempt number `attempts` (from 1) failed: 5 s, then four times as long each time.

    At most 8 hours; of that a half to the whole, as `jitter` in [0, 1) says, so that what failed together does not
    come back together (AWS Architecture Blog, "Exponential Backoff and Jitter", 2015: equal jitter).
    """
    most = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 4 ** min(attempts - 1, 10))
    return max(1, round(most / 2 + jitter * most / 2))


def _fits(pattern: str, kind: str) -> bool:
    return pattern in ("*", kind) or (pattern.endswith(".*") and kind.startswith(pattern[:-1]))
