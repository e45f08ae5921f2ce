"""Leases for agents and renters, and the evidence about them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response

from marketplace.api.bodies import (
    AttestationBody,
    AuditSealBody,
    AuditShareBody,
    CheckpointBody,
    LogBody,
    ReceiptBody,
    SealBody,
    VerdictBody,
)
from marketplace.api.paging import Cursor, Limit, States, parse_states
from marketplace.api.peers import Peer, peer_of
from marketplace.protocol.eip712 import Address
from marketplace.services.audits import record_audit_seal, record_audit_share, show_audit
from marketplace.services.market import Market
from marketplace.services.record_checkpoint import record_checkpoint, show_checkpoint
from marketplace.services.record_evidence import record_attestation, record_receipt
from marketplace.services.record_log import record_log
from marketplace.services.seal_verdicts import record_reveal, record_seal
from marketplace.services.show_lease import list_leases, show_attestation, show_lease, show_terms
from marketplace.services.show_oracles import show_seals

LeaseId = Annotated[str, Path(pattern="^0x[0-9a-f]{64}$")]


def lease_routes(market: Market) -> APIRouter:
    """Everything under /leases."""
    router = APIRouter(prefix="/api/v1/leases", tags=["leases"])
    Asking = Annotated[Peer, Depends(peer_of(market))]

    @router.get("", operation_id="list_leases", summary="Leases, newest first")
    def leases(
        provider: Address | None = None,
        agent: Address | None = None,
        renter: Address | None = None,
        state: States = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> dict[str, Any]:
        return list_leases(
            market,
            provider=provider,
            agent=agent,
            renter=renter,
            states=parse_states(state),
            cursor=cursor,
            limit=limit,
        )

    @router.get("/{lease_id}", operation_id="show_lease", summary="One lease")
    def lease(lease_id: LeaseId) -> dict[str, Any]:
        return show_lease(market, lease_id)

    @router.get(
        "/{lease_id}/terms",
        operation_id="show_lease_terms",
        summary="Both signed orders, price and job: check them against the chain",
    )
    def terms(lease_id: LeaseId) -> dict[str, Any]:
        return show_terms(market, lease_id)

    @router.post(
        "/{lease_id}/attestation",
        status_code=201,
        operation_id="send_attestation",
        summary="Evidence; 200 where it is there already",
    )
    def attest(lease_id: LeaseId, body: AttestationBody, response: Response, peer: Asking) -> dict[str, Any]:
        peer.require_signer(body.attestation, body.signature)
        body.manifest.validate_order()
        is_new = record_attestation(
            market, lease_id, body.attestation, body.signature, body.manifest, body.usage, body.sealed
        )
        return _recorded(response, lease_id, is_new)

    @router.get("/{lease_id}/attestation", operation_id="show_attestation", summary="The evidence of a lease")
    def attestation(lease_id: LeaseId) -> dict[str, Any]:
        return show_attestation(market, lease_id)

    @router.post(
        "/{lease_id}/checkpoint",
        status_code=201,
        operation_id="send_checkpoint",
        summary="What a running job has saved; 200 where something newer is there",
    )
    def save(lease_id: LeaseId, body: CheckpointBody, response: Response, peer: Asking) -> dict[str, Any]:
        peer.require_signer(body.checkpoint, body.signature)
        body.manifest.validate_order()
        is_new = record_checkpoint(market, lease_id, body.checkpoint, body.signature, body.manifest)
        return _recorded(response, lease_id, is_new)

    @router.get(
        "/{lease_id}/checkpoint",
        operation_id="show_checkpoint",
        summary="The newest state that a lease's job has saved",
    )
    def checkpoint(lease_id: LeaseId) -> dict[str, Any]:
        return show_checkpoint(market, lease_id)

    @router.post(
        "/{lease_id}/log",
        operation_id="send_log",
        summary="What a running job prints, piece by piece; `next` is where to go on",
    )
    def log(lease_id: LeaseId, body: LogBody, peer: Asking) -> dict[str, Any]:
        peer.require_signer(body.chunk, body.signature)
        return {"leaseId": lease_id, "next": record_log(market, lease_id, body.chunk, body.signature, body.data)}

    @router.get(
        "/{lease_id}/audit",
        operation_id="show_audit",
        summary="The draw of a random audit, with all that oracles signed about it",
    )
    def audit(lease_id: LeaseId) -> dict[str, Any]:
        return show_audit(market, lease_id)

    @router.post(
        "/{lease_id}/audit/seal",
        status_code=201,
        operation_id="send_audit_seal",
        summary="An oracle's sealed share in the draw; 200 where it is there already",
    )
    def audit_seal(lease_id: LeaseId, body: AuditSealBody, response: Response, peer: Asking) -> dict[str, Any]:
        peer.require_oracle(body.oracle)
        is_new = record_audit_seal(market, lease_id, body.seal, body.oracle, body.signature)
        return _recorded(response, lease_id, is_new)

    @router.post(
        "/{lease_id}/audit/share",
        status_code=201,
        operation_id="send_audit_share",
        summary="What opens it, once all have sealed; 200 where it is there already",
    )
    def audit_share(lease_id: LeaseId, body: AuditShareBody, response: Response, peer: Asking) -> dict[str, Any]:
        peer.require_oracle(body.oracle)
        is_new = record_audit_share(market, lease_id, body.share, body.oracle, body.signature)
        return _recorded(response, lease_id, is_new)

    @router.post(
        "/{lease_id}/seal",
        status_code=201,
        operation_id="send_verdict_seal",
        summary="An oracle's sealed verdict; 200 where it is there already",
    )
    def seal(lease_id: LeaseId, body: SealBody, response: Response, peer: Asking) -> dict[str, Any]:
        peer.require_oracle(body.oracle)
        is_new = record_seal(market, lease_id, body.seal, body.oracle, body.signature)
        return _recorded(response, lease_id, is_new)

    @router.get(
        "/{lease_id}/seals",
        operation_id="list_seals",
        summary="All that oracles signed about a lease, as far as it may be seen",
    )
    def seals(lease_id: LeaseId) -> dict[str, Any]:
        return show_seals(market, lease_id)

    @router.post(
        "/{lease_id}/verdict",
        status_code=201,
        operation_id="reveal_verdict",
        summary="What opens an oracle's seal; 200 where it is there already",
    )
    def verdict(lease_id: LeaseId, body: VerdictBody, response: Response, peer: Asking) -> dict[str, Any]:
        peer.require_oracle(body.oracle)
        is_new = record_reveal(market, lease_id, body.reveal, body.oracle, body.signature)
        return _recorded(response, lease_id, is_new)

    @router.post(
        "/{lease_id}/receipt",
        status_code=202,
        operation_id="send_receipt",
        summary="The renter accepts; 200 where it is there already",
    )
    def receipt(lease_id: LeaseId, body: ReceiptBody, response: Response) -> dict[str, Any]:
        is_new = record_receipt(market, lease_id, body.receipt, body.signature)
        return _recorded(response, lease_id, is_new)

    return router


def _recorded(response: Response, lease_id: str, is_new: bool) -> dict[str, Any]:
    if not is_new:
        response.status_code = 200
    return {"leaseId": lease_id, "recorded": True}
