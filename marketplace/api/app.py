"""The application: routes, problem documents, workers for as long as it runs."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from types import SimpleNamespace
from typing import Any, cast

from fastapi import FastAPI

from marketplace.api.access import access_routes
from marketplace.api.audit_log import audit_log_routes
from marketplace.api.blobs import blob_routes
from marketplace.api.body_limit import BodyLimit
from marketplace.api.bulk import bulk_routes
from marketplace.api.conditional import Conditional
from marketplace.api.encodings import PlainBodies
from marketplace.api.grants import grant_routes
from marketplace.api.health import Health, health_routes
from marketplace.api.jobs import job_routes
from marketplace.api.json_bodies import JsonBodies
from marketplace.api.leases import lease_routes
from marketplace.api.limits import Limits, RateLimit
from marketplace.api.nodes import general_routes, node_routes, round_routes
from marketplace.api.observed import Observed
from marketplace.api.openapi import install_openapi
from marketplace.api.oracles import oracle_routes
from marketplace.api.origins import SafeAnswers, allow_origins
from marketplace.api.peers import certificate_routes
from marketplace.api.problems import install_problem_handlers
from marketplace.api.status import status_routes
from marketplace.api.streams import Streams, market_stream_routes
from marketplace.api.views import Views
from marketplace.api.webhooks import webhook_routes
from marketplace.api.work_feeds import work_feed_routes
from marketplace.api.workflows import workflow_routes
from marketplace.domain.roles import WORKERS
from marketplace.domain.rules import Rules
from marketplace.services.instruments import Instruments
from marketplace.services.market import Market
from marketplace.services.workers import Workers
from marketplace.web.pages import page_routes

MAX_JSON_BYTES = 8_000_000
"""Of any body but a blob; a manifest of 10,000 files needs about a quarter of it."""
_BLOBS = "/api/v1/blobs/"


def build_app(
    market: Market,
    *,
    rpc_url: str = "",
    contracts: dict[str, str] | None = None,
    with_workers: bool = True,
    roles: Collection[str] = WORKERS,
) -> FastAPI:
    """The HTTP interface of `market`; workers with these roles run between start-up and shutdown of the application."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        workers = Workers(market, roles)
        if with_workers:
            workers.start()
            health.workers = workers
        try:
            yield
        finally:
            workers.stop()

    app = FastAPI(
        title="ComputeHive market",
        version=release(),
        summary="Signed orders in, rounds and leases out. Amounts are micro-USDC in decimal strings.",
        lifespan=lifespan,
    )
    app.state.market = market
    app.state.streams = streams = Streams(market.rules)
    limits, health = Limits(market.rules), Health()
    install_problem_handlers(app)

    app.add_middleware(Views, market=market)
    app.add_middleware(Conditional)
    app.add_middleware(JsonBodies, exempt=_BLOBS)  # what is added last is outermost: the limit is
    app.add_middleware(PlainBodies)
    app.add_middleware(BodyLimit, limit=MAX_JSON_BYTES, exempt=_BLOBS)
    app.add_middleware(RateLimit, limits=limits)
    allow_origins(app, market.rules.cors_origins)
    app.add_middleware(SafeAnswers)
    app.add_middleware(Observed, instruments=market.instruments)  # also of what the others refuse or need not send
    for router in (
        general_routes(market, rpc_url, contracts or {"Escrow": market.chain.domain.escrow}),
        health_routes(market, health),
        market_stream_routes(market, streams),
        work_feed_routes(market, streams),
        job_routes(market, streams, limits),
        bulk_routes(market, limits),
        workflow_routes(market, limits),
        lease_routes(market),
        oracle_routes(market),
        grant_routes(market),
        node_routes(market, limits),
        round_routes(market),
        access_routes(market, limits),
        webhook_routes(market, limits),
        blob_routes(market),
        status_routes(market),
        audit_log_routes(market),
    ):
        app.include_router(router)
    if market.authority is not None:
        app.include_router(certificate_routes(market))
    app.router.routes.extend(page_routes())
    install_openapi(app)
    return app


def openapi_document() -> dict[str, Any]:
    """The interface's OpenAPI document without a market: it is made of the routes, none of which is called."""
    nothing = cast(Market, SimpleNamespace(rules=Rules(), instruments=Instruments(), authority=None))
    return build_app(nothing, contracts={"Escrow": ""}, with_workers=False).openapi()


def release() -> str:
    """This program's version."""
    try:
        return version("computehive")
    except PackageNotFoundError:
        return "0"
