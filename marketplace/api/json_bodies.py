"""No JSON body reaches the framework's reader that has not been read safely before: see `protocol/parsing.py`."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marketplace.errors import MalformedMessage
from marketplace.protocol.parsing import parse_json

LINES = b"application/x-ndjson"


class JsonBodies:
    """ASGI middleware: refuses a body that is no JSON where it is announced as JSON, or as nothing; not under `exempt`.

    It holds the whole body: put it inside of what limits its length.
    """

    def __init__(self, app: ASGIApp, *, exempt: str) -> None:
        self._app, self._exempt = app, exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self._exempt) or not _may_be_json(scope):
            await self._app(scope, receive, send)
            return
        is_read = False

        async def checked() -> Message:
            nonlocal is_read
            if is_read:
                return await receive()
            is_read = True
            body = await _read(receive)
            _check(body)
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, checked, send)


def _may_be_json(scope: Scope) -> bool:
    """Whether the framework could take the body for JSON: it goes by the type alone."""
    announced = b",".join(value for name, value in scope["headers"] if name == b"content-type")
    if announced.split(b";")[0].strip().lower() == LINES:
        return False  # not to the framework; `api/bulk.py` reads each line as safely
    return not announced or b"json" in announced.lower()


async def _read(receive: Receive) -> bytes:
    """The whole body, as far as it comes."""
    chunks: list[bytes] = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def _check(body: bytes) -> None:
    """Raises HTTPException, which is the one kind of error that the framework passes on from where a body is read."""
    if not body:
        return
    try:
        parse_json(body, "body")
    except MalformedMessage as error:
        raise HTTPException(400, error.values["problem"]) from error
