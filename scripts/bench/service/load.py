"""Requests as bytes, and connections that send them: little work here, so that the service is what is measured."""

import http.client
import json
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

TIMEOUT = 60
"""Seconds that an answer may take."""
IDLE_SECONDS = 3.0
"""After so long without a request a connection is made anew: the service closes idle ones after five."""


@dataclass(frozen=True, slots=True)
class Request:
    """As it goes over the wire."""

    method: str
    path: str
    body: bytes | None = None
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Load:
    """What became of many requests: how many of them, in how long, and each one's own time."""

    count: int
    seconds: float
    latencies: tuple[float, ...]
    processor_seconds: float = 0.0
    """What the service's process took, where that was looked at."""

    @property
    def per_second(self) -> float:
        return self.count / self.seconds

    @property
    def processor_ms(self) -> float:
        """Milliseconds of one processor a request: what others do on the machine changes it little."""
        return self.processor_seconds / self.count * 1e3


class Refused(RuntimeError):
    """The service answered with something else than 2xx: then nothing was measured."""


class Line:
    """One connection that stays open; not to be shared between threads."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        self._used_at = time.monotonic()
        self.sent = 0
        """Requests so far."""

    def send(self, request: Request) -> Any:
        """The answer's document. Raises Refused; OSError where nobody is there."""
        headers = {"Content-Type": request.content_type} if request.body is not None else {}
        if time.monotonic() - self._used_at > IDLE_SECONDS:
            self._http.close()
        if self._http.sock is None:
            self._http.connect()
            self._http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent += 1
        try:
            self._http.request(request.method, request.path, request.body, headers)
            answer = self._http.getresponse()
            data = answer.read()
            self._used_at = time.monotonic()
        except (OSError, http.client.HTTPException):
            self._http.close()
            raise
        if not 200 <= answer.status < 300:
            raise Refused(f"{request.method} {request.path}: {answer.status} {data[:300].decode(errors='replace')}")
        return json.loads(data) if data else None

    def get(self, path: str) -> Any:
        """The document there."""
        return self.send(Request("GET", path))

    def close(self) -> None:
        """End the connection."""
        self._http.close()


def send_all(port: int, requests: Sequence[Request], connections: int) -> Load:
    """Send them all as fast as they are answered, each connection its share. Raises Refused for the first refusal."""
    shares = [requests[at::connections] for at in range(connections)]
    begun = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        taken = [one for share in pool.map(lambda share: _send_share(port, share), shares) for one in share]
    return Load(len(requests), time.perf_counter() - begun, tuple(taken))


def _send_share(port: int, share: Sequence[Request]) -> list[float]:
    line, taken = Line(port), []
    for request in share:
        begun = time.perf_counter()
        line.send(request)
        taken.append(time.perf_counter() - begun)
    line.close()
    return taken


def sum_of(loads: Sequence[Load]) -> Load:
    """One after the other, as one."""
    return Load(
        sum(load.count for load in loads),
        sum(load.seconds for load in loads),
        tuple(taken for load in loads for taken in load.latencies),
        sum(load.processor_seconds for load in loads),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all are not above (nearest rank, rounded up). Raises ValueError for no values."""
    if not values:
        raise ValueError("there is nothing to take a percentile of")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(len(ordered) * share * 1_000) // 1_000) - 1))]
