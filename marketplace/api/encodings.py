"""No body is unpacked: one that says it is compressed is refused before it is read, so that none can grow."""

from starlette.types import ASGIApp, Receive, Scope, Send

from marketplace.api.problems import problem_response
from marketplace.errors import UnsupportedEncoding

_PLAIN = (b"", b"identity")


class PlainBodies:
    """ASGI middleware: refuses a request with a `Content-Encoding`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = scope["headers"] if scope["type"] == "http" else ()
        encoding = b",".join(value for name, value in headers if name == b"content-encoding").strip().lower()
        if encoding in _PLAIN:
            await self._app(scope, receive, send)
            return
        told = encoding.decode("latin-1")[:100]
        error = UnsupportedEncoding(
            f"Content-Encoding: {told!r} is not taken.", hint="Send the body as it is.", encoding=told
        )
        await problem_response(error)(scope, receive, send)
