"""The calls that oracles make: claims to judge, seals, reveals, batches; and what anybody may read about them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from marketplace.client.calls import API, Calls, Document, items
from marketplace.errors import MarketError, error_from_problem

if TYPE_CHECKING:
    from marketplace.protocol.audits import AuditSeal, AuditShare
    from marketplace.protocol.canaries import CanaryOpening
    from marketplace.protocol.messages import VerdictReveal, VerdictSeal

Item = TypeVar("Item")
MOST_AT_ONCE = 100
"""Seals, or reveals, that a market takes in one request."""


class OracleCalls(Calls):
    """Everything about oracles."""

    def claims(self, oracle: str) -> list[Document]:
        """Leases with an attestation of which `oracle` has sealed no verdict yet."""
        return items(self._get(f"{API}/oracle/claims", oracle=oracle), "claims")

    def post_seal(self, seal: "VerdictSeal", oracle: str, signature: str) -> Document:
        """An oracle's sealed verdict on one lease."""
        body = {"seal": seal.to_json(), "oracle": oracle, "signature": signature}
        return self._post(f"{API}/leases/{seal.lease_id}/seal", body)

    def post_seals(self, oracle: str, seals: "Sequence[tuple[VerdictSeal, str]]") -> list[MarketError | None]:
        """An oracle's sealed verdicts, each with its signature, in as few requests as that takes.

        Why each was refused, in their order; None where it was not.
        """
        return self._post_all("seals", "seal", oracle, seals)

    def reveals(self, oracle: str) -> list[Document]:
        """Leases whose seals are open and of which `oracle` has not revealed its verdict; with all their seals."""
        return items(self._get(f"{API}/oracle/reveals", oracle=oracle), "reveals")

    def post_reveal(self, reveal: "VerdictReveal", oracle: str, signature: str) -> Document:
        """What opens an oracle's seal."""
        body = {"reveal": reveal.to_json(), "oracle": oracle, "signature": signature}
        return self._post(f"{API}/leases/{reveal.lease_id}/verdict", body)

    def post_reveals(self, oracle: str, reveals: "Sequence[tuple[VerdictReveal, str]]") -> list[MarketError | None]:
        """What opens an oracle's seals; else as `post_seals`."""
        return self._post_all("verdicts", "reveal", oracle, reveals)

    def _post_all(
        self, path: str, name: str, oracle: str, signed: "Sequence[tuple[VerdictSeal | VerdictReveal, str]]"
    ) -> list[MarketError | None]:
        outcomes: list[MarketError | None] = []
        for some in in_parts(signed):
            entries = [{name: message.to_json(), "signature": signature} for message, signature in some]
            answer = self._post(f"{API}/oracle/{path}", {"oracle": oracle, f"{name}s": entries}, repeatable=True)
            outcomes += [_refusal(one) for one in answer["results"]]
        return outcomes

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


def in_parts(given: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """As many together as one request takes."""
    return (given[start : start + MOST_AT_ONCE] for start in range(0, len(given), MOST_AT_ONCE))


def _refusal(result: Document) -> MarketError | None:
    return error_from_problem(result["problem"]) if "problem" in result else None
