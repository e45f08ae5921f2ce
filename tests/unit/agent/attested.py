"""An attested lease for tests: terms that trust the played machine, and what came of a run with its evidence."""

from dataclasses import replace

from agent.attester import add_evidence
from agent.work import Execution
from marketplace.client.terms import LeaseTerms
from marketplace.protocol.enums import Verification
from marketplace.protocol.evidence import COLLATERAL_PATH, QUOTE_PATH, EvidenceBinding
from marketplace.protocol.messages import Attestation
from tests.unit.agent.played_market import AGENT, DOMAIN
from tests.unit.agent.played_tee import SAMPLED_AT, TDX, PlayedProcessor, sample
from tests.unit.agent.test_work import attest, ended, script_spec
from tests.unit.clearing.market import NOW

AT = NOW + 60
"""When the job ends; the collateral is from the minute before."""
PROCESSOR = PlayedProcessor()


def trust(quote: bytes | None = None, **changes) -> dict:
    """The document that trusts the environment of a quote: by default the played machine's."""
    import dcap_qvl

    report = dcap_qvl.parse_quote(quote or sample(TDX)[0]).report
    names = {"mrtd": report.mr_td, "rtmr1": report.rt_mr1, "rtmr2": report.rt_mr2}
    guest = {"technology": "tdx"} | {name: "0x" + value.hex() for name, value in names.items()} | changes
    return {"allowed": [guest]}


def attested_terms(terms: LeaseTerms, trusted: dict | None = None, **spec) -> LeaseTerms:
    """The same lease, of a bid for the policy `attested`."""
    chosen = script_spec(tee=trusted or trust(), requirements={"tees": ["tdx"]}, **spec)
    bid = terms.bid.model_copy(
        update={"verification": int(Verification.ATTESTED), "job_digest": chosen.digest(), "egress_mb": 1}
    )
    return replace(terms, bid=bid, job_spec=chosen)


def attest_run(terms: LeaseTerms, run: Execution, **changes) -> Attestation:
    """What the agent signs about a run."""
    return attest(run, **{"job_digest": terms.bid.job_digest, "finished_at": AT} | changes)


def prove(terms: LeaseTerms, run: Execution | None = None, *, domain=DOMAIN, agent=AGENT.address, collateral=None,
          is_debug=False, **said) -> Execution:  # fmt: skip
    """A run with a quote of the played machine over it, or over what `said` says instead."""
    run = run or ended(blobs={})
    binding = EvidenceBinding.of(attest_run(terms, run, **said), agent, run.manifest)
    quote = PROCESSOR.quote(binding.report_data(domain), is_debug=is_debug)
    return add_evidence(run, {QUOTE_PATH: quote, COLLATERAL_PATH: collateral or PROCESSOR.collateral(AT - 60)})


def foreign(name: str = TDX) -> dict[str, bytes]:
    """A real quote of somebody else's machine as evidence."""
    quote, collateral = sample(name)
    return {QUOTE_PATH: quote, COLLATERAL_PATH: collateral}


__all__ = ["AT", "PROCESSOR", "SAMPLED_AT", "attest_run", "attested_terms", "foreign", "prove", "trust"]
