"""Which oracles a canary has caught. Pure: whoever has the documents can check it, the market is only the first."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from marketplace.domain.evidence import VerdictRecord
from marketplace.domain.seals import Fault, FaultKind, SealRecord, seal_evidence
from marketplace.errors import MalformedMessage
from marketplace.protocol.canaries import CanaryOpening, canary_seed
from marketplace.protocol.enums import Outcome, Verification
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Attestation, Bid


def validate_opening(opening: CanaryOpening, spec: JobSpec, bid: Bid, agent: str, attestation: Attestation) -> None:
    """Raises MalformedMessage unless the lie was planted by `agent`, before the lease was opened, for oracles to find.

    That it is a lie, only running the job can tell: the opening says what came out.
    """
    if bid.verification != Verification.REEXECUTE:
        raise MalformedMessage("CanaryOpening.leaseId", "oracles were not to run this lease's job")
    if canary_seed(agent, bid.renter, opening.salt) != spec.determinism.seed:
        raise MalformedMessage(
            "CanaryOpening.salt", f"does not open {spec.determinism.seed}, the job's seed, for {agent} and {bid.renter}"
        )
    if opening.result_digest == attestation.result_digest:
        raise MalformedMessage("CanaryOpening.resultDigest", "is what was attested: that is no lie")


def find_careless(
    opening: CanaryOpening,
    signature: str,
    attestation: Attestation,
    verdicts: Iterable[VerdictRecord],
    seals: Sequence[SealRecord],
    now: int,
    audit: Mapping[str, Any] | None = None,
) -> list[Fault]:
    """Who sealed that the planted result is worth its pay, each with what proves it. `now` in unix seconds.

    `audit`: what members signed about a draw that fell on the lease, where some such leases are not to be run.
    """
    by_oracle = {one.oracle: one for one in seals}
    found = []
    for record in verdicts:
        said = record.verdict
        if said.outcome != Outcome.PAID or said.result_digest != attestation.result_digest:
            continue
        evidence = seal_evidence(by_oracle[record.oracle]) | {
            "reveal": record.reveal.to_json(),
            "revealSignature": record.signature,
            "opening": opening.to_json(),
            "openingSignature": signature,
        }
        evidence |= {"audit": dict(audit)} if audit else {}
        found.append(Fault(opening.lease_id, record.oracle, FaultKind.CARELESS, now, evidence))
    return found
