"""The dApp's files, served beside the interface that they use. One build fits every market: it asks its own address.

Nothing of it is needed for the market to work, nor the market for them: any server of files can serve the folder.
"""

from collections.abc import Mapping
from pathlib import Path

from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from marketplace.errors import NotFound

FOLDER = Path(__file__).with_name("static")
ASSETS = "/assets"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # wallets announce their icons as data (EIP-6963)
        # Another market, and any node of the chain: who leaves a market that is down chooses one.
        "connect-src 'self' https: http://127.0.0.1:* http://localhost:*",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Content Security Policy: no script and no style but ours, none inline; what is fetched is data."""
FOR_EVER = "public, max-age=31536000, immutable"
"""Of what has its content's hash in its name."""
ASK_AGAIN = "no-cache"


class _Assets(StaticFiles):
    """Files whose names change with their content."""

    async def get_response(self, path: str, scope: Mapping[str, object]) -> Response:  # type: ignore[override]
        response = await super().get_response(path, scope)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = FOR_EVER
        return response


def page_routes() -> list[BaseRoute]:
    """`/`, its icon, and what they load; without a build, `/` says how to have one."""
    folder = FOLDER

    async def index(_: Request) -> Response:
        file = folder / "index.html"
        if not file.is_file():
            raise NotFound("build of", "the dApp", hint="In a checkout `make web` makes one.")
        return FileResponse(file, headers={"Content-Security-Policy": POLICY, "Cache-Control": ASK_AGAIN})

    async def icon(_: Request) -> Response:
        return FileResponse(folder / "icon.svg", headers={"Cache-Control": ASK_AGAIN})

    assets = GZipMiddleware(_Assets(directory=folder / "assets", check_dir=False), minimum_size=1000)
    return [Route("/", index), Route("/icon.svg", icon), Mount(ASSETS, assets)]
