"""Keys of private jobs, encrypted to their holders."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import Field

from marketplace.api.bodies import Body, Signature
from marketplace.api.peers import Peer, peer_of
from marketplace.protocol.eip712 import Address
from marketplace.protocol.privacy import KeyGrant, KeyOffer
from marketplace.services.market import Market
from marketplace.services.record_grant import list_grants, list_offers, record_grant, record_offer

JobId = Annotated[str, Path(pattern="^0x[0-9a-f]{64}$", description="The bid's hash.")]


class GrantBody(Body):
    """A signed grant with its ciphertext."""

    grant: KeyGrant
    signature: Signature
    ciphertext: Annotated[str, Field(pattern=r"^0x([0-9a-f]{2})*$", max_length=1_000_000)]


class OfferBody(Body):
    """An oracle's signed public key."""

    offer: KeyOffer
    signature: Signature


def grant_routes(market: Market) -> APIRouter:
    """Grants of jobs, and oracles' keys."""
    router = APIRouter(prefix="/api/v1", tags=["private jobs"])
    Asking = Annotated[Peer, Depends(peer_of(market))]

    @router.post(
        "/jobs/{job_id}/grants",
        status_code=201,
        operation_id="send_grant",
        summary="The key of a private job, encrypted to one holder",
    )
    def give(job_id: JobId, body: GrantBody) -> dict[str, Any]:
        record_grant(market, job_id, body.grant, body.signature, bytes.fromhex(body.ciphertext[2:]))
        return {"jobId": job_id, "recorded": True}

    @router.get("/jobs/{job_id}/grants", operation_id="list_grants", summary="Keys of a private job, as ciphertexts")
    def grants(job_id: JobId, holder: Address | None = None) -> dict[str, Any]:
        return list_grants(market, job_id, holder)

    @router.post(
        "/oracle/keys", status_code=201, operation_id="offer_key", summary="An oracle's public key for private jobs"
    )
    def offer(body: OfferBody, peer: Asking) -> dict[str, Any]:
        peer.require_oracle(body.offer.oracle)
        record_offer(market, body.offer, body.signature)
        return {"oracle": body.offer.oracle, "recorded": True}

    @router.get("/oracle/keys", operation_id="list_keys", summary="The public keys of oracles")
    def offers() -> dict[str, Any]:
        return list_offers(market)

    return router
