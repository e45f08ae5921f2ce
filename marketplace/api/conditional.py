"""Conditional requests (RFC 9110, 13): who has an answer already is told so, in place of the answer.

What never changes has a strong entity tag; what may has a weak one, both made of the answer's own bytes. The answer is
computed all the same: what is saved is its way to the client, and where caches lie between, questions. Pages about the
market as a whole, which many poll, may be kept for a second: rounds are further apart.
"""

import hashlib
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NEVER_CHANGES = re.compile(r"/api/v1/rounds/\d+/transcript")
"""Fixed with its round. Not to be kept unasked all the same: another market may answer at this address tomorrow, as
`hive dev` does at each start, and its rounds have the same numbers. Blobs, which their content names, say for
themselves that they may (`api/blobs.py`)."""
ABOUT_THE_MARKET = re.compile(r"/api/v1/(cluster/\w+|rounds(/\d+)?|asks|config|status)")
FOR_A_MOMENT = "public, max-age=1"
ASK_AGAIN = "no-cache"
"""Keep it, and ask whether it still holds."""
OF_A_BODY = frozenset((b"content-encoding", b"content-language", b"content-length", b"content-range", b"content-type"))
"""What a 304 does without. Not all that begins so: the policy of a page comes with it, and replaces the one kept."""
_JSON = "application/json"


class Conditional:
    """ASGI middleware: entity tags for JSON answers to GET, and 304 for whoever names the right one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        wanted = ",".join(Headers(scope=scope).getlist("if-none-match"))
        await self._app(scope, receive, _Answer(scope["path"], wanted, send).take)


class _Answer:
    """One answer on its way: a JSON document is held until its tag is known, anything else passes."""

    def __init__(self, path: str, wanted: str, send: Send) -> None:
        self._path, self._wanted, self._send = path, wanted, send
        self._start: Message | None = None
        self._body: list[bytes] = []
        self._is_answered = False

    async def take(self, message: Message) -> None:
        if self._is_answered:
            return
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif self._start is None or message["type"] != "http.response.body":
            await self._send(message)
        else:
            self._body.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._finish(self._start, b"".join(self._body))

    async def _begin(self, message: Message) -> None:
        headers = MutableHeaders(raw=message["headers"])
        if message["status"] == 200 and "etag" in headers and matches(self._wanted, headers["etag"]):
            await self._not_modified(headers)
        elif message["status"] == 200 and headers.get("content-type", "") == _JSON and "etag" not in headers:
            self._start = message
        else:
            await self._send(message)

    async def _finish(self, start: Message, body: bytes) -> None:
        headers = MutableHeaders(raw=start["headers"])
        headers["ETag"] = tag_of(self._path, body)
        headers.setdefault("Cache-Control", cache_control_of(self._path))
        if matches(self._wanted, headers["ETag"]):
            await self._not_modified(headers)
            return
        await self._send({**start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})

    async def _not_modified(self, headers: MutableHeaders) -> None:
        """Without what describes a body, as there is none."""
        self._is_answered = True
        kept = [(name, value) for name, value in headers.raw if name.lower() not in OF_A_BODY]
        await self._send({"type": "http.response.start", "status": 304, "headers": kept})
        await self._send({"type": "http.response.body", "body": b""})


def tag_of(path: str, body: bytes) -> str:
    """The entity tag of an answer's bytes, weak unless what is at `path` never changes."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return tag if NEVER_CHANGES.fullmatch(path) else f"W/{tag}"


def cache_control_of(path: str) -> str:
    """How long what is at `path` may be kept without asking."""
    return FOR_A_MOMENT if ABOUT_THE_MARKET.fullmatch(path) else ASK_AGAIN


def matches(wanted: str, tag: str) -> bool:
    """Whether an `If-None-Match` names `tag`, by the weak comparison of RFC 9110, 8.8.3.2."""
    if wanted.strip() == "*":
        return True
    opaque = tag.removeprefix("W/")
    return any(found == opaque for found in re.findall(r'(?:W/)?("[^"]*")', wanted))
