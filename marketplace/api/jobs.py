"""Jobs: quote, submit, look at, cancel, refund."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from marketplace.api.bodies import CancelBody, JobBody, QuoteBody
from marketplace.api.limits import Limits
from marketplace.api.paging import Cursor, Limit, States, parse_states
from marketplace.api.streams import DESCRIPTION, Accept, LastEventId, Streams, wants_events
from marketplace.protocol.eip712 import Address
from marketplace.services.advise_job import advise_job
from marketplace.services.cancel_order import cancel_order
from marketplace.services.clear_round import fill_now, round_of
from marketplace.services.follow_job import job_news, log_news
from marketplace.services.market import Market
from marketplace.services.place_order import place_bid
from marketplace.services.quote_job import quote_job
from marketplace.services.refund_lease import request_refund
from marketplace.services.show_job import (
    list_jobs,
    show_cost,
    show_events,
    show_explanation,
    show_job,
    show_logs,
    show_result,
)

JobId = Annotated[str, Path(pattern="^0x[0-9a-f]{64}$", description="The bid's hash.")]


def job_routes(market: Market, streams: Streams, limits: Limits) -> APIRouter:
    """Everything under /jobs, /quotes and /cancellations."""
    router = APIRouter(prefix="/api/v1", tags=["jobs"])

    @router.post("/quotes", operation_id="quote_job", summary="What would this cost, where, and what stands in the way")
    def quote(body: QuoteBody) -> dict[str, Any]:
        return quote_job(
            market,
            body.resources.to_resources(),
            body.job_spec,
            body.replicas,
            body.max_price,
        )

    @router.post(
        "/quotes/advice",
        operation_id="advise_job",
        summary="How likely a price is to be enough, and what would make the job cheaper",
    )
    def advice(body: QuoteBody) -> dict[str, Any]:
        return advise_job(market, body.resources.to_resources(), body.job_spec, body.replicas, body.max_price)

    @router.post(
        "/jobs/submit",
        status_code=202,
        operation_id="place_bid",
        summary="Place a signed bid; 200 where it is there already",
    )
    @router.post("/jobs", status_code=202, include_in_schema=False)
    def submit(body: JobBody, response: Response) -> dict[str, Any]:
        placed = place_bid(market, body.bid, body.signature, body.job_spec, limits)
        if not placed.is_new:
            response.status_code = 200
        # Only who places a bid decides when: a signed bid is public, and anybody can send it again.
        number = fill_now(market, placed.order_hash) if body.now and placed.is_new else None
        number = number if placed.is_new else round_of(market, placed.order_hash)
        path = f"/api/v1/jobs/{placed.order_hash}"
        response.headers["Location"] = path
        return {
            "jobId": placed.order_hash,
            "bidHash": placed.order_hash,
            "status": path + "/status",
            "filledInRound": number,
        }

    @router.post(
        "/cancellations", status_code=202, operation_id="cancel_orders", summary="Withdraw orders by a signed cancel"
    )
    def cancel(body: CancelBody) -> dict[str, Any]:
        cancelled = cancel_order(market, body.cancel, body.signature)
        return {"cancelled": cancelled.orders, "onChain": cancelled.is_sent}

    @router.get("/jobs", operation_id="list_jobs", summary="Jobs, newest first")
    def jobs(
        renter: Address | None = None,
        state: States = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> dict[str, Any]:
        return list_jobs(
            market,
            renter=renter,
            states=parse_states(state),
            cursor=cursor,
            limit=limit,
        )

    @router.get("/jobs/{job_id}/status", operation_id="show_job", summary="State, leases, timeline")
    @router.get("/jobs/{job_id}", include_in_schema=False)
    def job(job_id: JobId) -> dict[str, Any]:
        return show_job(market, job_id)

    @router.get(
        "/jobs/{job_id}/events",
        operation_id="list_job_events",
        summary="The timeline alone; as a stream, also what is to come",
        responses=DESCRIPTION,
    )
    def events(job_id: JobId, request: Request, accept: Accept = "", last_event_id: LastEventId = "") -> Any:
        """As server-sent events: `event` for each line of the timeline, `end` with the state at the job's end."""
        if not wants_events(accept):
            return show_events(market, job_id)
        return streams.follow(request, lambda after: job_news(market, job_id, after), last_event_id)

    @router.get("/jobs/{job_id}/cost", operation_id="show_job_cost", summary="The bill, line by line")
    def cost(job_id: JobId) -> dict[str, Any]:
        return show_cost(market, job_id)

    @router.get(
        "/jobs/{job_id}/logs",
        operation_id="show_job_logs",
        summary="Standard output and error; as a stream, also while the job runs",
        responses=DESCRIPTION,
    )
    def logs(job_id: JobId, request: Request, accept: Accept = "", last_event_id: LastEventId = "") -> Any:
        """As server-sent events: `begin` a run of a lease, `log` with base64 `data` of a stream at an `offset`,
        `attested` once a lease's streams are whole, `withheld` where they are shown only then, `end`.

        Whoever knows a job's id may read them, as its results. What is not attested yet proves nothing.
        """
        if not wants_events(accept):
            return show_logs(market, job_id)
        return streams.follow(request, lambda after: log_news(market, job_id, after), last_event_id)

    @router.get(
        "/jobs/{job_id}/result", operation_id="show_job_result", summary="Manifest and attestation of each lease"
    )
    def result(job_id: JobId) -> dict[str, Any]:
        return show_result(market, job_id)

    @router.get("/jobs/{job_id}/explain", operation_id="explain_job", summary="Matched or not, and why")
    def explain(job_id: JobId) -> dict[str, Any]:
        return show_explanation(market, job_id)

    @router.post(
        "/jobs/{job_id}/refund",
        status_code=202,
        operation_id="request_refund",
        summary="Send the refund of leases past their deadline",
    )
    def refund(job_id: JobId) -> dict[str, Any]:
        return {"leases": request_refund(market, job_id)}

    return router
