"""What an agent signs about a finished run: the attestation, and what the run took of the machine."""

from typing import Any

import structlog
from eth_account.signers.local import LocalAccount

from agent.earnings import compute_worth
from agent.metering.report import Site, build_report
from agent.work import Execution
from marketplace.client.terms import LeaseTerms
from marketplace.errors import MalformedMessage
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.messages import Attestation
from marketplace.protocol.profile import NodeProfile
from marketplace.protocol.usage import SignedUsage, UsageReport

log = structlog.get_logger("provider")


def attest(lease_id: str, terms: LeaseTerms, execution: Execution, started: int, finished: int) -> Attestation:
    """The statement that the contracts know; `started` and `finished` in unix seconds."""
    return Attestation(
        lease_id=lease_id,
        job_digest=terms.bid.job_digest,
        result_digest=execution.result_digest,
        fuel=execution.fuel_used,
        wall_seconds=execution.charged_seconds,
        egress_bytes=execution.egress_bytes,
        exit_kind=execution.exit_kind,
        exit_code=execution.exit_code,
        sandbox_digest=execution.sandbox_digest,
        started_at=started,
        finished_at=finished,
    )


def report_usage(
    attestation: Attestation, terms: LeaseTerms, execution: Execution, profile: NodeProfile
) -> UsageReport | None:
    """What the run took; None where this machine's figures cannot be true: evidence is as good without."""
    report = build_report(attestation.lease_id, terms.bid, execution, Site.of(profile))
    try:
        report.require_possible(attestation, terms.bid, terms.job_spec)
    except MalformedMessage as error:
        log.warning("no usage report", lease=attestation.lease_id, reason=str(error))
        return None
    return report


def sign_evidence(
    attestation: Attestation,
    terms: LeaseTerms,
    execution: Execution,
    profile: NodeProfile,
    agent: LocalAccount,
    domain: Domain,
) -> dict[str, Any]:
    """What the journal keeps of a run and the market is sent; `pay` in micro-USDC is what it is worth at least."""
    evidence = {
        "attestation": attestation.to_json(),
        "signature": attestation.sign(domain, agent.key),
        "manifest": execution.manifest.to_json(),
        "pay": str(compute_worth(terms, attestation)),
    }
    if execution.sealed is not None:
        evidence["sealed"] = execution.sealed.to_json()
    report = report_usage(attestation, terms, execution, profile)
    if report is not None:
        evidence["usage"] = SignedUsage(report=report, signature=report.sign(domain, agent.key)).to_json()
    return evidence
