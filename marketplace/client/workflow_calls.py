"""Workflows as calls of the market."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from marketplace.client.calls import API, Calls, Document

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from marketplace.client.workflows import WorkflowBid
    from marketplace.protocol.eip712 import Domain


class WorkflowCalls(Calls):
    """A part of `MarketClient`."""

    def place_workflow(self, bids: Sequence["WorkflowBid"], domain: "Domain", account: "LocalAccount") -> Document:
        """Sign and place, all or none; the workflow as `workflow` shows it. The same bids twice are one workflow."""
        signed = [
            {
                "bid": one.bid.to_json(),
                "signature": one.bid.sign(domain, account.key),
                "jobSpec": one.spec.to_json(),
            }
            for one in bids
        ]
        return self._post(f"{API}/workflows", {"bids": signed}, repeatable=True)

    def workflow(self, workflow_id: str) -> Document:
        """State, jobs with their attempts, cap and what was paid. Raises NotFound."""
        return self._get(f"{API}/workflows/{workflow_id}")

    def workflows(self, renter: str | None = None) -> Document:
        """A page of workflows, newest first."""
        return self._get(f"{API}/workflows", renter=renter)
