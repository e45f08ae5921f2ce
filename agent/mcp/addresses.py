"""An MCP server that somebody else started, over streamable HTTP on this machine: what it says is bounded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams


class ServerAddress:
    """One connection to a server, for one job. To the SDK it is a transport: `connect`."""

    def __init__(self, url: str, max_bytes: int) -> None:
        self._url, self._left = url, max_bytes
        self.has_answered = False
        self.has_flooded = False
        self.status: int | None = None
        """Always None: how it ends is not ours to see."""
        self.errors = ""

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["TransportStreams"]:
        """Connect; its streams of messages. The time that it may take is the caller's matter."""
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        # No proxy of the environment: the server is on this machine.
        async with (
            httpx2.AsyncClient(transport=self._metered(), timeout=None, trust_env=False) as client,
            streamable_http_client(self._url, http_client=client) as streams,
        ):
            yield streams

    def _metered(self) -> Any:
        """A transport that counts what comes, and breaks off where it is too much."""
        import httpx2

        def count(size: int) -> None:
            self._left -= size
            if self._left < 0:
                self.has_flooded = True
                raise httpx2.ReadError("the server says more than the job may be told")

        class Stream(httpx2.AsyncByteStream):
            def __init__(self, inner: Any) -> None:
                self._inner = inner

            async def __aiter__(self) -> AsyncIterator[bytes]:
                async for chunk in self._inner:
                    count(len(chunk))
                    yield chunk

            async def aclose(self) -> None:
                await self._inner.aclose()

        class Metered(httpx2.AsyncHTTPTransport):
            async def handle_async_request(self, request: Any) -> Any:
                response = await super().handle_async_request(request)
                response.stream = Stream(response.stream)
                return response

        return Metered()
