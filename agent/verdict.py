"""What an oracle decides: the attested run against its own. Pure."""

from agent.work import Execution
from marketplace.client.terms import LeaseTerms
from marketplace.domain.fitness import describe_misfits, find_misfits
from marketplace.errors import MalformedMessage
from marketplace.protocol.enums import ExitKind, Outcome
from marketplace.protocol.messages import Ask, Attestation, Bid, Verdict
from marketplace.protocol.metering import compute_pay


class Abstain(Exception):
    """This oracle cannot tell: its own run did not come to an end, or it has not what it takes to verify."""


def decide(
    attestation: Attestation, own: Execution | None, bid: Bid, ask: Ask, price: int, *, is_same_sandbox: bool = True
) -> Verdict:
    """The verdict over an attestation whose signature and manifest were checked, by the oracle's own run.

    `own` is None where the attested end cannot be reproduced anyway. `is_same_sandbox` says whether the own sandbox is
    the one that the provider promised or says it used; where it is neither, a difference may be the sandbox's: then
    nothing is paid, and nobody is blamed. Raises Abstain.
    """
    kind = ExitKind(attestation.exit_kind)
    if not kind.is_reproducible:
        return pay_for(attestation, Outcome.FAILED, attestation.result_digest, bid, ask, price)
    if own is None or not own.exit_kind.is_reproducible:
        raise Abstain(f"The own run did not come to an end: {own.detail if own else 'it did not take place'}.")
    if not _agrees(attestation, own):
        outcome = Outcome.FRAUD if is_same_sandbox else Outcome.FAILED
        return pay_for(attestation, outcome, own.result_digest, bid, ask, price)
    return as_attested(attestation, bid, ask, price)


def as_attested(attestation: Attestation, bid: Bid, ask: Ask, price: int) -> Verdict:
    """The verdict over an attestation that is right: was found so by a run, or was not drawn to be run."""
    outcome = Outcome.PAID if attestation.exit_kind == ExitKind.EXITED else Outcome.FAILED
    return pay_for(attestation, outcome, attestation.result_digest, bid, ask, price)


def pay_for(attestation: Attestation, outcome: Outcome, result: str, bid: Bid, ask: Ask, price: int) -> Verdict:
    """The verdict with this outcome: only PAID pays, for the attested usage. `price` in micro-USDC."""
    pay = 0
    if outcome is Outcome.PAID:
        pay = compute_pay(ask.rates, bid.resources, attestation.usage_of(bid.resources), price)
    return Verdict(lease_id=attestation.lease_id, outcome=outcome, pay=pay, result_digest=result)


def as_promised(verdict: Verdict, terms: LeaseTerms) -> tuple[Verdict, str]:
    """The verdict, and why it differs from the one given: nobody is paid for a node that it never said it was.

    What a result cannot show (where the machine stands, what it is, that it has what the bid reserves) its provider has
    signed in the ask's profile. Where that is not what the bid requires, the round should not have matched them and the
    provider should not have run the job: failed. A fraud stays one. Raises MalformedMessage where terms lack a profile.
    """
    if verdict.outcome != Outcome.PAID:
        return verdict, ""
    if terms.profile is None:
        raise MalformedMessage("terms.profile", "is missing")
    misfits = find_misfits(terms.bid, terms.job_spec, terms.ask, terms.profile)
    if not misfits:
        return verdict, ""
    return verdict.model_copy(update={"outcome": Outcome.FAILED, "pay": 0}), describe_misfits(misfits)


def _agrees(attestation: Attestation, own: Execution) -> bool:
    attested = (
        attestation.exit_kind,
        attestation.exit_code,
        attestation.fuel,
        attestation.egress_bytes,
        attestation.result_digest,
    )
    return attested == (own.exit_kind, own.exit_code, own.fuel_used, own.manifest.egress_bytes, own.result_digest)
