"""Workflows: place, look at. They are withdrawn bid by bid, as all orders are."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import Field

from marketplace.api.bodies import Body, Signature
from marketplace.api.limits import Limits
from marketplace.api.paging import Cursor, Limit
from marketplace.protocol.eip712 import Address
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Bid
from marketplace.protocol.upstream import MAX_BIDS
from marketplace.services.market import Market
from marketplace.services.place_order import SignedBid
from marketplace.services.place_workflow import place_workflow
from marketplace.services.show_workflow import list_workflows, show_workflow

WorkflowId = Annotated[str, Path(pattern="^0x[0-9a-f]{64}$", description="The digest of its bids' hashes.")]


class WorkflowBid(Body):
    """One of a workflow's signed bids, and the job that it is for."""

    bid: Bid
    signature: Signature
    job_spec: JobSpec


class WorkflowBody(Body):
    """All bids of a workflow, by ascending salt: each job after those that it needs, its attempts in their order."""

    bids: Annotated[tuple[WorkflowBid, ...], Field(min_length=1, max_length=MAX_BIDS)]


def workflow_routes(market: Market, limits: Limits) -> APIRouter:
    """Everything under /workflows."""
    router = APIRouter(prefix="/api/v1/workflows", tags=["jobs"])

    @router.post(
        "",
        status_code=202,
        operation_id="place_workflow",
        summary="Place the signed bids of a workflow, all or none; 200 where it is there already",
    )
    def place(body: WorkflowBody, response: Response) -> dict[str, Any]:
        orders = [SignedBid(one.bid, one.signature, one.job_spec) for one in body.bids]
        placed = place_workflow(market, orders, limits)
        if not placed.is_new:
            response.status_code = 200
        response.headers["Location"] = f"/api/v1/workflows/{placed.workflow_id}"
        return show_workflow(market, placed.workflow_id)

    @router.get("", operation_id="list_workflows", summary="Workflows, newest first")
    def workflows(renter: Address | None = None, cursor: Cursor = None, limit: Limit = 50) -> dict[str, Any]:
        return list_workflows(market, renter=renter, cursor=cursor, limit=limit)

    @router.get("/{workflow_id}", operation_id="show_workflow", summary="State of a workflow and of each of its jobs")
    def workflow(workflow_id: WorkflowId) -> dict[str, Any]:
        return show_workflow(market, workflow_id)

    return router
