"""The sandbox that an attestation names is no excuse: what counts is the one that the ask promised, and the result."""

from dataclasses import replace

import pytest

from agent.adapters import AdapterSettings, descriptor_digest, open_adapters
from agent.bootstrap import promise_sandboxes
from agent.fitting import FittingRunner, Machine
from agent.offer import Offer
from agent.sandbox import sandbox_digest
from agent.work import check_terms
from marketplace.errors import MalformedMessage
from marketplace.protocol.enums import ExitKind, Outcome, Verification
from marketplace.protocol.profile import NodeProfile
from tests.unit.agent.played_market import DOMAIN, PROVIDER, PlayedMarket
from tests.unit.agent.played_provider import RATES, make_provider, seen
from tests.unit.agent.test_oracle import claim, honest, judge, make_oracle
from tests.unit.agent.test_work import ended, lease_event
from tests.unit.clearing.market import NOW, profile

FOREIGN = "0x" + "f0" * 32
OTHER_RESULT = {"fuel": 7}


def promising(terms, digest: str | None):
    """The same lease, of an ask whose profile promises that sandbox."""
    node = profile().model_copy(update={"sandbox_digests": {"wasm": digest} if digest else {}})
    ask = terms.ask.model_copy(update={"profile_digest": node.digest()})
    return replace(terms, ask=ask, ask_signature=ask.sign(DOMAIN, PROVIDER.key), profile=node)


def outcome(terms, folder, **attested) -> Outcome:
    """What an oracle with the real sandbox's digest says of a lease, where its own run has one Gfuel."""
    market = PlayedMarket(terms)
    oracle = make_oracle(market, folder)
    claim(market, oracle, terms, honest(terms, **attested))
    judge(oracle)
    (verdict,) = market.verdicts
    assert (verdict.pay > 0) == (verdict.outcome == Outcome.PAID)
    return Outcome(verdict.outcome)


@pytest.mark.parametrize("promised", [None, FOREIGN, sandbox_digest()], ids=["nothing", "another", "ours"])
def test_the_same_result_is_paid_whatever_sandbox_it_is_said_to_be_of(terms, tmp_path, promised):
    assert outcome(promising(terms, promised), tmp_path, sandbox_digest=FOREIGN) is Outcome.PAID


@pytest.mark.parametrize("promised", [None, FOREIGN], ids=["nothing", "another"])
def test_another_result_of_a_sandbox_that_the_oracle_has_not_is_paid_nothing_and_blamed_on_nobody(
    terms, tmp_path, promised
):
    lie = OTHER_RESULT | {"sandbox_digest": FOREIGN}
    assert outcome(promising(terms, promised), tmp_path, **lie) is Outcome.FAILED


def test_who_promised_the_oracles_sandbox_cannot_lie_by_naming_another(terms, tmp_path):
    lie = OTHER_RESULT | {"sandbox_digest": FOREIGN}
    assert outcome(promising(terms, sandbox_digest()), tmp_path, **lie) is Outcome.FRAUD


def test_who_promised_another_sandbox_and_names_the_oracles_is_held_to_that(terms, tmp_path):
    assert outcome(promising(terms, FOREIGN), tmp_path, **OTHER_RESULT) is Outcome.FRAUD


def test_oracle_without_a_profile_judges_by_what_is_attested(terms, tmp_path):
    assert outcome(terms, tmp_path, **OTHER_RESULT) is Outcome.FRAUD


def test_profile_that_the_ask_does_not_name_is_no_part_of_the_terms(terms):
    shown = replace(promising(terms, FOREIGN), profile=promising(terms, sandbox_digest()).profile)
    with pytest.raises(MalformedMessage, match="profile"):
        check_terms(lease_event(shown), shown)


def test_profile_without_promises_keeps_the_digest_that_it_had_before_there_were_any():
    document = profile().to_json()
    assert "sandboxDigests" not in document
    promising_node = NodeProfile.parse(document | {"sandboxDigests": {"wasm": FOREIGN}})
    assert promising_node.digest() != profile().digest()
    assert NodeProfile.parse(promising_node.to_json()) == promising_node


def test_node_promises_the_digest_that_it_will_attest_and_of_wasm_alone(tmp_path):
    adapters = open_adapters(AdapterSettings(tmp_path))
    others = {"docker": adapters["wasm"], "mcp": adapters["wasm"]}
    assert promise_sandboxes(adapters | others) == {"wasm": descriptor_digest(adapters["wasm"])}
    assert descriptor_digest(adapters["wasm"]) == sandbox_digest()


def attested_by(terms, folder, has: str):
    """What a node attests that has the sandbox `has`."""
    node = profile(runtimes={"python": terms.job_spec.program.digest}).model_copy(
        update={"sandbox_digests": {"wasm": has}}
    )
    market = PlayedMarket(terms)
    run = ended(blobs={ended().manifest.entries[0].digest: b"x" * 100})
    runner = FittingRunner(Machine(node, 2), lambda given, hooks=None: run, now=lambda: NOW)
    provider = make_provider(market, folder, offer=Offer(RATES, 2, 3600, node), runner=runner)
    provider.run_lease(seen(provider, lease_event(terms)))
    provider.post_attestations()
    return market.posted[0]


def test_node_whose_sandbox_has_changed_since_its_ask_runs_nothing_that_it_would_be_blamed_for(terms, tmp_path):
    attestation = attested_by(promising(terms, FOREIGN), tmp_path, sandbox_digest())
    assert (attestation.exit_kind, attestation.fuel) == (ExitKind.SANDBOX_ERROR, 0)


@pytest.mark.parametrize("promised", [None, FOREIGN], ids=["nothing", "what it has"])
def test_node_runs_what_it_promised_to_run(terms, tmp_path, promised):
    attestation = attested_by(promising(terms, promised), tmp_path, FOREIGN)
    assert attestation.exit_kind == ended().exit_kind


def test_promise_binds_only_where_jobs_are_run_again(terms, tmp_path):
    shown = promising(terms, FOREIGN)
    bid = shown.bid.model_copy(update={"verification": int(Verification.ACCEPT)})
    assert attested_by(replace(shown, bid=bid), tmp_path, sandbox_digest()).exit_kind == ExitKind.EXITED
