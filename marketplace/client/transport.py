"""One request at a time to a market: problem documents become errors again, transport trouble one clear sentence.

Only calls that may be repeated without harm are repeated: reads, uploads named by their content, pure questions, and
orders, which their hash makes one and the same however often they arrive.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from marketplace.errors import MalformedMessage, MarketError, NotFound, ServiceUnavailable, error_from_problem
from marketplace.protocol.parsing import parse_json
from marketplace.telemetry.here import here

DEFAULT_TIMEOUT = 30.0
"""Seconds for one attempt, connecting included."""
ATTEMPTS = 4
"""Tries of a repeatable call: the first and three more."""
FIRST_PAUSE = 0.2
"""Seconds before the second try; doubled before each further one."""
_BUSY = frozenset({429, 502, 503, 504})


class Transport:
    """An HTTP connection pool to one market. Safe to share between threads; close it when done."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=self.base_url,
            timeout=timeout,
            transport=transport,
            headers={"Accept": "application/json"},
        )

    def close(self) -> None:
        """Return the connections."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        params: Mapping[str, Any] | None = None,
        repeatable: bool | None = None,
    ) -> httpx.Response:
        """Send, and return a 2xx response.

        `repeatable` says that sending twice does no harm; by default that holds for GET, HEAD and PUT.
        Raises the MarketError that the service raised, or ServiceUnavailable where it did not answer as itself.
        """
        may_repeat = method in ("GET", "HEAD", "PUT") if repeatable is None else repeatable
        attempts = ATTEMPTS if may_repeat else 1
        wanted = {key: value for key, value in (params or {}).items() if value is not None}
        for attempt in range(1, attempts + 1):
            try:
                response = self._http.request(
                    method, path, json=json, content=content, params=wanted, headers=_trace_headers()
                )
            except (httpx.TransportError, httpx.InvalidURL) as error:
                trouble: MarketError = self._unreachable(error)
            else:
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
                f"{self.base_url} answered {method} {path} with something that is not JSON.",
                hint="Check that this is the address of a ComputeHive market.",
                url=self.base_url,
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
                yield response
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> ServiceUnavailable:
        reason = "took too long" if isinstance(error, httpx.TimeoutException) else str(error) or type(error).__name__
        return ServiceUnavailable(
            f"The market at {self.base_url} does not answer ({reason}).",
            hint="Start a local one with `hive dev`, or name the right one with --url or COMPUTEHIVE_URL.",
            url=self.base_url,
        )

    def _refusal(self, response: httpx.Response) -> MarketError:
        problem = _problem_document(response)
        if problem is not None:
            return error_from_problem(problem)
        if response.request.method == "HEAD" and response.status_code == 404:
            return NotFound("resource", response.request.url.path)  # an answer to HEAD has no body to say so
        return ServiceUnavailable(
            f"{self.base_url} answered {response.request.method} {response.request.url.path}"
            f" with HTTP {response.status_code} and no explanation.",
            hint="Check that this is the address of a ComputeHive market, and its log if it is yours.",
            url=self.base_url,
            status=response.status_code,
        )


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
