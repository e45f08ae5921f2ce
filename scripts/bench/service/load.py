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

    @property
    def per_second(self) -> float:
        return self.count / self.seconds


class Refused(RuntimeError):
    """The service answered with something else than 2xx: then nothing was measured."""


class Line:
    """One connection that stays open; not to be shared between threads."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)

    def send(self, request: Request) -> Any:
        """The answer's document. Raises Refused; OSError where nobody is there."""
        headers = {"Content-Type": request.content_type} if request.body is not None else {}
        if self._http.sock is None:
            self._http.connect()
            self._http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._http.request(request.method, request.path, request.body, headers)
            answer = self._http.getresponse()
            data = answer.read()
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


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all are not above (nearest rank, rounded up). Raises ValueError for no values."""
    if not values:
        raise ValueError("there is nothing to take a percentile of")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(len(ordered) * share * 1_000) // 1_000) - 1))]
