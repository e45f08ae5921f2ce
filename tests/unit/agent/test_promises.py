"""An oracle has nobody paid for a node that never said it was what the bid asked for."""

from contextlib import nullcontext
from dataclasses import replace

import pytest

from agent.verdict import as_promised, pay_for
from agent.work import check_terms
from marketplace.errors import MalformedMessage
from marketplace.protocol.enums import ExitKind, Outcome, Verification
from marketplace.protocol.jobspec import JobSpec
from tests.unit.agent.played_market import DOMAIN, PROVIDER, PlayedMarket
from tests.unit.agent.test_oracle import claim, honest, judge, make_oracle
from tests.unit.agent.test_work import attest, ended, lease_event, lease_terms, script_spec
from tests.unit.clearing.market import profile


def on_node(terms, requirements, **fields):
    """The lease of a job with these requirements under an ask for a node with this profile."""
    spec, node = script_spec(requirements=requirements), profile(**fields)
    bid = terms.bid.model_copy(update={"job_digest": spec.digest()})
    ask = terms.ask.model_copy(update={"profile_digest": node.digest()})
    signature = ask.sign(DOMAIN, PROVIDER.key)
    return replace(terms, bid=bid, ask=ask, ask_signature=signature, job_spec=spec, profile=node)


def judged(terms, folder, run=None):
    market = PlayedMarket(terms)
    oracle = make_oracle(market, folder, **({"runner": lambda given, hooks=None: run} if run else {}))
    claim(market, oracle, terms, honest(terms))
    judge(oracle)
    return [(verdict.outcome, verdict.pay > 0) for verdict in market.verdicts]


def test_node_that_signed_what_was_asked_for_is_paid(terms, tmp_path):
    assert judged(on_node(terms, {"regions": ["eu"]}), tmp_path) == [(Outcome.PAID, True)]


@pytest.mark.parametrize(
    "requirements",
    [{"regions": ["us"]}, {"privacyZones": ["eu-gdpr"]}, {"zones": ["a"]}, {"tees": ["tdx"]}, {"gpuModels": ["H100"]}],
)
def test_right_result_from_a_node_outside_what_was_asked_for_is_failed(terms, tmp_path, requirements):
    assert judged(on_node(terms, requirements), tmp_path) == [(Outcome.FAILED, False)]


def test_node_that_signed_less_than_the_bid_reserves_is_not_paid_for_it(terms, tmp_path):
    small = on_node(terms, {}, memoryMb=terms.bid.memory_mb - 1)
    assert judged(small, tmp_path) == [(Outcome.FAILED, False)]


def test_lie_about_the_result_stays_a_fraud_wherever_the_node_stands(terms, tmp_path):
    other = ended(fuel_used=7)
    assert judged(on_node(terms, {"regions": ["us"]}), tmp_path, other) == [(Outcome.FRAUD, False)]


def test_requirements_that_tables_decide_are_left_to_the_round(terms, tmp_path):
    far = {"maxLatency": [{"fromRegion": "us-east-1", "maxMs": 1}], "maxCarbonGramsPerKwh": 1}
    assert judged(on_node(terms, far), tmp_path) == [(Outcome.PAID, True)]


def test_oracle_that_is_not_shown_the_profile_says_nothing(terms, tmp_path):
    assert judged(replace(terms, profile=None), tmp_path) == []


def test_profile_is_not_asked_for_where_nobody_is_paid_anyway():
    terms = replace(lease_terms(), profile=None)
    failed = pay_for(attest(ended(ExitKind.TRAP)), Outcome.FAILED, "0x" + "00" * 32, terms.bid, terms.ask, 1)
    assert as_promised(failed, terms) == (failed, "")


def test_market_cannot_show_another_profile_than_the_provider_signed():
    terms = replace(lease_terms(), profile=profile(region="us"))
    with pytest.raises(MalformedMessage, match=r"terms\.profile"):
        check_terms(lease_event(terms), terms)


@pytest.mark.parametrize("policy", Verification)
def test_nobody_runs_or_judges_a_job_with_network_but_for_the_renter(policy):
    """Whose own host could answer one of two nodes otherwise, and have its stake for the difference."""
    image = {"sandbox": "docker", "program": {"kind": "container", "digest": "0x" + "ab" * 32, "size": 5}}
    spec = JobSpec.parse(image | {"network": {"hosts": ["example.org:443"]}})
    given = lease_terms(spec)
    terms = replace(given, bid=given.bid.model_copy(update={"verification": policy}))
    accepted = nullcontext() if policy is Verification.ACCEPT else pytest.raises(MalformedMessage, match="with network")
    with accepted:
        check_terms(lease_event(terms), terms)
