"""Going on with a job where a machine left it: from the newest state that its agents have saved."""

from marketplace.client.http import Document, MarketClient
from marketplace.client.jobs import PreparedJob
from marketplace.errors import InvalidManifest, MalformedMessage, NotFound
from marketplace.protocol.checkpoint import Checkpoint, resume_from
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.manifest import Manifest
from marketplace.protocol.messages import require_signed_by


def resume_job(client: MarketClient, job: Document, domain: Domain) -> PreparedJob:
    """The rest of a job that ended without a result; nothing needs to be uploaded, the market holds it all.

    The state is the word of the market and of an agent that it names: the newest checkpoint's. It is not checked by
    anybody; what is made of it is, as for any job. Raises NotFound where none was saved, InvalidManifest,
    InvalidSignature, MalformedMessage where the market relays something else than what an agent signed.
    """
    found = [one for lease in job["leases"] if (one := _newest(client, job, lease["leaseId"], domain)) is not None]
    if not found:
        raise NotFound("checkpoint of job", job["jobId"])
    _, manifest, spec = max(found, key=lambda one: one[0].taken_at)
    return PreparedJob(spec=resume_from(spec, manifest), blobs={})


def _newest(
    client: MarketClient, job: Document, lease_id: str, domain: Domain
) -> tuple[Checkpoint, Manifest, JobSpec] | None:
    """A job's id is its bid's hash, the bid names the specification's digest: so nothing else can be slipped in."""
    try:
        document = client.checkpoint(lease_id)
    except NotFound:
        return None
    checkpoint, manifest = Checkpoint.parse(document["checkpoint"]), Manifest.parse(document["manifest"])
    terms = client.lease_terms(lease_id)
    if terms.bid.struct_hash() != job["jobId"] or terms.job_spec.digest() != terms.bid.job_digest:
        raise MalformedMessage("LeaseTerms", f"of lease {lease_id} are not those of job {job['jobId']}")
    require_signed_by(checkpoint, terms.ask.agent, domain, document["signature"])
    named = (checkpoint.lease_id, checkpoint.job_digest, checkpoint.root)
    if named != (lease_id, terms.bid.job_digest, manifest.root()):
        raise InvalidManifest(f"The checkpoint of lease {lease_id} is not what its agent signed.", lease=lease_id)
    return checkpoint, manifest, terms.job_spec
