"""Which requests replicas of the database may answer, and how new what they are shown has to be.

Only what is asked for by GET, and no stream, which tells things in one order. A client that has written, or was shown
something, is never shown anything from before it: each answer says where in the database's history it stands, and the
client says so again, or else its address is remembered here. What a replica does not know, and what it breaks off, the
primary is asked for before anybody hears of it.
"""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marketplace.api.limits import MOST_PARTIES, party_of
from marketplace.api.problems import problem_response
from marketplace.api.streams import wants_events
from marketplace.domain.views import View
from marketplace.errors import MalformedMessage, ServiceUnavailable
from marketplace.protocol.positions import POSITION, parse_position
from marketplace.services.market import Market

READS = ("GET", "HEAD")
STREAM = "/api/v1/market/events"
NOT_FOUND = 404


class Seen:
    """What each party was told of, as far as this process told it. Safe to share between threads."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()

    def of(self, party: str) -> int:
        with self._lock:
            return self._seen.get(party, 0)

    def note(self, party: str, position: int) -> None:
        with self._lock:
            self._seen[party] = max(position, self._seen.get(party, 0))
            self._seen.move_to_end(party)
            if len(self._seen) > MOST_PARTIES:
                self._seen.popitem(last=False)


class Views:
    """ASGI middleware, the innermost: without replicas it is not there."""

    def __init__(self, app: ASGIApp, *, market: Market) -> None:
        self._app, self._market, self._seen = app, market, Seen()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._market.store.replicas():
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            given = parse_position(headers[POSITION]) if POSITION in headers else 0
        except MalformedMessage as error:
            await problem_response(error)(scope, receive, send)
            return
        party = party_of(scope["client"][0] if scope.get("client") else "")
        if scope["method"] not in READS:
            await self._app(scope, receive, self._telling(send, party, given))
        elif scope["path"] == STREAM or wants_events(headers.get("accept", "")):
            await self._app(scope, receive, send)
        else:
            await self._show(scope, receive, send, party, View(needs=max(given, self._seen.of(party))))

    async def _show(self, scope: Scope, receive: Receive, send: Send, party: str, view: View) -> None:
        """Answer from a view; where that was a replica's and was not enough, once more from the primary's."""
        answer = _Answer(send, view, lambda position: self._seen.note(party, position))
        with self._market.store.viewing(view):
            await self._app(scope, receive, answer.take)
        if answer.is_withheld:
            again = View(needs=view.needs, may_be_old=False)
            with self._market.store.viewing(again):
                await self._app(scope, receive, _Answer(send, again, answer.note).take)

    def _telling(self, send: Send, party: str, given: int) -> Send:
        """Also on a refusal: what was written before it counts as well."""

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start" and (position := self._position(given)):
                self._seen.note(party, position)
                MutableHeaders(scope=message)[POSITION] = str(position)
            await send(message)

        return tell

    def _position(self, given: int) -> int:
        try:
            return max(given, self._market.store.position)
        except ServiceUnavailable:
            return given


class _Answer:
    """One answer on its way: withheld where it is a replica's, and the primary may know better."""

    def __init__(self, send: Send, view: View, note: Callable[[int], None]) -> None:
        self._send, self._view, self.note = send, view, note
        self.is_withheld = False

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.is_withheld = self._view.is_old and (self._view.has_failed or message["status"] == NOT_FOUND)
            if self._view.shown and not self.is_withheld:
                self.note(self._view.shown)
                MutableHeaders(scope=message)[POSITION] = str(self._view.shown)
        if not self.is_withheld:
            await self._send(message)
