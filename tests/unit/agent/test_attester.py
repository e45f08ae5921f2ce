"""A provider's evidence: had from a kernel that a test plays, judged before it is sent, or an attested failure."""

from dataclasses import replace

import pytest

from agent.attester import Attester, offer_tees
from agent.tee import DcapVerifier, KernelReports
from marketplace.errors import AgentError, ChainUnavailable, SandboxFault, UnsupportedTee
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind, Outcome, Verification
from marketplace.protocol.evidence import COLLATERAL_PATH, QUOTE_PATH, EvidenceBinding
from marketplace.protocol.messages import Attestation
from tests.unit.agent.attested import AT, PROCESSOR, attested_terms, trust
from tests.unit.agent.played_kernel import PlayedKernel
from tests.unit.agent.played_market import AGENT, DOMAIN, PlayedChain, transcript_of
from tests.unit.agent.played_provider import make_provider, seen
from tests.unit.agent.test_oracle import claim, judge, make_oracle
from tests.unit.agent.test_work import ended, lease_event

SAID = bytes(range(64))


def make_attester(folder, kernel=None, *, collateral=None, now=AT, verifier=None) -> Attester:
    file = folder / "collateral.json"
    file.write_bytes(PROCESSOR.collateral(AT - 60) if collateral is None else collateral)
    kernel = kernel or PlayedKernel(folder / "report", PROCESSOR.quote)
    return Attester(
        chain=PlayedChain(), domain=DOMAIN, agent=AGENT.address, collateral=file, reports=kernel.reports,
        verifier=verifier or DcapVerifier(PROCESSOR.root_der), now=lambda: now,
    )  # fmt: skip


def execute(attester, terms, run=ended):
    return attester.execute(lease_event(terms), terms, run)


def reason(execution) -> str:
    assert execution.exit_kind is ExitKind.SANDBOX_ERROR
    assert set(execution.blobs.values()) == {execution.detail.encode()}
    return execution.detail


def never():
    raise AssertionError("a job that cannot be proven is not run")


def test_evidence_joins_the_result_and_is_about_exactly_it(terms, tmp_path):
    kernel, given = PlayedKernel(tmp_path / "report", PROCESSOR.quote), attested_terms(terms)
    done = execute(make_attester(tmp_path, kernel), given)
    files = {entry.path: done.blobs.get(entry.digest) for entry in done.manifest.entries}
    assert set(files) == {"log/stdout", QUOTE_PATH, COLLATERAL_PATH}
    assert all(sha256_digest(data) in done.blobs for path, data in files.items() if path != "log/stdout")
    (asked,) = kernel.asked
    assert files[QUOTE_PATH] == PROCESSOR.quote(asked)
    assert asked[32:] == bytes(32) and done.exit_kind is ExitKind.EXITED


def test_a_daemons_attestation_is_what_its_evidence_says(market, terms, tmp_path):
    kernel = PlayedKernel(tmp_path / "report", PROCESSOR.quote)
    market.terms = attested_terms(terms)
    market.round = transcript_of(market.terms)
    provider = make_provider(market, tmp_path, now=AT, attester=make_attester(tmp_path, kernel))
    event = seen(provider, lease_event(market.terms))
    provider.run_lease(event)
    kept = provider._journal.evidence(event.lease_id)
    attestation = Attestation.parse(kept["attestation"])
    execution = ended()
    assert attestation.result_digest != execution.result_digest
    binding = EvidenceBinding.of(attestation, AGENT.address, execution.manifest)
    assert kernel.asked == [binding.report_data(DOMAIN)]


def test_what_a_provider_proves_an_oracle_pays(market, terms, tmp_path):
    """Both daemons, from the kernel's quote to the verdict; only kernel, market and root certificate are played."""
    market.terms = attested_terms(terms)
    market.round = transcript_of(market.terms)
    run = ended(blobs={ended().manifest.entries[0].digest: b"x" * 100})
    provider = make_provider(
        market, tmp_path, runner=lambda given, hooks=None: run, now=AT, attester=make_attester(tmp_path)
    )
    event = seen(provider, lease_event(market.terms))
    provider.run_lease(event)
    provider.post_attestations()
    kept = provider._journal.evidence(event.lease_id)
    oracle = make_oracle(market, tmp_path, verifier=DcapVerifier(PROCESSOR.root_der))
    claim(market, oracle, market.terms, market.posted[0])
    market.evidence["manifest"] = kept["manifest"]
    judge(oracle)
    assert [(verdict.outcome, verdict.pay) for verdict in market.verdicts] == [(Outcome.PAID, int(kept["pay"]))]


def test_a_run_that_breaks_off_is_no_failure_of_the_evidence(terms, tmp_path):
    def broken():
        raise SandboxFault("the engine")

    with pytest.raises(SandboxFault):
        execute(make_attester(tmp_path), attested_terms(terms), broken)


def test_a_chain_that_goes_away_while_the_job_runs_costs_no_second_run(terms, tmp_path):
    attester = make_attester(tmp_path)

    def run():
        attester._chain.block = lambda number: None
        return ended()

    done = execute(attester, attested_terms(terms), run)
    assert done.exit_kind is ExitKind.EXITED and QUOTE_PATH in {entry.path for entry in done.manifest.entries}


def test_while_the_chain_is_away_the_job_is_not_run(terms, tmp_path):
    attester = make_attester(tmp_path)
    attester._chain.block = lambda number: None
    with pytest.raises(ChainUnavailable):
        execute(attester, attested_terms(terms), never)


def test_other_bids_need_no_evidence_and_get_none(terms, tmp_path):
    kernel = PlayedKernel(tmp_path / "report", PROCESSOR.quote)
    assert execute(make_attester(tmp_path, kernel), terms) == ended()
    assert kernel.asked == []


def test_a_program_that_fails_by_itself_is_attested_as_it_ended(terms, tmp_path):
    failed = ended(ExitKind.TRAP)
    assert execute(make_attester(tmp_path), attested_terms(terms), lambda: failed) == failed


def test_a_machine_without_the_device_says_so_and_does_not_run_the_job(terms, tmp_path):
    attester = make_attester(tmp_path)
    attester._reports = KernelReports(tmp_path / "nothing")
    told = reason(execute(attester, attested_terms(terms), never))
    assert "makes no quotes" in told and "TDX guest" in told


def test_a_machine_without_collateral_says_which_setting_names_it(terms, tmp_path):
    attester = make_attester(tmp_path)
    attester._collateral = None
    assert "COMPUTEHIVE_AGENT_TEE_COLLATERAL" in reason(execute(attester, attested_terms(terms), never))
    attester._collateral = tmp_path / "missing.json"
    assert "cannot be read" in reason(execute(attester, attested_terms(terms), never))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"collateral": PROCESSOR.collateral(AT - 40 * 86_400)}, "collateral was not valid"),
        ({"collateral": PROCESSOR.collateral(AT - 60, status="OutOfDate")}, "TCB status is OutOfDate"),
        ({"collateral": b"{}"}, "collateral is not what"),
        ({"collateral": b" " * 70_000}, "65536 are allowed"),
        ({"verifier": DcapVerifier()}, "does not verify"),
    ],
    ids=["stale", "old platform", "no collateral", "too long", "no machine of Intel's"],
)
def test_evidence_that_would_cost_the_stake_is_never_sent(terms, tmp_path, options, told):
    assert told in reason(execute(make_attester(tmp_path, **options), attested_terms(terms)))


def test_an_environment_that_the_renter_does_not_trust_is_not_offered_as_one(terms, tmp_path):
    other = attested_terms(terms, trust(mrtd="0x" + "00" * 48))
    assert "trusts no such environment" in reason(execute(make_attester(tmp_path), other))


def test_a_bid_whose_specification_trusts_nothing_is_not_run(terms, tmp_path):
    bid = terms.bid.model_copy(update={"verification": int(Verification.ATTESTED)})
    assert "which environments" in reason(execute(make_attester(tmp_path), replace(terms, bid=bid), never))


def test_a_node_offers_no_environment_whose_evidence_it_could_not_give(tmp_path):
    every = ("sgx", "tdx", "sev-snp")
    assert offer_tees(every, None) == ("sev-snp",)
    assert offer_tees(every, tmp_path / "collateral.json") == ("tdx", "sev-snp")


# --- the kernel -------------------------------------------------------------------------------------------------------


def test_the_kernels_answer_is_the_quote(tmp_path):
    kernel = PlayedKernel(tmp_path / "report", lambda said: b"quote over " + said)
    assert kernel.reports.quote(SAID) == b"quote over " + SAID
    assert kernel.reports.quote(SAID[::-1]) == b"quote over " + SAID[::-1]


def test_a_quote_over_another_writers_bytes_is_refused(tmp_path):
    with pytest.raises(AgentError, match="Another process wrote"):
        PlayedKernel(tmp_path / "report", bytes, writes=2).reports.quote(SAID)


@pytest.mark.parametrize(("driver", "name"), [("sev_guest", "sev-snp"), ("arm_cca_guest", "arm-cca"), ("new", "new")])
def test_a_guest_of_another_technology_is_unsupported_by_name(tmp_path, driver, name):
    with pytest.raises(UnsupportedTee, match=f"Evidence of {name} is not supported on this build"):
        PlayedKernel(tmp_path / "report", bytes, provider=driver).reports.quote(SAID)


@pytest.mark.parametrize("answer", [b"", bytes(40_000)])
def test_an_answer_that_can_be_no_quote_is_refused(tmp_path, answer):
    with pytest.raises(AgentError, match="expected a quote"):
        PlayedKernel(tmp_path / "report", lambda said: answer).reports.quote(SAID)


def test_a_kernel_that_refuses_is_told_with_its_reason(tmp_path):
    def refuse(request):
        raise PermissionError(13, "Permission denied")

    with pytest.raises(AgentError, match="Permission denied"):
        KernelReports(tmp_path, refuse).quote(SAID)
