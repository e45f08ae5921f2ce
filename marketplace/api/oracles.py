"""Work for oracles, and how they did it."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from marketplace.api.bodies import MOST_VERDICTS, BatchSignatureBody, CanaryBody, RevealsBody, SealsBody
from marketplace.api.paging import Cursor, Limit
from marketplace.api.peers import Peer, peer_of
from marketplace.api.problems import problem_document
from marketplace.domain.seals import FaultKind
from marketplace.errors import MarketError
from marketplace.protocol.eip712 import Address
from marketplace.services.market import Market
from marketplace.services.open_canary import open_canary
from marketplace.services.seal_verdicts import SignedReveal, SignedSeal, record_reveals, record_seals
from marketplace.services.settle_batch import sign_batch
from marketplace.services.show_lease import batch_document, list_batches, list_claims
from marketplace.services.show_oracles import list_faults, list_members, list_reveals

Digest = Annotated[str, Path(pattern="^0x[0-9a-f]{64}$")]
Kinds = Annotated[list[FaultKind] | None, Query(description="Only these; repeat it for several.")]


def oracle_routes(market: Market) -> APIRouter:
    """Everything under /oracle."""
    router = APIRouter(prefix="/api/v1/oracle", tags=["oracle"])
    Asking = Annotated[Peer, Depends(peer_of(market))]

    @router.get("/claims", operation_id="list_claims", summary="Leases to judge")
    def claims(oracle: Address, peer: Asking) -> dict[str, Any]:
        peer.require_oracle(oracle)
        return list_claims(market, oracle)

    @router.get(
        "/reveals", operation_id="list_reveals", summary="Verdicts to reveal, each with the seals of all oracles"
    )
    def reveals(oracle: Address, peer: Asking) -> dict[str, Any]:
        peer.require_oracle(oracle)
        return list_reveals(market, oracle)

    @router.post(
        "/seals",
        operation_id="send_verdict_seals",
        summary=f"Up to {MOST_VERDICTS} sealed verdicts of one oracle, each taken or refused by itself",
    )
    def seal(body: SealsBody, peer: Asking) -> dict[str, Any]:
        """`results` in the order of the seals: `leaseId`, and `status` as of one alone, with `problem` if refused."""
        peer.require_oracle(body.oracle)
        outcomes = record_seals(market, body.oracle, [SignedSeal(one.seal, one.signature) for one in body.seals])
        return _results([one.seal.lease_id for one in body.seals], outcomes)

    @router.post(
        "/verdicts",
        operation_id="reveal_verdicts",
        summary=f"What opens up to {MOST_VERDICTS} seals of one oracle, each taken or refused by itself",
    )
    def reveal(body: RevealsBody, peer: Asking) -> dict[str, Any]:
        """`results` in the order of the reveals: `leaseId`, and `status` as of one alone, with `problem` if refused."""
        peer.require_oracle(body.oracle)
        given = [SignedReveal(one.reveal, one.signature) for one in body.reveals]
        return _results([one.reveal.lease_id for one in body.reveals], record_reveals(market, body.oracle, given))

    @router.get("/batches", operation_id="list_batches", summary="Batches to sign")
    def batches(oracle: Address, peer: Asking) -> dict[str, Any]:
        peer.require_oracle(oracle)
        return list_batches(market, oracle)

    @router.post(
        "/batches/{digest}/signature",
        status_code=202,
        operation_id="sign_batch",
        summary="An oracle's signature over a batch",
    )
    def sign(digest: Digest, body: BatchSignatureBody, peer: Asking) -> dict[str, Any]:
        peer.require_oracle(body.oracle)
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


def _results(lease_ids: Sequence[str], outcomes: Sequence[bool | MarketError]) -> dict[str, Any]:
    return {"results": list(map(_result, lease_ids, outcomes))}


def _result(lease_id: str, outcome: bool | MarketError) -> dict[str, Any]:
    if isinstance(outcome, MarketError):
        return {"leaseId": lease_id, "status": outcome.status, "problem": problem_document(outcome)}
    return {"leaseId": lease_id, "status": int(HTTPStatus.CREATED if outcome else HTTPStatus.OK)}
