"""What running jobs have printed so far: in memory, bounded, gone once the attested log is here.

Not stored: an agent keeps its job's log as long as that runs, and tells a market that has forgotten it once more.
"""

from dataclasses import dataclass, field
from threading import Lock

from marketplace.errors import ConflictError, TooLarge
from marketplace.protocol.livelog import MAX_LOG_BYTES, STDERR, STDOUT, STREAMS

MOST_BYTES = 64_000_000
"""Of all leases together."""
KEPT_SECONDS = 900
"""How long what nobody adds to is kept."""


@dataclass(slots=True)
class _Log:
    started_at: int
    touched_at: int
    streams: dict[int, bytearray] = field(default_factory=lambda: {stream: bytearray() for stream in STREAMS})

    @property
    def size(self) -> int:
        return sum(map(len, self.streams.values()))


@dataclass(frozen=True, slots=True)
class Seen:
    """A part of what a run has printed."""

    started_at: int
    stdout: bytes
    stderr: bytes


class LiveLogs:
    """The logs of running leases. Safe to share between threads; readers hold nothing but what they were given."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._logs: dict[str, _Log] = {}
        self._lock = Lock()

    def append(self, lease_id: str, started_at: int, stream: int, offset: int, data: bytes, now: int) -> int:
        """How many bytes of the stream are here afterwards: fewer than offset and data where something is missing.

        A piece that is here already changes nothing; a later run takes the place of an earlier one. Raises
        ConflictError for a run that is over, TooLarge.
        """
        with self._lock:
            self._forget_before(now - KEPT_SECONDS)
            log = self._logs.get(lease_id)
            if log is not None and started_at < log.started_at:
                raise ConflictError(
                    f"Lease {lease_id} is run anew since {log.started_at}; these bytes are of the run of {started_at}.",
                    lease=lease_id,
                )
            if log is None or started_at > log.started_at:
                log = _Log(started_at, now)
            held = log.streams[stream]
            fresh = data[len(held) - offset :] if offset <= len(held) else b""
            self._require_room(lease_id, log, stream, len(fresh))
            held += fresh
            log.touched_at = now
            self._logs[lease_id] = log
            return len(held)

    def read(self, lease_id: str, started_at: int, stdout: int, stderr: int, most: int) -> Seen | None:
        """At most so many bytes of each stream from these offsets on, or from 0 of a run that began at another time.

        None where nothing is here.
        """
        with self._lock:
            log = self._logs.get(lease_id)
            if log is None:
                return None
            if log.started_at != started_at:
                stdout = stderr = 0
            parts = [bytes(log.streams[stream][at : at + most]) for stream, at in ((STDOUT, stdout), (STDERR, stderr))]
            return Seen(log.started_at, *parts)

    def drop(self, lease_id: str) -> None:
        """The attested log is here, or there will be none."""
        with self._lock:
            self._logs.pop(lease_id, None)

    def _require_room(self, lease_id: str, log: _Log, stream: int, count: int) -> None:
        size = len(log.streams[stream]) + count
        if size > MAX_LOG_BYTES:
            raise TooLarge(f"The live {STREAMS[stream]} of lease {lease_id}", size, MAX_LOG_BYTES)
        others = sum(each.size for key, each in self._logs.items() if key != lease_id)
        if others + log.size + count > self._most:
            raise TooLarge("What running jobs have printed, together,", others + log.size + count, self._most)

    def _forget_before(self, time: int) -> None:
        for lease_id in [key for key, log in self._logs.items() if log.touched_at < time]:
            del self._logs[lease_id]
