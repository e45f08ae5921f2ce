"""What a provider will not run: refused with an attested reason, never with a silence that is a strike."""

from types import SimpleNamespace

import pytest

from agent import bootstrap
from agent.bootstrap import open_offered
from agent.rules import RuledRunner, Rules
from agent.verdict import decide
from agent.work import NO_DIGEST
from marketplace.errors import SettingsError
from marketplace.protocol.enums import ExitKind, Outcome
from tests.unit.agent.played_provider import make_provider, seen
from tests.unit.agent.test_work import attest, ended, lease_event, lease_terms

TERMS = lease_terms()
RENTER, SECONDS = TERMS.bid.renter, TERMS.bid.duration_seconds
OTHER = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"


def never(terms, hooks=None):
    raise AssertionError("ran")


@pytest.mark.parametrize(
    "rules",
    [Rules(), Rules(allow_renters=(OTHER, RENTER)), Rules(deny_renters=(OTHER,)), Rules(max_duration_seconds=SECONDS)],
)
def test_job_that_no_rule_forbids_runs(rules):
    run = ended()
    assert RuledRunner(rules, lambda terms, hooks=None: run)(TERMS) is run


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (Rules(allow_renters=(OTHER,)), RENTER),
        (Rules(deny_renters=(RENTER,)), RENTER),
        (Rules(allow_renters=(RENTER,), deny_renters=(RENTER,)), RENTER),
        (Rules(max_duration_seconds=SECONDS - 1), f"{SECONDS - 1} s, this one reserves {SECONDS} s"),
    ],
)
def test_job_that_a_rule_forbids_is_attested_as_not_started_and_says_which(rules, words):
    refused = RuledRunner(rules, never)(TERMS)
    assert (refused.exit_kind, refused.fuel_used, refused.sandbox_digest) == (ExitKind.SANDBOX_ERROR, 0, NO_DIGEST)
    (said,) = refused.blobs.values()
    assert words in said.decode() and "rule of this provider" in said.decode()


def test_refused_job_costs_its_renter_nothing_and_is_no_strike_and_no_fraud():
    refused = RuledRunner(Rules(deny_renters=(RENTER,)), never)(TERMS)
    verdict = decide(attest(refused), None, TERMS.bid, TERMS.ask, TERMS.price)
    assert (verdict.outcome, verdict.pay) == (Outcome.FAILED, 0)


def test_refusal_reaches_the_market_as_evidence(market, terms, tmp_path):
    runner = RuledRunner(Rules(deny_renters=(terms.bid.renter,)), never)
    provider = make_provider(market, tmp_path, runner=runner)
    provider.run_lease(seen(provider, lease_event(terms)))
    provider.post_attestations()
    assert [each.exit_kind for each in market.posted] == [ExitKind.SANDBOX_ERROR]


@pytest.mark.parametrize(("named", "offered"), [((), {"docker", "wasm"}), (("wasm",), {"wasm"})])
def test_sandboxes_that_a_rule_leaves_out_are_not_offered(monkeypatch, named, offered):
    monkeypatch.setattr(bootstrap, "open_adapters", lambda given: {"wasm": 1, "docker": 2})
    assert set(open_offered(SimpleNamespace(adapters=None, sandboxes=named))) == offered


def test_sandbox_that_this_machine_does_not_have_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(bootstrap, "open_adapters", lambda given: {"wasm": 1})
    with pytest.raises(SettingsError, match=r"rules\.sandboxes: 'docker' is none of this machine's: wasm"):
        open_offered(SimpleNamespace(adapters=None, sandboxes=("docker",)))
