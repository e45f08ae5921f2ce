"""A registry of container images, asked over HTTP for what a digest names.

Strangers choose the names, so that nothing is asked but what the provider allows.

Every host that is spoken to stands in the provider's list, also where a registry sends the agent on (to another host
for the bytes, to one for a token). Registries are asked as anybody may ask them, with no password and through no proxy.
Encrypted, but for a registry on this machine's own loopback.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlencode

import httpx

from marketplace.errors import AgentError, DigestMismatch, MalformedMessage, NotFound, TooLarge
from marketplace.protocol.images import ImageProgram
from marketplace.protocol.parsing import parse_json

ANSWER_SECONDS = 30
MAX_MANIFEST_BYTES = 4_000_000
"""What registries are told to take at least, by the distribution specification."""
MAX_TOKEN_BYTES = 64_000
MAX_STEPS = 4
"""How often a registry may send the agent on for one thing."""
ATTEMPTS, PAUSE_SECONDS = 3, 2
ALIASES = {"docker.io": "registry-1.docker.io"}
"""Registries that answer elsewhere than at their name."""
INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_Answer = TypeVar("_Answer")
_REDIRECTS = (301, 302, 303, 307, 308)
_BUSY = (429, 500, 502, 503, 504)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3})(:\d+)?")


class Repository:
    """One repository of one registry. A context manager; for one thread.

    Methods raise NotFound for what is not there or not for everybody, AgentError for a registry that cannot be reached
    or sends the agent to where it may not go, and what `check` raises, which is called before each piece is kept.
    """

    def __init__(
        self,
        program: ImageProgram,
        allowed: Sequence[str],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Raises AgentError for a registry that the provider does not allow."""
        if program.registry not in allowed:
            raise AgentError(f"The registry {program.registry} is none that this machine's provider allows.")
        self._reference, self._check = program.reference, check
        self._host = ALIASES.get(program.registry, program.registry)
        self._allowed = frozenset(map(_netloc, [*allowed, self._host]))
        self._base = httpx.URL(f"{scheme_of(self._host)}://{self._host}/v2/{program.repository}/")
        self._token = ""
        # No proxies and no netrc of whoever started the agent: strangers choose what is asked for.
        self._client = httpx.Client(timeout=ANSWER_SECONDS, follow_redirects=False, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def manifest(self, digest: str) -> bytes:
        """A manifest, or an index of several, by `sha256:…`. Raises DigestMismatch, TooLarge."""
        accept = ", ".join((*MANIFEST_TYPES, *INDEX_TYPES))

        def read() -> bytes:
            with self._opened(f"manifests/{digest}", accept) as chunks:
                return b"".join(_at_most(chunks, MAX_MANIFEST_BYTES, "The image's manifest"))

        data = self._several_times(read)
        _require_digest(digest, hashlib.sha256(data).hexdigest())
        return data

    def save(self, digest: str, size: int, path: Path) -> None:
        """Write a blob to a file. Raises DigestMismatch; TooLarge for more than `size` bytes."""

        def write() -> str:
            seen = hashlib.sha256()
            with self._opened(f"blobs/{digest}", "*/*") as chunks, path.open("wb") as file:
                for chunk in _at_most(chunks, size, "The image's layer"):
                    seen.update(chunk)
                    file.write(chunk)
            return seen.hexdigest()

        _require_digest(digest, self._several_times(write))

    def _several_times(self, call: Callable[[], _Answer]) -> _Answer:
        """Also where a connection breaks in the middle."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return call()
            except (httpx.TransportError, _Busy) as error:
                if attempt == ATTEMPTS:
                    raise AgentError(f"The registry does not give {self._reference}: {error}.") from error
                time.sleep(attempt * PAUSE_SECONDS)
            except httpx.InvalidURL as error:
                raise AgentError(f"The registry sends the agent to no address: {error}.") from error
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def _opened(self, path: str, accept: str) -> Iterator[Iterator[bytes]]:
        """The body of what is at `path` of the repository, in pieces."""
        url, has_asked_for_token = self._base.join(path), False
        for _ in range(MAX_STEPS + 1):
            with self._client.stream("GET", url, headers=self._headers(url, accept)) as response:
                if response.status_code == 200:
                    yield self._wanted(response)
                    return
                if response.status_code == 401 and not has_asked_for_token:
                    has_asked_for_token, self._token = True, ""
                    challenge = response.headers.get("www-authenticate", "")
                elif response.status_code in _REDIRECTS:
                    url, challenge = self._permitted(url.join(response.headers.get("location", ""))), ""
                else:
                    raise self._refusal(response.status_code)
            if challenge:
                self._token = self._fetch_token(challenge)
        raise AgentError(f"The registry sends the agent on and on for {self._reference}.")

    def _wanted(self, response: httpx.Response) -> Iterator[bytes]:
        for chunk in response.iter_raw():  # as it is: what is hashed is what was sent
            self._check()
            yield chunk

    def _headers(self, url: httpx.URL, accept: str) -> dict[str, str]:
        """The token is for the registry alone, not for where it sends us."""
        plain = {"Accept": accept, "Accept-Encoding": "identity", "User-Agent": "computehive"}
        is_own = (url.scheme, url.netloc) == (self._base.scheme, self._base.netloc)
        return plain | ({"Authorization": f"Bearer {self._token}"} if self._token and is_own else {})

    def _permitted(self, url: httpx.URL) -> httpx.URL:
        """Raises AgentError for a host that is not allowed, or a connection that anybody could read."""
        host = url.netloc.decode()
        if host not in self._allowed or url.userinfo or url.scheme != scheme_of(host):
            raise AgentError(
                f"The registry sends the agent to {url.scheme}://{host}, which this machine's provider does not allow.",
                hint=f"A provider that trusts it adds {host} to COMPUTEHIVE_AGENT_REGISTRIES.",
            )
        return url

    def _fetch_token(self, challenge: str) -> str:
        """What anybody may read here, by the registry's own word: `WWW-Authenticate: Bearer realm="…",…`."""
        said = dict(_PARAMETER.findall(challenge))
        if not challenge.lower().startswith("bearer ") or "realm" not in said:
            raise self._refusal(401)
        asked = urlencode({key: said[key] for key in ("service", "scope") if key in said})
        url = self._permitted(httpx.URL(said["realm"]).copy_with(query=asked.encode()))
        with self._client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response:
            if response.status_code != 200:
                raise self._refusal(response.status_code)
            return _token_in(b"".join(_at_most(response.iter_raw(), MAX_TOKEN_BYTES, "The registry's token")))

    def _refusal(self, status: int) -> Exception:
        if status in _BUSY:
            return _Busy(f"it answers {status}")
        if status in (401, 403):
            return AgentError(f"The registry gives {self._reference} to nobody without a password (it says {status}).")
        if status == 404:
            return NotFound("image", self._reference)
        return AgentError(f"The registry does not give {self._reference}: it answers {status}.")


class _Busy(Exception):
    """The registry may answer otherwise in a moment."""


def _netloc(host: str) -> str:
    """A host as URLs have it, which leave out the port that their scheme has anyway."""
    return httpx.URL(f"{scheme_of(host)}://{host}").netloc.decode()


def scheme_of(host: str) -> str:
    """How a registry is spoken to."""
    return "http" if _LOOPBACK.fullmatch(host) else "https"


def ping(host: str) -> None:
    """Raises AgentError where no registry answers at `host`."""
    try:
        with httpx.Client(timeout=ANSWER_SECONDS, trust_env=False) as client:
            status = client.get(f"{scheme_of(ALIASES.get(host, host))}://{ALIASES.get(host, host)}/v2/").status_code
    except httpx.HTTPError as error:
        raise AgentError(f"The registry {host} does not answer: {error}.") from error
    if status not in (200, 401):
        raise AgentError(f"{host} is no registry: it answers {status} to /v2/.")


def _at_most(chunks: Iterator[bytes], most: int, what: str) -> Iterator[bytes]:
    seen = 0
    for chunk in chunks:
        seen += len(chunk)
        if seen > most:
            raise TooLarge(what, seen, most)
        yield chunk


def _require_digest(expected: str, actual: str) -> None:
    if expected != f"sha256:{actual}":
        raise DigestMismatch(expected=expected, actual=f"sha256:{actual}")


def _token_in(document: bytes) -> str:
    try:
        said = parse_json(document, "token")
        token = said.get("token") or said.get("access_token")
    except (MalformedMessage, AttributeError) as error:
        raise AgentError("The registry's token is no JSON.") from error
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise AgentError("The registry's answer holds no token.")
    return token
