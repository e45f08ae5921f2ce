"""Answers that go on until their job ends: server-sent events (WHATWG HTML, 9.2), counted, and ended together.

Nothing is queued for a reader: each look at the job is sent before the next one is taken, so a slow reader costs a
connection and one look's bytes.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from threading import Lock
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from marketplace.api.limits import party_of
from marketplace.domain.rules import Rules
from marketplace.errors import ServiceUnavailable
from marketplace.services.follow_job import Look, News
from marketplace.services.follow_market import MarketNews
from marketplace.services.market import Market

MEDIA_TYPE = "text/event-stream"
LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.5, 2.0
"""Between two looks, at first and where nothing happens for a while: a look costs the market 1.6 ms of a processor. A
stop of the service is noticed as soon."""
KEEP_ALIVE_SECONDS = 15.0
"""Silence after which a comment is sent: proxies cut connections on which nothing moves, often after a minute."""
SLOW_SECONDS = 60.0
"""How long one piece may take to be read; then the connection ends, and the reader may go on with `Last-Event-ID`."""
RETRY_MILLISECONDS = 2000
"""What browsers wait before they connect again."""

Accept = Annotated[str, Header(description=f"`{MEDIA_TYPE}` to follow it as server-sent events.")]
LastEventId = Annotated[str, Header(description="`id` of the last event that was received: go on after it.")]
DESCRIPTION = {200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}}
"""For OpenAPI: the other form of the answer."""
_log = structlog.get_logger("computehive.api")


def market_stream_routes(market: Market, streams: "Streams") -> APIRouter:
    """`/market/events`."""
    router = APIRouter(prefix="/api/v1/market", tags=["market"])
    news = MarketNews(market)

    @router.get(
        "/events",
        operation_id="follow_market",
        summary="Rounds as they are cleared, and the market's status as it changes: server-sent events",
        response_class=StreamingResponse,
        responses=DESCRIPTION,
    )
    def events(request: Request, last_event_id: LastEventId = "") -> Any:
        """`status` at first and whenever it is another (as of `/cluster/status`), `round` for each round (as in the
        list of rounds: its number, digest and how many matches); `Last-Event-ID` goes on where a stream broke off.
        """
        return streams.follow(request, news.look, last_event_id)

    return router


def wants_events(accept: str) -> bool:
    """Whether a request asks for a stream."""
    return any(part.split(";")[0].strip().lower() == MEDIA_TYPE for part in accept.split(","))


class Streams:
    """The streams that are open in this process."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._open: Counter[str] = Counter()
        self._lock = Lock()
        self._endings: list[Callable[[], None]] = []
        self.is_stopping = False

    @property
    def open_count(self) -> int:
        """How many there are."""
        with self._lock:
            return self._open.total()

    def at_stop(self, end: Callable[[], None]) -> None:
        """Have `end` called where streams are to end, for those that wait for something else than their next look."""
        self._endings.append(end)

    def stop(self) -> None:
        """End every stream at its next look, and open no more. In the event loop's thread."""
        self.is_stopping = True
        for end in self._endings:
            end()

    def follow(self, request: Request, look: Callable[[str], Look], after: str) -> "EventStream":
        """The answer to `request`: what `look` finds from `after` on, until it is over.

        Raises ServiceUnavailable where too many are open, and whatever the first look raises.
        """
        if self.is_stopping:
            raise ServiceUnavailable("The market is about to stop.", hint="Try again in a minute.")
        first = look(after)
        client = party_of(request.client.host if request.client else "")
        self._take(client)
        return EventStream(self._events(look, first), lambda: self._give_back(client))

    def _take(self, client: str) -> None:
        with self._lock:
            most, each = self._rules.max_streams, self._rules.max_streams_per_client
            if self._open.total() >= most or self._open[client] >= each:
                raise ServiceUnavailable(
                    f"Too many streams are open: the market has {most} for all clients, {each} for one address"
                    " (IPv6: one /64).",
                    hint="Close one, or ask now and then without `Accept: text/event-stream`.",
                )
            self._open[client] += 1

    def _give_back(self, client: str) -> None:
        with self._lock:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]

    async def _events(self, look: Callable[[str], Look], found: Look) -> AsyncIterator[bytes]:
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        silence, pause = 0.0, LOOK_SECONDS
        while True:
            for news in found.news:
                yield render(news)
            if found.is_over or self.is_stopping:
                return
            if found.news:
                silence, pause = 0.0, LOOK_SECONDS
            if silence >= KEEP_ALIVE_SECONDS:
                yield b": nothing new\n\n"
                silence = 0.0
            if not found.has_more:
                await asyncio.sleep(pause)
                silence, pause = silence + pause, min(1.5 * pause, LONGEST_LOOK_SECONDS)
            found = await run_in_threadpool(look, found.after)


class EventStream(StreamingResponse):
    """A response that ends with its events, with its reader, or where the reader takes too long."""

    def __init__(self, events: AsyncIterator[bytes], on_end: Callable[[], None]) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Accept"}
        super().__init__(events, media_type=MEDIA_TYPE, headers=headers)
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(SLOW_SECONDS):
                await send(message)

        try:
            await super().__call__(scope, receive, send_in_time)
        except* (TimeoutError, ClientDisconnect):
            _log.info("reader too slow, or gone", path=scope["path"])
        finally:
            self._on_end()


def render(news: News) -> bytes:
    """An event in the stream's form: ASCII, one line of data."""
    return f"event: {news.kind}\nid: {news.after}\ndata: {json.dumps(news.data)}\n\n".encode("ascii")
