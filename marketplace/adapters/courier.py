"""`ports.Courier` over httpcore: HTTPS to public addresses, many at once in an event loop of its own.

An endpoint's name is looked up, every address of the answer is checked, and what was checked is what is connected to;
certificates are still held against the name. Redirects are not followed, proxies of the environment not used, and of an
answer no more is read than it takes to use the connection again. The whole of it ends after a bounded time.
"""

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from contextlib import suppress
from ipaddress import ip_address, ip_network
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from marketplace.domain.webhooks import MAX_URL_CHARACTERS
from marketplace.network.addresses import AddressPolicy, Net, read_own
from marketplace.network.names import Names, Resolve, ask_the_system
from marketplace.ports import Answered, Parcel

SECONDS = 15.0
"""For one call: looking up, connecting, sending, and the answer's head."""
MOST_UNDER_WAY = 200
MAX_ANSWER_BYTES = 16_384
EVERYWHERE: tuple[Net, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))
USER_AGENT = "ComputeHive-Webhooks"


class Forbidden(httpcore.ConnectError):
    """An address that is not called."""


class HttpCourier:
    """Safe to share between threads; its own starts with the first parcel."""

    def __init__(
        self,
        let_through: Iterable[str] = (),
        *,
        resolve: Resolve = ask_the_system,
        tls: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        """`let_through` are networks that may be called beside public addresses, and without TLS: for tests.

        Raises ValueError for what is no network. `tls` is by default what httpx has: certifi's authorities, or those
        of SSL_CERT_FILE.
        """
        networks = tuple(ip_network(each) for each in let_through)
        self._secure = AddressPolicy(own=read_own(), let_through=networks)
        self._plain = AddressPolicy(own=EVERYWHERE, let_through=networks)
        self._resolve, self._tls, self._seconds = resolve, tls, seconds
        self._lock = Lock()
        self._under_way: set[str] = set()
        self._answered: list[Answered] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def refusal(self, url: str) -> str:
        """See `ports.Courier`: form, scheme and an address that is written out; names are looked up at each call."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return "is no address of an endpoint"
        host = parts.hostname or ""
        if len(url) > MAX_URL_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url:
            return f"expected at most {MAX_URL_CHARACTERS} printable ASCII characters"
        if parts.scheme not in ("https", "http") or not host or parts.username is not None or parts.fragment:
            return "expected https://HOST[:PORT]/PATH, without a user name or fragment"
        policy = self._secure if parts.scheme == "https" else self._plain
        if _is_address(host) and not policy.permits(host):
            return f"{host} is not called: only public addresses are, by https"
        if parts.scheme == "http" and not (_is_address(host) or self._plain.let_through):
            return "expected https: others could read and change what is sent"
        return "port 0 is none" if port == 0 else ""

    def under_way(self) -> frozenset[str]:
        """See `ports.Courier`."""
        with self._lock:
            return frozenset(self._under_way)

    @property
    def most(self) -> int:
        """See `ports.Courier`."""
        return MOST_UNDER_WAY

    def send(self, parcel: Parcel) -> None:
        """See `ports.Courier`."""
        with self._lock:
            if parcel.id in self._under_way:
                return
            self._under_way.add(parcel.id)
            if self._loop is None:
                self._loop = self._start()
        asyncio.run_coroutine_threadsafe(self._call(parcel), self._loop)

    def collect(self) -> list[Answered]:
        """See `ports.Courier`."""
        with self._lock:
            done, self._answered = self._answered, []
            self._under_way.difference_update(one.id for one in done)
        return done

    def close(self) -> None:
        """See `ports.Courier`."""
        with self._lock:
            loop, self._loop = self._loop, None
            self._under_way.clear()
            self._answered.clear()
        if loop is not None:
            with suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(self._end(), loop).result(self._seconds)
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join(self._seconds)
            loop.close()

    def _start(self) -> asyncio.AbstractEventLoop:
        loop, names = asyncio.new_event_loop(), Names(self._resolve)
        tls = self._tls or httpx.create_ssl_context()
        self._pools = {
            "https": _pool(tls, _To(self._secure, names)),
            "http": _pool(tls, _To(self._plain, names)),
        }
        self._thread = Thread(target=loop.run_forever, name="webhooks", daemon=True)
        self._thread.start()
        return loop

    async def _call(self, parcel: Parcel) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                answer = Answered(parcel.id, await self._post(parcel))
        except TimeoutError:
            answer = Answered(parcel.id, 0, f"no answer within {self._seconds:g} s")
        except asyncio.CancelledError:
            with self._lock:
                self._under_way.discard(parcel.id)
            raise
        except Exception as error:
            answer = Answered(parcel.id, 0, f"{type(error).__name__}: {error}".strip(": "))
        with self._lock:
            self._answered.append(answer)

    async def _post(self, parcel: Parcel) -> int:
        headers = {"user-agent": USER_AGENT, "accept": "*/*"} | dict(parcel.headers)
        pool = self._pools[urlsplit(parcel.url).scheme]
        async with pool.stream("POST", parcel.url, headers=list(headers.items()), content=parcel.body) as answer:
            size = 0
            async for part in answer.aiter_stream():
                size += len(part)
                if size > MAX_ANSWER_BYTES:
                    break
            return answer.status

    async def _end(self) -> None:
        calls = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        for pool in self._pools.values():
            await pool.aclose()


class _To(httpcore.AsyncNetworkBackend):
    """Connects to addresses that a policy permits, and to no name."""

    def __init__(self, policy: AddressPolicy, names: Names) -> None:
        self._policy, self._names = policy, names
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(self, host: str, port: int, timeout: float | None = None, *rest: Any, **more: Any) -> Any:
        found = [host] if _is_address(host) else await self._names.find(host)
        return await self._connect(_require_permitted(self._policy, host, found), port, timeout, *rest, **more)

    async def _connect(self, addresses: Sequence[str], port: int, *rest: Any, **more: Any) -> Any:
        """The first that answers; the error of the last."""
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, *rest, **more)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(addresses[-1], port, *rest, **more)

    async def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> Any:
        raise Forbidden(path)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def _pool(tls: ssl.SSLContext, backend: httpcore.AsyncNetworkBackend) -> httpcore.AsyncConnectionPool:
    return httpcore.AsyncConnectionPool(
        tls, max_connections=MOST_UNDER_WAY, max_keepalive_connections=20, keepalive_expiry=5.0, network_backend=backend
    )


def _require_permitted(policy: AddressPolicy, host: str, addresses: Sequence[str]) -> Sequence[str]:
    """One bad address among good ones refuses them all: nobody honest gives such an answer."""
    if not addresses:
        raise Forbidden(f"{host} has no address")
    if not all(map(policy.permits, addresses)):
        raise Forbidden(f"{host} has an address that is not called")  # which, is not its owner's to learn here
    return addresses


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
