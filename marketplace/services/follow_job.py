"""What is new about a job since somebody last looked: its timeline, and what its leases print.

Each look says where the next one begins, as text that a reader may take to another connection or another process of the
market: nothing is kept for a reader.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from marketplace.domain.evidence import AttestationRecord
from marketplace.domain.history import mark_position, resume_position
from marketplace.domain.jobs import JobState
from marketplace.domain.leases import LeaseRecord
from marketplace.errors import MalformedMessage
from marketplace.protocol.livelog import STREAMS, streaming_obstacle
from marketplace.protocol.manifest import STDERR_PATH, STDOUT_PATH, ManifestEntry
from marketplace.services.market import Market
from marketplace.services.show_job import require_job, timeline_of

PIECE_BYTES = 65_536
"""Of each stream in one look."""
_POSITION = re.compile(r"(\d{1,20})\.(\d{1,20})\.(\d{1,20})\.([01])")
_MOST_LEASES = 255
_NOTHING = "-"
"""A position where there is no lease yet: not the same as never having looked."""
_UNFINISHED = frozenset(
    {JobState.QUEUED, JobState.RESERVED, JobState.MATCHED, JobState.OPENING, JobState.RUNNING},
)
"""States of a job some of whose leases may print something yet."""


@dataclass(frozen=True, slots=True)
class News:
    """One event. `after` is where to go on once it is known."""

    kind: str
    data: Mapping[str, Any]
    after: str


@dataclass(frozen=True, slots=True)
class Look:
    """What was found. `is_over` where nothing will follow, `has_more` where the next look need not wait."""

    news: tuple[News, ...]
    after: str
    is_over: bool
    has_more: bool = False


def job_news(market: Market, job_id: str, after: str) -> Look:
    """A job's timeline from the event on that `after` counts; then, where the job has come to its end, `end`.

    All of it where that was in another history of the market, from before a backup was restored. Raises NotFound,
    MalformedMessage for an `after` that no look has given.
    """
    with market.store.read() as tx:
        state = require_job(tx, job_id).job_state
        events, history = timeline_of(tx, job_id), tx.feed.history()
    told = _count(resume_position(history, after))
    marked = ((number, event, mark_position(history, str(number))) for number, event in enumerate(events, 1))
    news = [News("event", event, mark) for number, event, mark in marked if number > told]
    after = mark_position(history, str(max(told, len(events))))
    if state.is_end:
        news.append(News("end", {"state": state.value}, after))
    return Look(tuple(news), after, state.is_end)


@dataclass(frozen=True, slots=True)
class _Position:
    """How far one lease's log was told: of which run, how many bytes of each stream, and whether that was all."""

    run: int = 0
    stdout: int = 0
    stderr: int = 0
    is_done: bool = False

    def __str__(self) -> str:
        return f"{self.run}.{self.stdout}.{self.stderr}.{int(self.is_done)}"


@dataclass(slots=True)
class _Telling:
    """The positions of all leases of a job while news is gathered."""

    positions: list[_Position]
    news: list[News] = field(default_factory=list)

    def tell(self, kind: str, data: dict[str, Any]) -> None:
        self.news.append(News(kind, data, self.after))

    @property
    def after(self) -> str:
        return ",".join(map(str, self.positions)) or _NOTHING


def log_news(market: Market, job_id: str, after: str) -> Look:
    """What a job's leases have printed since: as it comes while they run, out of the attested log afterwards.

    `begin` says that a run of a lease begins its streams at 0, `log` has bytes of one, `attested` says that a lease's
    streams are whole, `withheld` why nothing is shown yet; `end` is last. Raises NotFound, MalformedMessage for an
    `after` that no look has given.
    """
    positions = _parse(after)
    with market.store.read() as tx:
        record = require_job(tx, job_id)
        found = [(lease, tx.evidence.attestation(lease.lease_id)) for lease in tx.leases.of_bid(job_id)]
    telling = _Telling(positions + [_Position()] * (len(found) - len(positions)))
    obstacle = streaming_obstacle(record.bid, record.job_spec)
    is_over = record.job_state not in _UNFINISHED
    is_private = record.job_spec.privacy is not None
    if obstacle and not after and (is_private or not is_over):
        telling.tell("withheld", {"reason": obstacle})
    for place, (lease, evidence) in enumerate(found):
        if evidence is not None and not is_private:
            _tell_attested(market, telling, place, lease, evidence)
        elif not obstacle:
            _tell_live(market, telling, place, lease)
    has_more = any(one.kind != "withheld" for one in telling.news)
    if is_over and not has_more:
        telling.tell("end", {"state": record.job_state.value})
    return Look(tuple(telling.news), telling.after, is_over and not has_more, has_more)


def _tell_live(market: Market, telling: _Telling, place: int, lease: LeaseRecord) -> None:
    position = telling.positions[place]
    seen = market.live_logs.read(lease.lease_id, position.run, position.stdout, position.stderr, PIECE_BYTES)
    if seen is None:
        return
    if seen.started_at != position.run:
        _begin(telling, place, lease, seen.started_at, is_attested=False)
    _tell_bytes(telling, place, lease, {"stdout": seen.stdout, "stderr": seen.stderr})


def _tell_attested(
    market: Market, telling: _Telling, place: int, lease: LeaseRecord, evidence: AttestationRecord
) -> None:
    """The rest of it: who has followed the run goes on where that ended, whatever the run was called."""
    position = telling.positions[place]
    if position.is_done:
        return
    if not position.run:
        _begin(telling, place, lease, evidence.attestation.started_at, is_attested=True)
        position = telling.positions[place]
    entries = {entry.path: entry for entry in evidence.manifest.entries}
    logs = {"stdout": entries.get(STDOUT_PATH), "stderr": entries.get(STDERR_PATH)}
    rest = {name: _read(market, entry, getattr(position, name)) for name, entry in logs.items()}
    _tell_bytes(telling, place, lease, rest)
    position = telling.positions[place]
    if any(entry is not None and getattr(position, name) < entry.size for name, entry in logs.items()):
        return
    telling.positions[place] = replace(position, is_done=True)
    named = {name: {"digest": entry.digest, "size": entry.size} for name, entry in logs.items() if entry is not None}
    telling.tell("attested", {"leaseId": lease.lease_id, "resultDigest": evidence.attestation.result_digest, **named})


def _begin(telling: _Telling, place: int, lease: LeaseRecord, started_at: int, *, is_attested: bool) -> None:
    marks = {"again": telling.positions[place].run != 0, "attested": is_attested}
    telling.positions[place] = _Position(run=started_at)
    data = {"leaseId": lease.lease_id, "provider": lease.provider, "startedAt": started_at}
    telling.tell("begin", data | marks)


def _tell_bytes(telling: _Telling, place: int, lease: LeaseRecord, parts: Mapping[str, bytes]) -> None:
    for name in STREAMS.values():
        data = parts[name]
        if not data:
            continue
        position = telling.positions[place]
        offset = getattr(position, name)
        telling.positions[place] = replace(position, **{name: offset + len(data)})
        told = {"leaseId": lease.lease_id, "stream": name, "offset": offset, "data": b64encode(data).decode()}
        telling.tell("log", told)


def _read(market: Market, entry: ManifestEntry | None, offset: int) -> bytes:
    if entry is None or offset >= entry.size or not market.blobs.has(entry.digest):
        return b""
    with market.blobs.open(entry.digest) as file:
        file.seek(offset)
        return file.read(PIECE_BYTES)


def _count(after: str) -> int:
    if not re.fullmatch(r"\d{0,9}", after):
        raise MalformedMessage("Last-Event-ID", f"{after[:80]!r} is not the id of an event of this stream")
    return int(after or 0)


def _parse(after: str) -> list[_Position]:
    if after in ("", _NOTHING):
        return []
    found = [_POSITION.fullmatch(part) for part in after.split(",")]
    if None in found or len(found) > _MOST_LEASES:
        raise MalformedMessage("Last-Event-ID", f"{after[:80]!r} is not the id of an event of this stream")
    return [_Position(*map(int, match.group(1, 2, 3)), match[4] == "1") for match in found]
