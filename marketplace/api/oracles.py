"""Work for oracles, and how they did it."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from marketplace.api.bodies import BatchSignatureBody, CanaryBody
from marketplace.api.paging import Cursor, Limit
from marketplace.domain.seals import FaultKind
from marketplace.protocol.eip712 import Address
from marketplace.services.market import Market
from marketplace.services.open_canary import open_canary
from marketplace.services.settle_batch import sign_batch
from marketplace.services.show_lease import batch_document, list_batches, list_claims
from marketplace.services.show_oracles import list_faults, list_members, list_reveals

Digest = Annotated[str, Path(pattern="^0x[0-9a-f]{64}$")]
Kinds = Annotated[list[FaultKind] | None, Query(description="Only these; repeat it for several.")]


def oracle_routes(market: Market) -> APIRouter:
    """Everything under /oracle."""
    router = APIRouter(prefix="/api/v1/oracle", tags=["oracle"])

    @router.get("/claims", operation_id="list_claims", summary="Leases to judge")
    def claims(oracle: Address) -> dict[str, Any]:
        return list_claims(market, oracle)

    @router.get(
        "/reveals", operation_id="list_reveals", summary="Verdicts to reveal, each with the seals of all oracles"
    )
    def reveals(oracle: Address) -> dict[str, Any]:
        return list_reveals(market, oracle)

    @router.get("/batches", operation_id="list_batches", summary="Batches to sign")
    def batches(oracle: Address) -> dict[str, Any]:
        return list_batches(market, oracle)

    @router.post(
        "/batches/{digest}/signature",
        status_code=202,
        operation_id="sign_batch",
        summary="An oracle's signature over a batch",
    )
    def sign(digest: Digest, body: BatchSignatureBody) -> dict[str, Any]:
        return batch_document(sign_batch(market, digest, body.oracle, body.signature))

    @router.get(
        "/members",
        operation_id="list_members",
        summary="The committee, and how often each member sealed, revealed and failed",
    )
    def members() -> dict[str, Any]:
        return list_members(market)

    @router.get(
        "/faults",
        operation_id="list_faults",
        summary="Who was absent, late, careless, withheld or contradicted itself; newest first",
    )
    def faults(
        oracle: Address | None = None, kind: Kinds = None, cursor: Cursor = None, limit: Limit = 50
    ) -> dict[str, Any]:
        return list_faults(market, oracle=oracle, kinds=tuple(kind or ()), cursor=cursor, limit=limit)

    @router.post(
        "/canaries",
        operation_id="open_canary",
        summary="The operator opens a planted lie; the answer names the oracles that it caught",
    )
    def canary(body: CanaryBody) -> dict[str, Any]:
        faults = open_canary(market, body.opening, body.signature)
        return {"leaseId": body.opening.lease_id, "careless": [one.oracle for one in faults]}

    return router
