"""How much of the market one party may use: requests by address and account, new orders by whoever signed them.

Token buckets in this process's memory: a party may spend a minute's worth at once, then as it flows back. Nobody is
exempt, loopback neither: a proxy in front is to pass the address on (`X-Forwarded-For`, which the server believes from
whom the operator names, by default loopback alone). The fields are those of draft-ietf-httpapi-ratelimit-headers-10.

An order is counted as it goes into the book, and refused there if nothing is left, however many came with it: its
signature is good then, and it is new. So nobody can use up another's share, neither in its name nor with copies of what
it signed; and a copy is answered as ever when the share is spent.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from threading import Lock

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marketplace.api.problems import problem_response
from marketplace.domain.rules import Rules
from marketplace.errors import TooManyRequests

WINDOW_SECONDS = 60
MOST_PARTIES = 10_000
"""That are remembered at once; whom nothing was heard from for longest is forgotten first, and has all of its share."""


@dataclass(frozen=True, slots=True)
class Share:
    """What is left of a party's share: whole tokens, and seconds until it is complete, or the next one is there."""

    left: int
    full_in: int
    next_in: int


class Buckets:
    """A bucket of `size` tokens for each party, filled anew in WINDOW_SECONDS. Safe to share between threads."""

    def __init__(self, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.size = size
        self._clock = clock
        self._seen: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Tokens, and when there were so many."""
        self._lock = Lock()

    def look(self, party: str) -> Share:
        """Without taking anything."""
        with self._lock:
            return self._share(self._tokens(party))

    def take(self, party: str) -> Share | None:
        """One token; None where there is none."""
        with self._lock:
            tokens = self._tokens(party)
            if tokens < 1:
                return None
            self._seen[party] = (tokens - 1, self._clock())
            self._seen.move_to_end(party)
            if len(self._seen) > MOST_PARTIES:
                self._seen.popitem(last=False)
            return self._share(tokens - 1)

    def _tokens(self, party: str) -> float:
        tokens, at = self._seen.get(party, (float(self.size), 0.0))
        return min(self.size, tokens + (self._clock() - at) * self.size / WINDOW_SECONDS)

    def _share(self, tokens: float) -> Share:
        rate = self.size / WINDOW_SECONDS
        return Share(int(tokens), math.ceil((self.size - tokens) / rate), max(1, math.ceil((1 - tokens) / rate)))


class Limits:
    """The limits of one market. A size of 0 is no limit."""

    def __init__(self, rules: Rules) -> None:
        self.requests = Buckets(rules.requests_per_minute) if rules.requests_per_minute else None
        self.orders = Buckets(rules.orders_per_minute) if rules.orders_per_minute else None
        self.accounts = Buckets(rules.requests_per_minute) if rules.requests_per_minute else None

    @property
    def policy(self) -> str:
        """The field `RateLimit-Policy`; empty where there is none."""
        named = (("address", self.requests), ("signer", self.orders))
        return ", ".join(f'"{name}";q={each.size};w={WINDOW_SECONDS}' for name, each in named if each)

    def require_order(self, signer: str) -> None:
        """Raises TooManyRequests where `signer` has placed its share of new orders."""
        if self.orders and self.orders.look(signer).left < 1:
            raise self._refusal(self.orders, signer)

    def count_order(self, signer: str) -> None:
        """A new order of `signer` goes into the book. Raises TooManyRequests where none is left of its share."""
        if self.orders and self.orders.take(signer) is None:
            raise self._refusal(self.orders, signer)

    def count_request(self, account: str) -> None:
        """A request under a session or key of `account`, beside what its address is counted for.

        So nobody has more of the market for having more addresses, nor more for having more accounts. Raises
        TooManyRequests.
        """
        if self.accounts and self.accounts.take(account) is None:
            raise TooManyRequests(account, "requests", self.accounts.size, self.accounts.look(account).next_in)

    def _refusal(self, orders: Buckets, signer: str) -> TooManyRequests:
        return TooManyRequests(signer, "new orders", orders.size, orders.look(signer).next_in)


class RateLimit:
    """ASGI middleware: takes one token for each request, and says what is left."""

    def __init__(self, app: ASGIApp, *, limits: Limits) -> None:
        self._app, self._limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        buckets = self._limits.requests
        if scope["type"] != "http" or buckets is None:
            await self._app(scope, receive, send)
            return
        party = party_of(scope["client"][0] if scope.get("client") else "")
        share = buckets.take(party)
        left = share or buckets.look(party)

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["RateLimit-Policy"] = self._limits.policy
                if "public" not in headers.get("cache-control", ""):  # caches would tell one client's share to others
                    headers["RateLimit"] = f'"address";r={left.left};t={left.full_in}'
            await send(message)

        app = self._app if share else problem_response(TooManyRequests(party, "requests", buckets.size, left.next_in))
        await app(scope, receive, tell)


def party_of(address: str) -> str:
    """Who an address stands for: of IPv6 the first 64 bits, of which one household has all the rest."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    return str(found.ipv4_mapped) if found.ipv4_mapped else str(ip_network((found, 64), strict=False))
