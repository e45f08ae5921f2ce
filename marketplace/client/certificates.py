"""The calls about certificates that nodes and oracles connect with."""

from typing import TYPE_CHECKING

from marketplace.client.calls import API, Calls, Document

if TYPE_CHECKING:
    from marketplace.protocol.svid import CertificateRequest


class CertificateCalls(Calls):
    """Everything about certificates. All raise NotFound where the market has no authority."""

    def ask_certificate(self, request: "CertificateRequest", signature: str, csr: str) -> Document:
        """`{id, certificate, expiresAt, bundle}`: the chain and the roots in PEM; `csr` is the DER in base64."""
        body = {"request": request.to_json(), "signature": signature, "csr": csr}
        return self._post(f"{API}/certificates", body, repeatable=True)

    def trust_bundle(self) -> Document:
        """`{trustDomain, required, bundle}`."""
        return self._get(f"{API}/certificates/bundle")

    def reconnect(self) -> None:
        """Make all further requests over new connections, with the certificate that there is by now."""
        self._transport.reconnect()
