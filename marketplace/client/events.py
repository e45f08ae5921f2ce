"""Following a job: the market's server-sent events, over as many connections as it takes."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from marketplace.client.calls import API, Calls, Document
from marketplace.client.transport import cut
from marketplace.errors import MalformedMessage, ServiceUnavailable
from marketplace.protocol.parsing import parse_json

MEDIA_TYPE = "text/event-stream"
SILENCE_SECONDS = 60.0
"""Without a byte for so long a connection is dead: a market says something every 15 seconds."""
MAX_EVENT_BYTES = 2_000_000
"""Of one event; what a market sends is a tenth of that at most."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
AWAY_SECONDS = 120.0
"""How long a market that has gone away is waited for."""
END = "end"


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that happened; `id` is where to go on after it."""

    kind: str
    data: Document
    id: str


class EventCalls(Calls):
    """A part of `MarketClient`."""

    def job_log_stream(self, job_id: str, after: str = "") -> Iterator[JobEvent]:
        """What a job prints, as it comes: `begin`, `log`, `attested`, `withheld`, `end` (docs/protocol.md).

        One connection: it may break with ServiceUnavailable, or end before `end`. `follow_events` goes on.
        """
        return self._events(f"{API}/jobs/{job_id}/logs", after)

    def job_event_stream(self, job_id: str, after: str = "") -> Iterator[JobEvent]:
        """A job's timeline, as it comes: `event`, `end`. As `job_log_stream`."""
        return self._events(f"{API}/jobs/{job_id}/events", after)

    def market_event_stream(self, after: str = "") -> Iterator[JobEvent]:
        """The market, as it changes: `status`, `round`. Never ends by itself; else as `job_log_stream`."""
        return self._events(f"{API}/market/events", after)

    def work_stream(
        self, *, agent: str = "", oracle: str = "", opened: Callable[[Callable[[], None]], None] = lambda end: None
    ) -> Iterator[JobEvent]:
        """That an agent or an oracle has something to look at: `begin`, then `work` with `topics` (docs/protocol.md).

        `opened` is given what ends it from another thread. One connection; else as `job_log_stream`. Raises
        ServiceUnavailable where the market tells nobody more, NotFound where it is too old to tell.
        """
        whom = f"agent={agent}" if agent else f"oracle={oracle}"
        return self._events(f"{API}/work?{whom}", "", opened)

    def _events(
        self, path: str, after: str, opened: Callable[[Callable[[], None]], None] = lambda end: None
    ) -> Iterator[JobEvent]:
        headers = {"Accept": MEDIA_TYPE} | ({"Last-Event-ID": after} if after else {})
        with self._transport.stream(path, headers=headers, silence=SILENCE_SECONDS) as response:
            opened(lambda: cut(response))
            if not response.headers.get("content-type", "").startswith(MEDIA_TYPE):
                raise MalformedMessage("Content-Type", f"the market answers {path} without {MEDIA_TYPE}: it is too old")
            yield from read_events(response.iter_bytes())


def follow_events(
    connect: Callable[[str], Iterator[JobEvent]],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[JobEvent]:
    """All events up to `end`, each once: a connection that breaks is made again from the last event on.

    Raises ServiceUnavailable where the market stays away for two minutes, and what it refuses.
    """
    after, pause, away_since = "", FIRST_PAUSE, None
    while True:
        began = clock()
        try:
            for event in connect(after):
                after, pause, away_since = event.id or after, FIRST_PAUSE, None
                yield event
                if event.kind == END:
                    return
            away_since = None
        except ServiceUnavailable:
            ended = clock()
            if away_since is None or ended - began > SILENCE_SECONDS:  # what lasted so long was a connection
                away_since, pause = ended, FIRST_PAUSE
            elif ended - away_since > AWAY_SECONDS:
                raise
        sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def read_events(chunks: Iterable[bytes]) -> Iterator[JobEvent]:
    """The events in a stream's bytes, after the form of WHATWG HTML 9.2.6; data is JSON.

    Comments and unknown fields are passed over, and so is an event that its stream broke off. Raises MalformedMessage
    for data that is no JSON object, or for an event beyond MAX_EVENT_BYTES.
    """
    fields: dict[str, str] = {}
    size = 0
    for line in _lines(chunks):
        size += len(line)
        if size > MAX_EVENT_BYTES:
            raise MalformedMessage("event", f"has more than {MAX_EVENT_BYTES} bytes")
        if line:
            name, _, value = line.decode(errors="replace").partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and name in fields else value
            continue
        if "data" in fields:
            yield JobEvent(fields.get("event", "message"), _parse(fields["data"]), fields.get("id", ""))
        fields, size = {}, 0


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.removesuffix(b"\r") for line in lines)
        if len(rest) > MAX_EVENT_BYTES:
            raise MalformedMessage("event", f"has more than {MAX_EVENT_BYTES} bytes")


def _parse(text: str) -> dict[str, Any]:
    found = parse_json(text.encode(errors="surrogatepass"), "event.data")
    if not isinstance(found, dict):
        raise MalformedMessage("event.data", "is no JSON object")
    return found
