"""Connections that send nothing, or next to nothing, are cut, and there are never more than a bound of them.

Uvicorn closes a connection that rests between two requests; one whose request never becomes complete it would keep for
ever. Here a request's head has to be there within a time, and its body has to come at a least rate.
"""

import json
import time
from asyncio import TimerHandle, Transport
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from marketplace.api.client_certificates import Network, tell_certificate
from marketplace.errors import ServiceUnavailable, problem_from_error

HEAD_SECONDS = 10.0
"""From the opening of a connection, or the end of the last answer, to the end of a request's head."""
BODY_SECONDS, BODY_RATE = 10.0, 4_096
"""A body may take so long, and a second more for each so many bytes that have come."""
LOOK_SECONDS = 0.5


def careful_protocol(
    most: int,
    head_seconds: float = HEAD_SECONDS,
    body_seconds: float = BODY_SECONDS,
    proxies: Sequence[str] = (),
) -> type[H11Protocol]:
    """The protocol for `uvicorn.Config(http=...)`: at most `most` connections at once, none of them idle for long.

    `proxies` are networks of those whose word for a client's certificate counts.
    """
    networks = tuple(map(ip_network, proxies))

    class Careful(_CarefulProtocol):
        most_connections, patience, body_patience = most, head_seconds, body_seconds
        certificate_proxies = networks

    return Careful


class _CarefulProtocol(H11Protocol):
    """One connection."""

    most_connections = 0
    patience = HEAD_SECONDS
    body_patience = BODY_SECONDS
    certificate_proxies: tuple[Network, ...] = ()
    _look: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Refuses one too many with a problem document."""
        if len(self.connections) >= self.most_connections:
            transport.write(_refusal())
            transport.close()
            self.transport, self._is_refused = transport, True
            return
        super().connection_made(transport)
        self.app = tell_certificate(self.app, transport, self.certificate_proxies)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone, or was cut."""
        if self._look is not None:
            self._look.cancel()
        if not self._is_refused:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what came of a body."""
        if self._is_refused:
            return
        was_in_body = self.conn.their_state is h11.SEND_BODY
        super().data_received(data)
        if self.conn.their_state is h11.SEND_BODY and not was_in_body:
            self._since, self._received = time.monotonic(), 0
        self._received += len(data)

    def on_response_complete(self) -> None:
        """The next request's head is waited for."""
        super().on_response_complete()
        self._since, self._received = time.monotonic(), 0

    _is_refused = False
    _since = 0.0
    _received = 0

    def _begin(self) -> None:
        self._since, self._received = time.monotonic(), 0
        self._look = self.loop.call_later(LOOK_SECONDS, self._cut_if_late)

    def _cut_if_late(self) -> None:
        if self.transport.is_closing():
            return
        if self.flow is not None and self.flow.read_paused:
            self._since += LOOK_SECONDS  # it is the market that takes its time
        if self._is_late():
            self.transport.abort()
            return
        self._look = self.loop.call_later(LOOK_SECONDS, self._cut_if_late)

    def _is_late(self) -> bool:
        waited = time.monotonic() - self._since
        if self.conn.their_state is h11.SEND_BODY:
            return waited > self.body_patience + self._received / BODY_RATE
        return self.conn.their_state is h11.IDLE and waited > self.patience


def _refusal() -> bytes:
    error = ServiceUnavailable("The market has as many connections as it takes.", hint="Try again in a moment.")
    body = json.dumps(cast(Any, problem_from_error(error))).encode()
    head = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 2\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
