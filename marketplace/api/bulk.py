"""Many bids in one request: each is taken or refused by itself, and the answer says which."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from marketplace.api.bodies import JobBody
from marketplace.api.json_bodies import LINES
from marketplace.api.limits import Limits
from marketplace.api.problems import problem_document, refusal_of
from marketplace.errors import MalformedMessage, MarketError
from marketplace.protocol.parsing import parse_json
from marketplace.services.market import Market
from marketplace.services.place_order import Placed, SignedBid, place_bids

MOST_BIDS = 100
"""In one request; its bytes have the limit of every other's."""
_REFERENCE = {"$ref": "#/components/schemas/JobBody"}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "array", "items": _REFERENCE, "minItems": 1, "maxItems": MOST_BIDS}
            },
            LINES.decode(): {"schema": {"type": "string", "description": "One bid a line."}},
        },
    }
}


def bulk_routes(market: Market, limits: Limits) -> APIRouter:
    """`POST /bids/bulk`."""
    router = APIRouter(prefix="/api/v1/bids", tags=["jobs"])

    @router.post(
        "/bulk",
        operation_id="place_bids",
        summary=f"Place up to {MOST_BIDS} signed bids, as a JSON array or as lines of JSON; each by itself",
        openapi_extra=_BODY,
    )
    async def place(request: Request) -> dict[str, Any]:
        """`results` in the order of the bids: `status` as of `/jobs/submit`, with `jobId`, or with `problem`.

        None of them is filled at once (`now`): a round of its own for each would undo what a bulk is for.
        """
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        documents = read_documents(await request.body(), is_lines=kind.encode() == LINES)
        return {"results": await run_in_threadpool(_place, market, limits, documents)}

    return router


def read_documents(body: bytes, *, is_lines: bool) -> list[Any]:
    """The bids of a body; a line that is no JSON is the error that it gets. Raises MalformedMessage."""
    if is_lines:
        documents = [_read_line(line) for line in body.splitlines() if line.strip()]
    else:
        documents = parse_json(body, "body")
        if not isinstance(documents, list):
            raise MalformedMessage("body", "expected an array of bids")
    if not 1 <= len(documents) <= MOST_BIDS:
        raise MalformedMessage("body", f"has {len(documents)} bids; expected 1 to {MOST_BIDS}")
    return documents


def _read_line(line: bytes) -> Any:
    try:
        return parse_json(line, "body")
    except MalformedMessage as error:
        return error


def _place(market: Market, limits: Limits, documents: list[Any]) -> list[dict[str, Any]]:
    orders = [_read_order(document) for document in documents]
    good = [order for order in orders if isinstance(order, SignedBid)]
    outcomes = iter(place_bids(market, good, limits))
    return [_result(next(outcomes) if isinstance(order, SignedBid) else order) for order in orders]


def _read_order(document: Any) -> SignedBid | MarketError:
    if isinstance(document, MarketError):
        return document
    try:
        body = JobBody.model_validate(document)
        if body.now:
            raise MalformedMessage("now", "is for one bid at a time: POST /api/v1/jobs/submit")
    except ValidationError as error:
        return refusal_of(error.errors(include_url=False)[0])
    except MarketError as error:
        return error
    return SignedBid(body.bid, body.signature, body.job_spec)


def _result(outcome: Placed | MarketError) -> dict[str, Any]:
    if isinstance(outcome, MarketError):
        return {"status": outcome.status, "problem": problem_document(outcome)}
    status = HTTPStatus.ACCEPTED if outcome.is_new else HTTPStatus.OK
    return {"status": int(status), "jobId": outcome.order_hash, "location": f"/api/v1/jobs/{outcome.order_hash}"}
