"""One request at a time to a market: problem documents become errors again, transport trouble one clear sentence.

Only calls that may be repeated without harm are repeated: reads, uploads named by their content, pure questions, and
orders, which their hash makes one and the same however often they arrive.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

import httpx

from marketplace.client.positions import LastPosition
from marketplace.errors import (
    InputError,
    MalformedMessage,
    MarketError,
    NotFound,
    ServiceUnavailable,
    error_from_problem,
)
from marketplace.protocol.parsing import parse_json
from marketplace.protocol.positions import POSITION
from marketplace.telemetry.here import here

DEFAULT_TIMEOUT = 30.0
"""Seconds for one attempt, connecting included."""
ATTEMPTS = 4
"""Tries of a repeatable call: the first and three more."""
FIRST_PAUSE = 0.2
"""Seconds before the second try; doubled before each further one."""
MOST_BYTES = 1_000_000_000
"""Of one answer, unpacked: a market that sends on and on is believed no more than one that lies, and costs no more."""
_BUSY = frozenset({429, 502, 503, 504})
_OF_THE_TRANSFER = frozenset({"content-encoding", "content-length", "transfer-encoding"})


Context = Callable[[], ssl.SSLContext]


class Transport:
    """An HTTP connection pool to one market. Safe to share between threads; close it when done."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        context: Context | None = None,
    ) -> None:
        """`context` is what TLS is spoken with, asked for again by `reconnect`; none: the usual one.

        Raises InputError for what is no address.
        """
        self.base_url = base_url.rstrip("/")
        self._shown = _without_password(self.base_url)
        self._sleep = sleep
        self._position = LastPosition()
        self._open = lambda: httpx.Client(
            base_url=self.base_url,
            timeout=timeout,
            transport=transport,
            headers={"Accept": "application/json"},
            verify=context() if context is not None else True,
        )
        try:
            self._http = self._open()
        except httpx.InvalidURL as error:
            why = f": {error}" if "@" not in base_url else ""  # it may be the password that is no port
            raise InputError(
                f"{self._shown} is not the address of a market{why}.", hint="Write it as http://HOST:PORT."
            ) from None
        self._former: httpx.Client | None = None
        self._streams: set[httpx.Response] = set()
        self._lock = Lock()

    def reconnect(self) -> None:
        """Make all further requests over new connections; those of the time before last are closed.

        Streams end now, with ServiceUnavailable for who reads them: they would go on for ever as whom they began as,
        and a reader of a connection that is only closed would wait for its next byte until its patience ends.
        """
        former, self._former, self._http = self._former, self._http, self._open()
        with self._lock:
            streams = list(self._streams)
        for each in streams:
            cut(each)
        if former is not None:  # nothing is under way there any more
            former.close()

    def close(self) -> None:
        """Return the connections."""
        self._http.close()
        if self._former is not None:
            self._former.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        params: Mapping[str, Any] | None = None,
        repeatable: bool | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> httpx.Response:
        """Send, and return a 2xx response of at most `most_bytes`.

        `repeatable` says that sending twice does no harm; by default that holds for GET, HEAD and PUT.
        Raises the MarketError that the service raised, or ServiceUnavailable where it did not answer as itself.
        """
        may_repeat = method in ("GET", "HEAD", "PUT") if repeatable is None else repeatable
        attempts = ATTEMPTS if may_repeat else 1
        wanted = {key: value for key, value in (params or {}).items() if value is not None}
        for attempt in range(1, attempts + 1):
            try:
                with self._http.stream(
                    method, path, json=json, content=content, params=wanted, headers=self._headers()
                ) as coming:
                    response = self._read(coming, most_bytes)
            except (httpx.TransportError, httpx.InvalidURL) as error:
                trouble: MarketError = self._unreachable(error)
            else:
                self._position.note(response.headers.get(POSITION, ""))
                if response.is_success:
                    return response
                trouble = self._refusal(response)
                if response.status_code not in _BUSY:
                    raise trouble
            if attempt == attempts:
                raise trouble
            self._sleep(FIRST_PAUSE * 2 ** (attempt - 1))
        raise AssertionError("unreachable: the loop returns or raises")

    def json(self, method: str, path: str, **options: Any) -> Any:
        """The JSON body of `request`. Raises ServiceUnavailable where the answer is not JSON."""
        response = self.request(method, path, **options)
        try:
            return parse_json(response.content, "answer")
        except MalformedMessage as error:
            raise ServiceUnavailable(
                f"{self._shown} answered {method} {path} with something that is not JSON.",
                hint="Check that this is the address of a ComputeHive market.",
                url=self._shown,
            ) from error

    @contextmanager
    def stream(self, path: str, *, headers: Mapping[str, str], silence: float) -> Iterator[httpx.Response]:
        """A response whose bytes are still to come, to a GET that is tried once; `silence` in seconds ends it.

        Raises as `request`, also from within the block.
        """
        timeout = httpx.Timeout(DEFAULT_TIMEOUT, read=silence)
        try:
            with self._http.stream("GET", path, headers=headers, timeout=timeout) as response:
                if not response.is_success:
                    response.read()
                    raise self._refusal(response)
                with self._noted(response):
                    yield response
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from error

    @contextmanager
    def _noted(self, response: httpx.Response) -> Iterator[None]:
        """As long as its bytes are still to come, for `reconnect`."""
        with self._lock:
            self._streams.add(response)
        try:
            yield
        finally:
            with self._lock:
                self._streams.discard(response)

    def _read(self, coming: httpx.Response, most_bytes: int) -> httpx.Response:
        """The response with all of its body, unpacked. Raises ServiceUnavailable as soon as that is too much."""
        body = bytearray()
        for piece in coming.iter_bytes():
            body += piece
            if len(body) > most_bytes:
                raise ServiceUnavailable(
                    f"{self._shown} answered {coming.request.method} {coming.request.url.path} with more than the"
                    f" {most_bytes} bytes that it may have.",
                    hint="Check that this is the address of a ComputeHive market.",
                    url=self._shown,
                )
        headers = [(name, value) for name, value in coming.headers.multi_items() if name not in _OF_THE_TRANSFER]
        return httpx.Response(coming.status_code, headers=headers, content=bytes(body), request=coming.request)

    def _headers(self) -> dict[str, str]:
        return _trace_headers() | self._position.headers()

    def _unreachable(self, error: Exception) -> ServiceUnavailable:
        reason = "took too long" if isinstance(error, httpx.TimeoutException) else str(error) or type(error).__name__
        return ServiceUnavailable(
            f"The market at {self._shown} does not answer ({reason}).",
            hint="Start a local one with `hive dev`, or name the right one with --url or COMPUTEHIVE_URL.",
            url=self._shown,
        )

    def _refusal(self, response: httpx.Response) -> MarketError:
        problem = _problem_document(response)
        if problem is not None:
            return error_from_problem(problem)
        if response.request.method == "HEAD" and response.status_code == 404:
            return NotFound("resource", response.request.url.path)  # an answer to HEAD has no body to say so
        return ServiceUnavailable(
            f"{self._shown} answered {response.request.method} {response.request.url.path}"
            f" with HTTP {response.status_code} and no explanation.",
            hint="Check that this is the address of a ComputeHive market, and its log if it is yours.",
            url=self._shown,
            status=response.status_code,
        )


def _without_password(url: str) -> str:
    """As it may be shown: what stands before an @ may be a name and a password for a proxy."""
    scheme, mark, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{mark}{place.rpartition('@')[2]}{slash}{path}"


def cut(response: httpx.Response) -> None:
    """End the connection of a response whose bytes are still to come, from any thread, where another waits for them.

    A socket that is only closed would keep a thread that reads from it.
    """
    stream = response.extensions.get("network_stream")
    connection = stream.get_extra_info("socket") if stream is not None else None
    if connection is not None:
        with suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _trace_headers() -> dict[str, str]:
    """Where in a job's trace the request is made, if it is (W3C Trace Context)."""
    place = here()
    return {"traceparent": str(place)} if place is not None else {}


def _problem_document(response: httpx.Response) -> dict[str, Any] | None:
    """The RFC 9457 document in a response, if there is one of ours."""
    try:
        document = parse_json(response.content, "problem")
    except MalformedMessage:
        return None
    if not isinstance(document, dict) or not ({"code", "type"} & document.keys()) or "detail" not in document:
        return None
    return document
