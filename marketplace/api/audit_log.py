"""The audit log: what the market did, under heads that its operator signs."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from marketplace.protocol.audit_log import MOST_ENTRIES
from marketplace.protocol.eip712 import Bytes32
from marketplace.services.audit_log import find_entries, list_entries, prove_entry, prove_growth, show_head
from marketplace.services.market import Market

_PLACE = {"ge": 0, "lt": MOST_ENTRIES}
Index = Annotated[int, Path(description="Its place in the log, from 0.", **_PLACE)]
First = Annotated[int, Query(description="The first one wanted.", **_PLACE)]
Size = Annotated[int, Query(description="Entries of the earlier log.", **_PLACE)]
LaterSize = Annotated[int | None, Query(description="Of the later one; else all there are.", **_PLACE)]
Entries = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]
Subject = Annotated[Bytes32, Path(description="An order's hash, a round's digest, a transaction's hash, a lease's id.")]


def audit_log_routes(market: Market) -> APIRouter:
    """Heads, entries, proofs."""
    router = APIRouter(prefix="/api/v1/log", tags=["audit log"])

    @router.get("/head", operation_id="show_log_head", summary="Size and root of the log, signed by the operator")
    def head() -> dict[str, Any]:
        return show_head(market)

    @router.get("/entries", operation_id="list_log_entries", summary="Entries, oldest first")
    def entries(first: First = 0, limit: Entries = 200) -> dict[str, Any]:
        return list_entries(market, first, limit)

    @router.get("/subjects/{subject}", operation_id="find_log_entries", summary="Entries about one thing")
    def about(subject: Subject) -> dict[str, Any]:
        return find_entries(market, subject)

    @router.get(
        "/entries/{index}/proof", operation_id="prove_log_entry", summary="That an entry is in the log, as a receipt"
    )
    def proof(index: Index) -> dict[str, Any]:
        return prove_entry(market, index)

    @router.get(
        "/consistency", operation_id="prove_log_growth", summary="That an earlier log is the beginning of a later one"
    )
    def consistency(first: Size, second: LaterSize = None) -> dict[str, Any]:
        return prove_growth(market, first, second)

    return router
