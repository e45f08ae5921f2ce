"""The application: routes, problem documents, workers for as long as it runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from marketplace.api.blobs import blob_routes
from marketplace.api.body_limit import BodyLimit
from marketplace.api.grants import grant_routes
from marketplace.api.jobs import job_routes
from marketplace.api.json_bodies import JsonBodies
from marketplace.api.leases import lease_routes
from marketplace.api.nodes import general_routes, node_routes, round_routes
from marketplace.api.observed import Observed
from marketplace.api.oracles import oracle_routes
from marketplace.api.problems import install_problem_handlers
from marketplace.api.status import status_routes
from marketplace.api.streams import Streams
from marketplace.services.market import Market
from marketplace.services.workers import Workers

MAX_JSON_BYTES = 8_000_000
"""Of any body but a blob; a manifest of 10,000 files needs about a quarter of it."""
_BLOBS = "/api/v1/blobs/"


def build_app(
    market: Market,
    *,
    rpc_url: str = "",
    contracts: dict[str, str] | None = None,
    with_workers: bool = True,
) -> FastAPI:
    """The HTTP interface of `market`; its workers run between start-up and shutdown of the application."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        workers = Workers(market)
        if with_workers:
            workers.start()
        try:
            yield
        finally:
            workers.stop()

    app = FastAPI(
        title="ComputeHive market",
        version=_version(),
        summary="Signed orders in, rounds and leases out. Amounts are micro-USDC in decimal strings.",
        lifespan=lifespan,
    )
    app.state.market = market
    app.state.streams = streams = Streams(market.rules)
    install_problem_handlers(app)

    app.add_middleware(JsonBodies, exempt=_BLOBS)  # what is added last is outermost: the limit is
    app.add_middleware(BodyLimit, limit=MAX_JSON_BYTES, exempt=_BLOBS)
    app.add_middleware(Observed, instruments=market.instruments)
    for router in (
        general_routes(market, rpc_url, contracts or {"Escrow": market.chain.domain.escrow}),
        job_routes(market, streams),
        lease_routes(market),
        oracle_routes(market),
        grant_routes(market),
        node_routes(market),
        round_routes(market),
        blob_routes(market),
        status_routes(market),
    ):
        app.include_router(router)
    return app


def _version() -> str:
    try:
        return version("computehive")
    except PackageNotFoundError:
        return "0"
