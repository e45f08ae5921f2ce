"""An ASGI application behind a synchronous httpx client: no socket, no thread of its own."""

import asyncio
from collections.abc import AsyncIterator

import httpx


class AppTransport(httpx.BaseTransport):
    """Each request in an event loop of its own. A bug in the application is its 500 answer, as over a socket."""

    def __init__(self, app) -> None:
        self._inner = httpx.ASGITransport(app, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._handle(request, list(request.stream)))

    async def _handle(self, request: httpx.Request, chunks: list[bytes]) -> httpx.Response:
        async def body() -> AsyncIterator[bytes]:
            for chunk in chunks:
                yield chunk

        forwarded = httpx.Request(
            request.method, request.url, headers=request.headers, content=body(), extensions=request.extensions
        )
        forwarded.headers = request.headers
        response = await self._inner.handle_async_request(forwarded)
        content = await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=content, request=request)


def client_of(app) -> httpx.Client:
    """A client of `app`."""
    return httpx.Client(base_url="http://market.test", transport=AppTransport(app))
