"""No request reaches the SDK's own readers that has not been read safely before: see `marketplace/protocol/parsing.py`.

The SDK reads some bodies with Python's own reader, which follows brackets as deep as the recursion limit lets it; where
a library has raised that limit, a few hundred kilobytes of them end the process, and every run with it.
"""

from typing import Any

from marketplace.errors import MalformedMessage, TooLarge
from marketplace.protocol.parsing import parse_json

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Of one request: the SDK's own bound. Files that are larger are named, not sent (`SharedFolder`)."""

App = Any
"""An ASGI application; its types come with the SDK, which is optional."""


def require_json(app: App, limit: int = MAX_BODY_BYTES) -> App:
    """The ASGI application for requests whose body is empty or JSON that is not too deep; 413 or 400 for others."""

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        try:
            body = await _read(receive, limit)
            if body:
                parse_json(body, "The request")
        except TooLarge as error:
            await _refuse(send, 413, error.message)
            return
        except MalformedMessage as error:
            await _refuse(send, 400, error.message)
            return
        if body is not None:
            await app(scope, _again(body, receive), send)

    return guarded


async def _read(receive: Any, limit: int) -> bytes | None:
    """The whole body; None where the client has gone. Raises TooLarge as soon as it is, whatever was announced."""
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise TooLarge("The request", size, limit)
        more = message.get("more_body", False)
    return b"".join(chunks)


def _again(body: bytes, receive: Any) -> Any:
    """A `receive` that gives the body once more, then what comes after it."""
    is_given = False

    async def replayed() -> Any:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


async def _refuse(send: Any, status: int, reason: str) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": f"{reason}\n".encode()})
