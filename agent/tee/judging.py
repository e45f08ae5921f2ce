"""Claims against what a renter trusts and what the result needs. Pure."""

from dataclasses import dataclass

from agent.tee.claims import Claims
from marketplace.protocol.enums import Outcome
from marketplace.protocol.tee import SgxEnclave, TdxGuest, TeeTrust


@dataclass(frozen=True, slots=True)
class Judgement:
    """What evidence is worth, and why: `outcome` is PAID, FAILED or FRAUD."""

    outcome: Outcome
    reason: str


def judge(claims: Claims, trust: TeeTrust, report_data: bytes) -> Judgement:
    """Whether verified claims cover a result whose quote had to say `report_data` (64 bytes).

    What shows that the evidence is not of this result, or of an environment that nobody asked for, is fraud: first,
    so that old evidence excuses nothing. What is only out of date is a failure.
    """
    if claims.is_debug:
        return Judgement(Outcome.FRAUD, "the environment is in debug mode: whoever has the machine can change it")
    if claims.report_data != report_data:
        return Judgement(
            Outcome.FRAUD,
            f"the quote is about something else: its report data begin with {_head(claims.report_data)}, those of this"
            f" lease, job and result with {_head(report_data)}",
        )
    misfits = [_find_misfit(claims, one) for one in trust.allowed]
    if all(misfits):
        return Judgement(Outcome.FRAUD, f"the renter trusts no such environment: {'; '.join(misfits)}")
    if not claims.is_current:
        return Judgement(Outcome.FAILED, "the collateral was not valid when the job ended")
    if claims.tcb_status not in trust.tcb_statuses:
        told = f" ({', '.join(claims.advisory_ids)})" if claims.advisory_ids else ""
        return Judgement(
            Outcome.FAILED,
            f"the platform's TCB status is {claims.tcb_status}{told}; accepted is {', '.join(trust.tcb_statuses)}",
        )
    return Judgement(Outcome.PAID, "the evidence covers the result")


def _find_misfit(claims: Claims, allowed: TdxGuest | SgxEnclave) -> str:
    """Where an environment differs from one that is allowed; empty where it does not."""
    if claims.technology != allowed.technology:
        return f"{claims.technology} is not {allowed.technology}"
    for name, measured in claims.measurements.items():
        expected = getattr(allowed, name)
        if expected not in (None, measured):
            return f"{name} is {measured}, not {expected}"
    if isinstance(allowed, SgxEnclave):
        return _find_other_product(claims, allowed)
    return ""


def _find_other_product(claims: Claims, allowed: SgxEnclave) -> str:
    if allowed.isv_prod_id not in (None, claims.isv_prod_id):
        return f"isvProdId is {claims.isv_prod_id}, not {allowed.isv_prod_id}"
    if claims.isv_svn < allowed.min_isv_svn:
        return f"isvSvn is {claims.isv_svn}, less than {allowed.min_isv_svn}"
    return ""


def _head(data: bytes) -> str:
    return "0x" + data[:8].hex() + "…"
