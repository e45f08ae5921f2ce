"""What those who keep the service running ask: is it alive, and is it ready."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from marketplace.services.market import Market
from marketplace.services.show_readiness import show_readiness
from marketplace.services.workers import Workers


@dataclass
class Health:
    """What is known once the service has started."""

    workers: Workers | None = None


def health_routes(market: Market, health: Health) -> APIRouter:
    """`/health/live` and `/health/ready`."""
    router = APIRouter(prefix="/api/v1/health", tags=["market"])

    @router.get("/live", operation_id="show_liveness", summary="The process answers; restart it where it does not")
    def live() -> dict[str, Any]:
        return {"status": "alive"}

    @router.get(
        "/ready",
        operation_id="show_readiness",
        summary="Database, chain and workers are at work; 503 with the reasons where one is not",
    )
    def ready() -> dict[str, Any]:
        return show_readiness(market, health.workers)

    return router
