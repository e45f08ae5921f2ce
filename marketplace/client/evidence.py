"""What agents and renters sign about leases, as calls of the market."""

from base64 import b64encode
from typing import TYPE_CHECKING

from marketplace.client.calls import API, Calls, Document

if TYPE_CHECKING:
    from marketplace.protocol.checkpoint import Checkpoint
    from marketplace.protocol.livelog import LogChunk
    from marketplace.protocol.manifest import Manifest
    from marketplace.protocol.messages import Attestation, Receipt
    from marketplace.protocol.usage import SignedUsage


class EvidenceCalls(Calls):
    """A part of `MarketClient`."""

    def post_attestation(
        self, lease_id: str, attestation: "Attestation", signature: str, manifest: "Manifest",
        usage: "SignedUsage | None" = None, sealed: "Manifest | None" = None,
    ) -> Document:  # fmt: skip
        """Evidence of a run. Its blobs must have been uploaded: the manifest's, or for a private job `sealed`'s."""
        body = {"attestation": attestation.to_json(), "signature": signature, "manifest": manifest.to_json()}
        if usage is not None:
            body["usage"] = usage.to_json()
        if sealed is not None:
            body["sealed"] = sealed.to_json()
        return self._post(f"{API}/leases/{lease_id}/attestation", body)

    def attestation(self, lease_id: str) -> Document:
        """`{attestation, signature, manifest, usage}` of a lease. Raises NotFound before there is one."""
        return self._get(f"{API}/leases/{lease_id}/attestation")

    def post_checkpoint(self, checkpoint: "Checkpoint", signature: str, manifest: "Manifest") -> Document:
        """What a running job has saved. The manifest's blobs must have been uploaded."""
        body = {"checkpoint": checkpoint.to_json(), "signature": signature, "manifest": manifest.to_json()}
        return self._post(f"{API}/leases/{checkpoint.lease_id}/checkpoint", body)

    def checkpoint(self, lease_id: str) -> Document:
        """`{checkpoint, signature, manifest}`, the newest. Raises NotFound before there is one."""
        return self._get(f"{API}/leases/{lease_id}/checkpoint")

    def post_log(self, chunk: "LogChunk", signature: str, data: bytes) -> Document:
        """What a running job has printed; `{next}`, how many bytes of the stream the market has now."""
        body = {"chunk": chunk.to_json(), "signature": signature, "data": b64encode(data).decode()}
        return self._post(f"{API}/leases/{chunk.lease_id}/log", body)

    def post_receipt(self, receipt: "Receipt", signature: str) -> Document:
        """The renter accepts a result: settles without oracles."""
        body = {"receipt": receipt.to_json(), "signature": signature}
        return self._post(f"{API}/leases/{receipt.lease_id}/receipt", body)
