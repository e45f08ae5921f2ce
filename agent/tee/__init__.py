"""Evidence of trusted execution environments: had from the kernel, verified offline, judged by what a renter trusts."""

from agent.tee.claims import Claims, Verifier
from agent.tee.dcap import DcapVerifier
from agent.tee.judging import Judgement, judge
from agent.tee.kernel import REPORTS_FOLDER, KernelReports

__all__ = ["REPORTS_FOLDER", "Claims", "DcapVerifier", "Judgement", "KernelReports", "Verifier", "judge"]
