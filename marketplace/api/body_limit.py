"""No body but a blob's is read beyond a limit, however it is announced: a chunked one says nothing of its length."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marketplace.errors import TooLarge


class BodyTooLarge(HTTPException):
    """Raised while the body is read; `problem` is what the caller is told."""

    def __init__(self, size: int, limit: int) -> None:
        self.problem = TooLarge("The request", size, limit)
        super().__init__(self.problem.status, self.problem.message)


class BodyLimit:
    """ASGI middleware: at most `limit` bytes of a body, except under `exempt`, which has a limit of its own."""

    def __init__(self, app: ASGIApp, *, limit: int, exempt: str) -> None:
        self._app, self._limit, self._exempt = app, limit, exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self._exempt):
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"")
        size = int(announced) if announced.isdigit() and int(announced) > self._limit else 0

        async def limited() -> Message:
            nonlocal size
            if size > self._limit:
                raise BodyTooLarge(size, self._limit)
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._limit:
                raise BodyTooLarge(size, self._limit)
            return message

        await self._app(scope, limited, send)
