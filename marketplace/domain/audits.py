"""Draws of random audits, as a market keeps them: who sealed a share about which attestation, and showed it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from marketplace.errors import MalformedMessage
from marketplace.protocol.audits import ALL_PPM, AuditSeal, AuditShare, Draw, is_draw_wanted, is_drawn
from marketplace.protocol.enums import ExitKind, Verification
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Attestation, Bid


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One oracle's signed seal, and what opens it once that is shown."""

    seal: AuditSeal
    oracle: str
    seal_signature: str
    share: AuditShare | None = None
    share_signature: str | None = None


def validate_audit(bid: Bid, job_spec: JobSpec) -> None:
    """Raises MalformedMessage for a rate of audits of a job that no oracle would run."""
    if job_spec.audit is not None and bid.verification != Verification.REEXECUTE:
        raise MalformedMessage(
            "Bid.verification", f"{bid.verification} would ignore the specification's audit; expected 0 (reexecute)"
        )


def is_draw_due(job_spec: JobSpec, attestation: Attestation) -> bool:
    """Whether members draw if they run the job: it may go unrun, and what was attested can be reproduced at all.

    A private job is always run: without its key nobody can tell whether what was attested is there.
    """
    return (
        is_draw_wanted(job_spec.audit) and job_spec.privacy is None and ExitKind(attestation.exit_kind).is_reproducible
    )


def rate_of(job_spec: JobSpec) -> int:
    """Parts in a million of such leases that are run."""
    return job_spec.audit.rate_ppm if job_spec.audit is not None else ALL_PPM


def audit_documents(records: Sequence[AuditRecord]) -> dict[str, list[dict[str, Any]]]:
    """`{seals, shares}` as `Draw.read` reads them, each with its signature."""
    seals = [{"oracle": one.oracle, "seal": one.seal.to_json(), "sealSignature": one.seal_signature} for one in records]
    shares = [
        {"oracle": one.oracle, "share": one.share.to_json(), "shareSignature": one.share_signature}
        for one in records
        if one.share is not None
    ]
    return {"seals": seals, "shares": shares}


def find_drawn(draw: Draw, records: Sequence[AuditRecord], rate_ppm: int) -> bool | None:
    """Whether the draw fell on the lease; None while a seal or share of a member is missing."""
    number = draw.read(audit_documents(records))
    return None if number is None else is_drawn(number, rate_ppm)
