"""Going on with a job where a machine left it: from the newest state that its agents have saved."""

from marketplace.client.http import Document, MarketClient
from marketplace.client.jobs import PreparedJob
from marketplace.errors import InvalidManifest, NotFound
from marketplace.protocol.checkpoint import Checkpoint, resume_from
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.manifest import Manifest
from marketplace.protocol.messages import require_signed_by


def resume_job(client: MarketClient, job: Document, domain: Domain) -> PreparedJob:
    """The rest of a job that ended without a result; nothing needs to be uploaded, the market holds it all.

    The state is an agent's word: that of the newest checkpoint whose signature is the leased agent's. It is not checked
    by anybody; what is made of it is, as for any job. Raises NotFound where none was saved, InvalidManifest,
    InvalidSignature, MalformedMessage where the market relays something else than what an agent signed.
    """
    found = [one for lease in job["leases"] if (one := _newest(client, lease["leaseId"], domain)) is not None]
    if not found:
        raise NotFound("checkpoint of job", job["jobId"])
    checkpoint, manifest = max(found, key=lambda one: one[0].taken_at)
    terms = client.lease_terms(checkpoint.lease_id)
    return PreparedJob(spec=resume_from(terms.job_spec, manifest), blobs={})


def _newest(client: MarketClient, lease_id: str, domain: Domain) -> tuple[Checkpoint, Manifest] | None:
    try:
        document = client.checkpoint(lease_id)
    except NotFound:
        return None
    checkpoint, manifest = Checkpoint.parse(document["checkpoint"]), Manifest.parse(document["manifest"])
    require_signed_by(checkpoint, client.lease_terms(lease_id).ask.agent, domain, document["signature"])
    if checkpoint.lease_id != lease_id or manifest.root() != checkpoint.root:
        raise InvalidManifest(f"The checkpoint of lease {lease_id} is not what its agent signed.", lease=lease_id)
    return checkpoint, manifest
