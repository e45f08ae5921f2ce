"""Evidence on its way to the market: what a run left first, then what its agent signed about it."""

from agent.journal import Journal
from agent.outputs import Outputs
from marketplace.client import MarketClient
from marketplace.domain.chain import LeaseOpened
from marketplace.protocol.manifest import Manifest
from marketplace.protocol.messages import Attestation
from marketplace.protocol.privacy import storage_of
from marketplace.protocol.usage import SignedUsage

UNASKED_BYTES = 64_000
"""A file up to so large is sent without asking whether the market has it: few but the empty one are there already."""


def post_evidence(client: MarketClient, journal: Journal, outputs: Outputs, event: LeaseOpened) -> None:
    """Upload files and attestation of a lease that is attested; the market takes each once. Raises what it raises."""
    evidence = journal.evidence(event.lease_id)
    assert evidence is not None, "an attested lease has its evidence"
    manifest = Manifest.parse(evidence["manifest"])
    sealed = Manifest.parse(evidence["sealed"]) if "sealed" in evidence else None
    files = storage_of(manifest, sealed).entries
    for entry in files:
        # One that is not here any more went with the same result of another lease.
        is_asked = entry.size == 0 or entry.size > UNASKED_BYTES or not outputs.has(entry.digest)
        if not (is_asked and client.has_blob(entry.digest)):
            client.put_blob(outputs.read(entry.digest), entry.digest)
    attestation = Attestation.parse(evidence["attestation"])
    usage = SignedUsage.parse(evidence["usage"]) if "usage" in evidence else None
    client.post_attestation(event.lease_id, attestation, evidence["signature"], manifest, usage, sealed)
    journal.record_posted(event.lease_id)
    for entry in files:
        outputs.drop(entry.digest)
