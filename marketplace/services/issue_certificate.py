"""Certificates for nodes and oracles that the chain knows."""

from hashlib import sha256
from typing import Any

from marketplace.domain.spiffe import SpiffeId, Workload
from marketplace.errors import ExpiredOrder, Forbidden, InsufficientStake, MalformedMessage, NotFound, WrongSigner
from marketplace.ports.authority import Authority
from marketplace.protocol.messages import require_signed_by
from marketplace.protocol.svid import NODE, ORACLE, CertificateRequest
from marketplace.services.market import Market
from marketplace.services.record_evidence import require_oracle
from marketplace.services.record_heartbeat import CLOCK_SKEW_SECONDS


def issue_certificate(market: Market, request: CertificateRequest, signature: str, csr: bytes) -> dict[str, Any]:
    """A short-lived certificate, with the roots to believe.

    Raises NotFound (no authority), InvalidSignature, MalformedMessage, ExpiredOrder (a clock that is off), Forbidden
    (denied by the operator), WrongSigner (no agent of that provider, no oracle), InsufficientStake, ChainUnavailable.
    """
    authority = require_authority(market)
    if "0x" + sha256(csr).hexdigest() != request.csr_digest:
        raise MalformedMessage("CertificateRequest.csrDigest", "is not the SHA-256 of the signing request sent along")
    require_signed_by(request, request.subject, market.chain.domain, signature)
    now = market.clock.now()
    if abs(now - request.sent_at) > CLOCK_SKEW_SECONDS:
        raise ExpiredOrder(
            f"The request was sent at {request.sent_at}; it is {now}.", hint="Set the clock right.", now=now
        )
    for one in (request.subject, request.owner):
        if authority.is_denied(one):
            raise Forbidden(f"The operator gives {one} no certificates.", hint="Ask the market's operator why.")
    name = SpiffeId(authority.trust_domain, _require_workload(market, request), request.subject)
    issued = authority.issue(csr, name, now)
    return {
        "id": str(name),
        "certificate": issued.chain,
        "expiresAt": issued.expires_at,
        "bundle": authority.bundle,
    }


def show_bundle(market: Market) -> dict[str, Any]:
    """The trust domain with its roots. Raises NotFound where the market has no authority."""
    authority = require_authority(market)
    required = authority.is_required
    return {"trustDomain": authority.trust_domain, "required": required, "bundle": authority.bundle}


def require_authority(market: Market) -> Authority:
    """Raises NotFound where the market has none."""
    if market.authority is None:
        raise NotFound("certificate authority", "of this market")
    return market.authority


def _require_workload(market: Market, request: CertificateRequest) -> Workload:
    if request.kind == ORACLE:
        require_oracle(market, request.subject)
        return Workload.ORACLE
    if request.kind != NODE:
        raise MalformedMessage("CertificateRequest.kind", f"{request.kind} is not {NODE} (node) or {ORACLE} (oracle)")
    if request.subject != request.owner and not market.chain.is_agent(request.owner, request.subject):
        raise WrongSigner(f"{request.subject} is no agent of {request.owner}.", agent=request.subject)
    if market.chain.provider_account(request.owner).cover <= 0:
        raise InsufficientStake(
            f"{request.owner} has no stake, or has lost it.",
            hint="Stake USDC first: `hive provider stake`.",
            provider=request.owner,
        )
    return Workload.NODE
