"""Usage reports between daemons: the provider signs and posts one, the oracle holds it against what was signed."""

from dataclasses import replace

import pytest

from agent.sandbox.types import Usage
from marketplace.protocol.enums import FigureOrigin, Outcome
from marketplace.protocol.usage import SignedUsage, UsageReport
from tests.unit.agent.played_market import AGENT, DOMAIN, OTHER
from tests.unit.agent.played_provider import make_provider, seen
from tests.unit.agent.test_oracle import claim, honest, judge, make_oracle
from tests.unit.agent.test_work import ended, lease_event

BLOB = {ended().manifest.entries[0].digest: b"x" * 100}
WORKED = Usage(cpu_seconds=0.05, peak_memory_bytes=1_000_000, ingress_bytes=5)


def posted_by(market, terms, folder, usage):
    """What the market is sent of a run that took so much."""
    run = ended(blobs=BLOB, usage=usage)
    provider = make_provider(market, folder, runner=lambda given, hooks=None: run)
    provider.run_lease(seen(provider, lease_event(terms)))
    provider.post_attestations()
    return market.reports


def test_provider_posts_what_the_run_took_with_its_attestation_signed_by_the_agent(market, terms, tmp_path):
    (usage,) = posted_by(market, terms, tmp_path, WORKED)
    (attestation,) = market.posted
    assert usage.report.recover(DOMAIN, usage.signature) == AGENT.address
    assert usage.report.figure("cpu_milliseconds") == 50 and usage.report.figure("ingress_bytes") == 5
    usage.report.require_possible(attestation, terms.bid, terms.job_spec)


def test_provider_whose_figures_cannot_be_true_still_posts_its_attestation(market, terms, tmp_path):
    assert posted_by(market, terms, tmp_path, replace(WORKED, cpu_seconds=1e6)) == [None]
    assert len(market.posted) == 1


def test_evidence_that_was_journalled_without_a_report_is_posted_without(market, terms, tmp_path):
    provider = make_provider(market, tmp_path, runner=lambda given, hooks=None: ended(blobs=BLOB))
    event = seen(provider, lease_event(terms))
    provider.run_lease(event)
    evidence = provider._journal.evidence(event.lease_id)
    del evidence["usage"]
    provider._journal.record_attested(event.lease_id, evidence)
    provider.post_attestations()
    assert market.reports == [None] and len(market.posted) == 1


def relayed(market, terms, folder, key=AGENT.key, **figures):
    """An oracle that is shown an honest attestation and this report, and has judged it."""
    oracle, attestation = make_oracle(market, folder), honest(terms)
    claim(market, oracle, terms, attestation)
    report = UsageReport.of(attestation.lease_id, attestation.result_digest, figures)
    market.evidence["usage"] = SignedUsage(report=report, signature=report.sign(DOMAIN, key)).to_json()
    judge(oracle)
    return [verdict.outcome for verdict in market.verdicts]


def test_oracle_judges_a_lease_whose_report_is_possible(market, terms, tmp_path):
    assert relayed(market, terms, tmp_path, cpu_milliseconds=(50, FigureOrigin.MEASURED)) == [Outcome.PAID]


@pytest.mark.parametrize(
    "figure", [{"cpu_milliseconds": (10**6, FigureOrigin.MEASURED)}, {"egress_bytes": (1, FigureOrigin.MEASURED)}]
)
def test_report_that_cannot_be_changes_no_verdict_and_is_said(market, terms, tmp_path, figure, capsys):
    assert relayed(market, terms, tmp_path, **figure) == [Outcome.PAID]
    assert "usage report left aside" in capsys.readouterr().out


def test_report_that_another_signed_changes_no_verdict(market, terms, tmp_path):
    assert relayed(market, terms, tmp_path, key=OTHER.key) == [Outcome.PAID]
