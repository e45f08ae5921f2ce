"""What a bid for the policy `attested` must say, and what only such a bid may say. Pure."""

from marketplace.errors import InvalidJobSpec, MalformedMessage
from marketplace.protocol.enums import Verification
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Bid


def validate_attested(bid: Bid, job_spec: JobSpec) -> None:
    """Raises InvalidJobSpec or MalformedMessage unless policy, trust and requirements fit each other."""
    if bid.verification != Verification.ATTESTED:
        if job_spec.tee is not None:
            raise MalformedMessage(
                "Bid.verification", f"{bid.verification} would ignore the specification's tee; expected 3 (attested)"
            )
        return
    if job_spec.tee is None:
        raise _unfit("tee", "a bid for verification 3 (attested) must say which measurements it trusts")
    wanted, trusted = frozenset(job_spec.requirements.tees), job_spec.tee.technologies
    if wanted != trusted:
        raise _unfit(
            "requirements.tees",
            f"names {_listed(wanted)}, but tee.allowed trusts {_listed(trusted)}; expected the same",
        )
    if job_spec.awaited:
        raise _unfit("workflow.needs", "takes other jobs' files, which an environment cannot look up on the chain")
    if bid.egress_mb < 1:
        raise MalformedMessage("Bid.egressMb", "an attested result sends its evidence along; expected at least 1")


def _unfit(field: str, problem: str) -> InvalidJobSpec:
    return InvalidJobSpec(
        f"JobSpec.{field}: {problem}.",
        hint="See docs/how-to/attested-jobs.md; sgx and tdx can be trusted.",
        field=field,
    )


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"
