"""Who may call from a browser's page, and what browsers are told about every answer.

Any page may, unless the operator names origins: nothing here is believed for a cookie, a password or an address, only
for signatures and for tokens that a page has
to show itself, so that it can do no more than its visitor's wallet signs. Being able to reach a market is a right
of its own where one stands in a private network: pages from outside are let in there only if they were named.
"""

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marketplace.protocol.positions import POSITION

ANY = "*"
SENT = ("Accept", "Authorization", "Content-Type", "If-None-Match", "Last-Event-ID", POSITION)
SHOWN = ("ETag", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", POSITION)
KEEP_SECONDS = 600
"""How long a browser need not ask again before it calls."""
PAGES = ("/docs", "/redoc")
"""What is made to be looked at: these load a script and a style sheet."""
FIELDS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
NOTHING_RUNS = "default-src 'none'; frame-ancestors 'none'"


def allow_origins(app: FastAPI, origins: tuple[str, ...]) -> None:
    """Answer the preflights of `origins`; ANY among them is everybody, () nobody."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE"],
        allow_headers=list(SENT),
        expose_headers=list(SHOWN),
        allow_credentials=False,
        allow_private_network=ANY not in origins,
        max_age=KEEP_SECONDS,
    )


class SafeAnswers:
    """ASGI middleware: no answer is sniffed, framed or run as a page; one may say of itself what it needs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(FIELDS)
                if not scope["path"].startswith(PAGES):
                    headers.setdefault("Content-Security-Policy", NOTHING_RUNS)
            await send(message)

        await self._app(scope, receive, tell if scope["type"] == "http" else send)
