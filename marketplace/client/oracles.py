"""The calls that oracles make: claims to judge, seals, reveals, batches; and what anybody may read about them."""

from typing import TYPE_CHECKING

from marketplace.client.calls import API, Calls, Document, items

if TYPE_CHECKING:
    from marketplace.protocol.audits import AuditSeal, AuditShare
    from marketplace.protocol.canaries import CanaryOpening
    from marketplace.protocol.messages import VerdictReveal, VerdictSeal


class OracleCalls(Calls):
    """Everything about oracles."""

    def claims(self, oracle: str) -> list[Document]:
        """Leases with an attestation of which `oracle` has sealed no verdict yet."""
        return items(self._get(f"{API}/oracle/claims", oracle=oracle), "claims")

    def post_seal(self, seal: "VerdictSeal", oracle: str, signature: str) -> Document:
        """An oracle's sealed verdict on one lease."""
        body = {"seal": seal.to_json(), "oracle": oracle, "signature": signature}
        return self._post(f"{API}/leases/{seal.lease_id}/seal", body)

    def reveals(self, oracle: str) -> list[Document]:
        """Leases whose seals are open and of which `oracle` has not revealed its verdict; with all their seals."""
        return items(self._get(f"{API}/oracle/reveals", oracle=oracle), "reveals")

    def post_reveal(self, reveal: "VerdictReveal", oracle: str, signature: str) -> Document:
        """What opens an oracle's seal."""
        body = {"reveal": reveal.to_json(), "oracle": oracle, "signature": signature}
        return self._post(f"{API}/leases/{reveal.lease_id}/verdict", body)

    def seals(self, lease_id: str) -> Document:
        """All that oracles signed about a lease, as far as it may be seen, and who failed it."""
        return self._get(f"{API}/leases/{lease_id}/seals")

    def audit(self, lease_id: str) -> Document:
        """The draw of a lease's random audit, as far as it is: `{ratePpm, attestation, seals, shares, drawn}`."""
        return self._get(f"{API}/leases/{lease_id}/audit")

    def post_audit_seal(self, seal: "AuditSeal", oracle: str, signature: str) -> Document:
        """An oracle's sealed share in a draw; the same again is no error."""
        body = {"seal": seal.to_json(), "oracle": oracle, "signature": signature}
        return self._post(f"{API}/leases/{seal.lease_id}/audit/seal", body)

    def post_audit_share(self, share: "AuditShare", oracle: str, signature: str) -> Document:
        """What opens it; the same again is no error."""
        body = {"share": share.to_json(), "oracle": oracle, "signature": signature}
        return self._post(f"{API}/leases/{share.lease_id}/audit/share", body)

    def batches(self, oracle: str) -> list[Document]:
        """Proposed verdict batches that `oracle` has not signed."""
        return items(self._get(f"{API}/oracle/batches", oracle=oracle), "batches")

    def sign_batch(self, digest: str, oracle: str, signature: str) -> Document:
        """Give an oracle's signature over a batch."""
        return self._post(f"{API}/oracle/batches/{digest}/signature", {"oracle": oracle, "signature": signature})

    def oracle_members(self) -> Document:
        """The committee, and how often each member sealed, revealed and failed."""
        return self._get(f"{API}/oracle/members")

    def oracle_faults(self, **filters: object) -> list[Document]:
        """A page of failures, newest first: `oracle`, `kind`, `cursor`, `limit`."""
        return items(self._get(f"{API}/oracle/faults", **filters), "faults")

    def open_canary(self, opening: "CanaryOpening", signature: str) -> list[str]:
        """Show that a lease's lie was planted, by the operator's signature; the oracles that sealed it as paid."""
        body = {"opening": opening.to_json(), "signature": signature}
        return self._post(f"{API}/oracle/canaries", body, repeatable=True)["careless"]
