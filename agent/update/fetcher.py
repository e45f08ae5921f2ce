"""Fetches what The Update Framework asks for, with bounds of time beside its own bounds of length.

Not python-tuf's own fetcher: that one lets errors of the network through as they are, and waits for as long as a
trickle goes on.
"""

import time
from collections.abc import Callable, Iterator

import httpx
from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError
from tuf.ngclient import FetcherInterface

SILENCE_SECONDS = 30
FILE_SECONDS = 900
"""How long one file may take, however it comes."""
MAX_REDIRECTS = 5


class BoundedFetcher(FetcherInterface):
    """One client for one run. What is at the other end is not trusted with anything but time, which is bounded."""

    def __init__(self, seconds: float = FILE_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._client = httpx.Client(
            timeout=min(SILENCE_SECONDS, seconds),
            follow_redirects=True,
            max_redirects=MAX_REDIRECTS,
            headers={"Accept-Encoding": "identity", "User-Agent": "computehive"},
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _fetch(self, url: str) -> Iterator[bytes]:
        until = self._clock() + self._seconds
        try:
            with self._client.stream("GET", url) as answer:
                if answer.status_code >= 400:
                    raise DownloadHTTPError(f"{url} answers with {answer.status_code}", answer.status_code)
                for chunk in answer.iter_raw():
                    if self._clock() > until:
                        raise SlowRetrievalError(f"{url} took longer than {self._seconds:g} s")
                    yield chunk
        except httpx.TimeoutException as error:
            raise SlowRetrievalError(f"{url} went silent") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DownloadError(f"{url}: {error}") from error
