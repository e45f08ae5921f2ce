"""The dApp's pages with the test wallet beside them, on loopback alone, as long as `hive dev` runs.

The market itself serves the same pages without it, here as anywhere: these are a second server, in the process of
`hive dev`. Pages of others cannot reach it: it answers to its own name alone (another name that leads to this machine,
DNS rebinding, is refused) and signs for its own pages alone (`Origin`).
"""

import html
import json
import threading
import time
from pathlib import Path
from typing import Any, Self

import httpx
import uvicorn
from eth_abi.exceptions import EncodingError
from eth_utils import ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from marketplace.cli.devwallet.wallet import DevWallet, Refusal
from marketplace.devnet.process import ProcessFailed
from marketplace.errors import MarketError
from marketplace.web.pages import ASK_AGAIN, FOLDER, POLICY, page_routes

HOST = "127.0.0.1"
"""The only address it listens on; there is no setting for another."""
NAMES = (HOST, "localhost")
FILES = {"/dev-wallet.js": "wallet.js", "/dev-wallet.css": "wallet.css"}
ASK = "/dev-wallet"
INTERNAL, DISCONNECTED = -32603, 4900
NONSENSE = (MarketError, ValueError, TypeError, KeyError, ValidationError, EncodingError)
"""What libraries raise of parameters that are none."""
LARGEST = 1_000_000
"""Bytes of a question."""
START_SECONDS, STOP_SECONDS, LOOK_SECONDS = 10, 5, 0.02


def is_built() -> bool:
    """Whether there are pages to serve."""
    return (FOLDER / "index.html").is_file()


class OwnNameOnly:
    """ASGI middleware: who calls it by another name, or from elsewhere, is refused."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._names = {f"{name}:{port}".encode() for name in NAMES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_ours(scope):
            refused = PlainTextResponse("This is for a browser on this machine alone.", 403)
            return await refused(scope, receive, send)
        await self._app(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        client = scope.get("client")
        return len(hosts) == 1 and hosts[0] in self._names and client is not None and client[0] == HOST


def build_pages(wallet: DevWallet, market_url: str, port: int) -> Starlette:
    """The dApp for the market at `market_url`, with the wallet in it."""
    origins = {f"http://{name}:{port}" for name in NAMES}

    async def index(_: Request) -> Response:
        text = with_wallet((FOLDER / "index.html").read_text(), wallet, market_url)
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": ASK_AGAIN}
        return Response(text, media_type="text/html", headers=headers)

    async def file(request: Request) -> Response:
        return FileResponse(Path(__file__).with_name(FILES[request.url.path]), headers={"Cache-Control": ASK_AGAIN})

    async def ask(request: Request) -> Response:
        if request.headers.get("origin") not in origins:
            return PlainTextResponse("The test wallet signs for its own pages alone.", 403)
        if int(request.headers.get("content-length", LARGEST + 1)) > LARGEST:
            return PlainTextResponse("That is too long for a question.", 413)
        return JSONResponse(await run_in_threadpool(answer, wallet, await request.body()))

    routes = [
        Route("/", index),
        *(Route(path, file) for path in FILES),
        Route(ASK, ask, methods=["POST"]),
        *page_routes(),
    ]
    return Starlette(routes=routes, middleware=[Middleware(OwnNameOnly, port=port)])


def with_wallet(page: str, wallet: DevWallet, market_url: str) -> str:
    """The dApp's page which loads the wallet before itself; both are files, as its policy demands."""
    known = {"chainId": wallet.chain_id, "accounts": wallet.accounts, "market": market_url}
    script = f'<script src="./dev-wallet.js" data-known="{html.escape(json.dumps(known))}"></script>'
    return page.replace("</head>", f'<link rel="stylesheet" href="./dev-wallet.css" />{script}</head>', 1)


def answer(wallet: DevWallet, body: bytes) -> dict[str, Any]:
    """The answer to one question of the page: {"ask": "answer" or "describe", "method", "params"}."""
    try:
        asked = json.loads(body)
        method, params = str(asked["method"]), list(asked.get("params") or [])
        does = wallet.describe if asked["ask"] == "describe" else wallet.answer
        return {"result": does(method, params)}
    except Refusal as refusal:
        return {"error": {"code": refusal.code, "message": str(refusal)}}
    except ProcessFailed as failed:  # what the node refused, in its words
        return {"error": {"code": INTERNAL, "message": failed.message}}
    except httpx.HTTPError as error:
        return {"error": {"code": DISCONNECTED, "message": f"The local chain does not answer: {error}"}}
    except NONSENSE as error:
        return {"error": {"code": INTERNAL, "message": f"The test wallet cannot make sense of this: {error}"}}


class DevPages:
    """Serves the pages in a thread between `start` and `stop`."""

    def __init__(self, wallet: DevWallet, market_url: str, port: int) -> None:
        self.url = f"http://{HOST}:{port}"
        app = build_pages(wallet, market_url, port)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app, host=HOST, port=port, log_level="error", ws="none", proxy_headers=False, server_header=False
            )
        )
        self._thread = threading.Thread(target=self._server.run, name="dev-pages", daemon=True)

    def start(self) -> Self:
        """Returns once it answers. Raises ProcessFailed where it does not."""
        self._thread.start()
        until = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise ProcessFailed(f"The pages at {self.url} did not start.")
            time.sleep(LOOK_SECONDS)
        return self

    def stop(self) -> None:
        """End it; open connections are cut with the process."""
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
