"""The oracle daemon step by step, against a market that a test plays."""

from dataclasses import replace

import pytest

from agent.journal import Journal
from agent.oracle import OracleDaemon
from agent.sandbox import sandbox_digest
from marketplace.domain.chain import LeaseOpened
from marketplace.errors import ConflictError, MalformedMessage, ServiceUnavailable
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Attestation, Verdict, VerdictBatch
from tests.unit.agent.played_market import AGENT, DOMAIN, ORACLE, PROVIDER, PlayedChain
from tests.unit.agent.test_work import attest, ended, lease_event


def make_oracle(market, folder, runner=lambda given, hooks=None: ended(), **options):
    return OracleDaemon(
        client=market,
        chain=PlayedChain(),
        domain=DOMAIN,
        account=ORACLE,
        runner=runner,
        journal=Journal(folder / "oracle"),
        **options,
    )


def claim(market, oracle, terms, attestation: Attestation, key=AGENT.key) -> LeaseOpened:
    event = lease_event(terms)
    oracle._journal.record_blocks(1, "0x1", [event], [])
    market.claimed = [{"leaseId": event.lease_id}]
    market.evidence = {
        "attestation": attestation.to_json(),
        "signature": attestation.sign(DOMAIN, key),
        "manifest": ended().manifest.to_json(),
    }
    return event


def judge(oracle) -> None:
    """Seal what can be judged, reveal what the market asks for."""
    oracle.judge_claims()
    oracle.reveal_verdicts()


def honest(terms, **changes) -> Attestation:
    values = {"job_digest": terms.job_spec.digest(), "sandbox_digest": sandbox_digest()} | changes
    return attest(ended(), **values)


def test_oracle_pays_what_it_reproduces_and_says_it_once(market, terms, tmp_path):
    oracle = make_oracle(market, tmp_path)
    claim(market, oracle, terms, honest(terms))
    judge(oracle)
    assert [verdict.outcome for verdict in market.verdicts] == [Outcome.PAID]


def test_oracle_killed_after_signing_repeats_its_verdict_and_never_another(market, terms, tmp_path):
    oracle = make_oracle(market, tmp_path)
    claim(market, oracle, terms, honest(terms))
    market.away = True
    oracle._client.lease_terms = lambda lease_id: terms
    with pytest.raises(ServiceUnavailable):
        oracle.judge_claims()
    market.away = False
    again = make_oracle(market, tmp_path, runner=lambda given, hooks=None: ended(fuel_used=1))
    judge(again)
    assert [verdict.outcome for verdict in market.verdicts] == [Outcome.PAID]


@pytest.mark.parametrize(
    "change",
    [
        {"job_digest": "0x" + "00" * 32},
        {"lease_id": "0x" + "00" * 32},
        {"result_digest": "0x" + "00" * 32},
    ],
)
def test_oracle_abstains_from_evidence_it_cannot_check(market, terms, tmp_path, change):
    oracle = make_oracle(market, tmp_path)
    claim(market, oracle, terms, honest(terms, **change))
    judge(oracle)
    judge(oracle)
    assert market.verdicts == []


def test_oracle_takes_no_evidence_that_the_asks_agent_did_not_sign(market, terms, tmp_path):
    oracle = make_oracle(market, tmp_path)
    claim(market, oracle, terms, honest(terms), key=PROVIDER.key)
    judge(oracle)
    assert market.verdicts == []


def test_oracle_signs_a_batch_only_if_it_says_what_it_said(market, terms, tmp_path):
    oracle = make_oracle(market, tmp_path)
    claim(market, oracle, terms, honest(terms))
    judge(oracle)
    (own,) = market.verdicts
    other = own.model_copy(update={"pay": own.pay + 1})
    unknown = Verdict(lease_id="0x" + "77" * 32, outcome=1, pay=1, result_digest="0x" + "77" * 32)
    market.proposed = [
        {"digest": name, "verdicts": [one.to_json() for one in verdicts]}
        for name, verdicts in (("good", [own]), ("false", [other]), ("mixed", [own, unknown]), ("empty", []))
    ]
    oracle.sign_batches()
    ((digest, signature),) = market.signed
    assert digest == "good"
    assert VerdictBatch.of([own]).recover(DOMAIN, signature) == ORACLE.address


def test_batch_that_went_without_this_oracle_is_no_trouble(market, terms, tmp_path):
    oracle = make_oracle(market, tmp_path)
    claim(market, oracle, terms, honest(terms))
    judge(oracle)
    market.proposed = [{"digest": "good", "verdicts": [market.verdicts[0].to_json()]}]

    def late(digest, oracle, signature):
        raise ConflictError("settling already")

    market.sign_batch = late
    oracle.sign_batches()


def test_terms_that_the_market_forges_are_never_judged(market, terms, tmp_path):
    oracle = make_oracle(market, tmp_path)
    event = claim(market, oracle, terms, honest(terms))
    market.terms = replace(terms, price=1)
    with pytest.raises(MalformedMessage):
        oracle.judge(event)
