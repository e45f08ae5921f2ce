"""Whose certificate the connection of a request has, where the operator wants nodes and oracles to have one."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Base64Bytes, Field

from marketplace.api.bodies import Body, Signature
from marketplace.domain.spiffe import SpiffeId, Workload
from marketplace.errors import Forbidden, Unauthorized
from marketplace.protocol.eip712 import TypedMessage
from marketplace.protocol.svid import CertificateRequest
from marketplace.services.issue_certificate import issue_certificate, show_bundle
from marketplace.services.market import Market

MOST_CSR_CHARACTERS = 10_000
TLS_EXTENSION, CHAIN = "tls", "client_cert_chain"
"""Where ASGI's TLS extension has the client's certificates (asgi.readthedocs.io, TLS Extension); here as DER."""


class Peer:
    """Who is at the other end of one request."""

    def __init__(self, market: Market, request: Request) -> None:
        self._market = market
        self._chain: list[bytes] = request.scope.get("extensions", {}).get(TLS_EXTENSION, {}).get(CHAIN, [])

    def require_signer(self, message: TypedMessage, signature: str) -> None:
        """Raises Unauthorized, Forbidden unless the certificate is of the node that signed; InvalidSignature.

        Whether that node may say this is for the service to find out.
        """
        if self._is_asked_for():
            self._require(Workload.NODE, message.recover(self._market.chain.domain, signature))

    def require_node(self, address: str) -> None:
        """Raises Unauthorized, Forbidden unless the certificate is of this node."""
        if self._is_asked_for():
            self._require(Workload.NODE, address)

    def require_oracle(self, address: str) -> None:
        """Raises Unauthorized, Forbidden unless the certificate is of this oracle."""
        if self._is_asked_for():
            self._require(Workload.ORACLE, address)

    def _is_asked_for(self) -> bool:
        return self._market.authority is not None and self._market.authority.is_required

    def _require(self, workload: Workload, address: str) -> None:
        authority = self._market.authority
        assert authority is not None, "asked for only where there is one"
        if not self._chain:
            raise Unauthorized(
                "This market takes what nodes and oracles send over connections with their certificate alone.",
                hint="Ask for one (POST /api/v1/certificates) and connect with it; over https, daemons do so.",
            )
        wanted = SpiffeId(authority.trust_domain, workload, address)
        actual = authority.identify(self._chain[0], self._market.clock.now())
        if authority.is_denied(actual.address):
            raise Forbidden(f"The operator has denied {actual.address}.", hint="Ask the market's operator why.")
        if actual != wanted:
            raise Forbidden(
                f"The connection's certificate is of {actual}, what it carries is of {wanted}.",
                hint="Each node and oracle connects with its own certificate.",
                certificate=str(actual),
                signer=str(wanted),
            )


def peer_of(market: Market) -> Callable[[Request], Awaitable[Peer]]:
    """A dependency of routes."""

    async def find(request: Request) -> Peer:  # async: no thread is needed for it
        return Peer(market, request)

    return find


class CertificateBody(Body):
    """A signed request for a certificate, with the PKCS #10 request in DER."""

    request: CertificateRequest
    signature: Signature
    csr: Annotated[Base64Bytes, Field(max_length=MOST_CSR_CHARACTERS)]


def certificate_routes(market: Market) -> APIRouter:
    """Everything under /certificates: there only where the operator has made an authority."""
    router = APIRouter(prefix="/api/v1/certificates", tags=["certificates"])

    @router.post("", status_code=201, operation_id="issue_certificate", summary="A node's or oracle's certificate")
    def issue(body: CertificateBody) -> dict[str, Any]:
        return issue_certificate(market, body.request, body.signature, body.csr)

    @router.get("/bundle", operation_id="show_trust_bundle", summary="The roots of this market's authority")
    def bundle() -> dict[str, Any]:
        return show_bundle(market)

    return router
