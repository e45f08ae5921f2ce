"""What a provider says about a run, before it signs it."""

import math

from agent.work import Execution
from marketplace.client.terms import LeaseTerms
from marketplace.domain.chain import LeaseOpened
from marketplace.protocol.messages import Attestation


def attest(event: LeaseOpened, terms: LeaseTerms, execution: Execution, started: int, finished: int) -> Attestation:
    """The attestation of a finished run; unix seconds."""
    return Attestation(
        lease_id=event.lease_id,
        job_digest=terms.bid.job_digest,
        result_digest=execution.result_digest,
        fuel=execution.fuel_used,
        wall_seconds=math.ceil(execution.wall_seconds),
        egress_bytes=execution.manifest.egress_bytes,
        exit_kind=execution.exit_kind,
        exit_code=execution.exit_code,
        sandbox_digest=execution.sandbox_digest,
        started_at=started,
        finished_at=finished,
    )
