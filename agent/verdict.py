"""What an oracle decides: the attested run against its own. Pure."""

from agent.work import Execution
from marketplace.protocol.enums import ExitKind, Outcome
from marketplace.protocol.manifest import Manifest
from marketplace.protocol.messages import Ask, Attestation, Bid, Verdict
from marketplace.protocol.metering import compute_metered_usage, compute_pay


class Abstain(Exception):
    """This oracle cannot tell: another sandbox, or its own run did not come to an end."""


def decide(
    attestation: Attestation, manifest: Manifest, own: Execution | None, bid: Bid, ask: Ask, price: int
) -> Verdict:
    """The verdict over an attestation whose signature and manifest were checked.

    `own` is the oracle's run; None where the attested end cannot be reproduced anyway. Raises Abstain.
    """
    kind = ExitKind(attestation.exit_kind)
    if not kind.is_reproducible:
        return _verdict(attestation, Outcome.FAILED, 0, attestation.result_digest)
    if own is None or not own.exit_kind.is_reproducible:
        raise Abstain(f"The own run did not come to an end: {own.detail if own else 'it did not take place'}.")
    if not _agrees(attestation, own):
        return _verdict(attestation, Outcome.FRAUD, 0, own.result_digest)
    if kind is not ExitKind.EXITED:
        return _verdict(attestation, Outcome.FAILED, 0, own.result_digest)
    used = compute_metered_usage(bid.resources, own.fuel_used, manifest.egress_bytes)
    return _verdict(attestation, Outcome.PAID, compute_pay(ask.rates, bid.resources, used, price), own.result_digest)


def _agrees(attestation: Attestation, own: Execution) -> bool:
    attested = (
        attestation.exit_kind,
        attestation.exit_code,
        attestation.fuel,
        attestation.egress_bytes,
        attestation.result_digest,
    )
    return attested == (own.exit_kind, own.exit_code, own.fuel_used, own.manifest.egress_bytes, own.result_digest)


def _verdict(attestation: Attestation, outcome: Outcome, pay: int, result_digest: str) -> Verdict:
    return Verdict(lease_id=attestation.lease_id, outcome=outcome, pay=pay, result_digest=result_digest)
