"""What a market tells others of what happens in it, as messages that can be known again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from marketplace.protocol.canonical import canonical_json, sha256_digest
from marketplace.protocol.livelog import MAX_CHUNK_BYTES, STREAMS

JOBS, ROUNDS, LOGS = "jobs", "rounds", "logs"


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """Something that was committed. Of one subject, later events have greater positions."""

    topic: str
    """`rounds`, or `jobs.` and the job's hash."""
    position: int
    data: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The same for the same event however often it is told; another for another one, also after a restore, which
        gives positions again."""
        digest = sha256_digest(canonical_json(dict(self.data)))
        return f"{self.topic.partition('.')[0]}-{self.position}-{digest[2:18]}"

    def payload(self) -> bytes:
        """JSON (RFC 8785)."""
        return canonical_json(dict(self.data) | {"id": self.id})


@dataclass(frozen=True, slots=True)
class LogPiece:
    """What a running job has printed, on its way to the other processes that serve the market's API."""

    lease_id: str
    started_at: int
    stream: int
    offset: int
    data: bytes

    def payload(self) -> bytes:
        """JSON; the lease is in the subject."""
        told = {"startedAt": self.started_at, "stream": self.stream, "offset": self.offset, "data": self.data.hex()}
        return json.dumps(told).encode("ascii")

    @classmethod
    def parse(cls, lease_id: str, payload: bytes) -> Self:
        """Raises ValueError for what is none."""
        try:
            told = json.loads(payload)
            place = (int(told["startedAt"]), int(told["stream"]), int(told["offset"]))
            piece = cls(lease_id, *place, bytes.fromhex(told["data"]))
        except (TypeError, KeyError) as error:
            raise ValueError("not a piece of a log") from error
        if piece.stream not in STREAMS or piece.offset < 0 or len(piece.data) > MAX_CHUNK_BYTES:
            raise ValueError("not a piece that a market would have taken")
        return piece
