"""The oracle daemon on attested leases: evidence instead of a second run. Nobody runs the job here."""

from dataclasses import replace

import pytest

from agent.attester import add_evidence
from agent.earnings import compute_worth
from agent.tee import DcapVerifier
from marketplace.errors import DigestMismatch, UnsupportedTee
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import ExitKind, Outcome
from marketplace.protocol.evidence import COLLATERAL_PATH, MAX_EVIDENCE_BYTES, QUOTE_PATH
from marketplace.protocol.messages import Verdict
from tests.unit.agent.attested import AT, PROCESSOR, attest_run, attested_terms, foreign, prove, trust
from tests.unit.agent.played_market import AGENT, DOMAIN, OTHER, transcript_of
from tests.unit.agent.played_tee import SAMPLED_AT, SGX, TDX
from tests.unit.agent.test_oracle import claim, make_oracle
from tests.unit.agent.test_work import ended

DAY = 86_400


def never(terms, hooks=None):
    raise AssertionError("an attested job is not run again")


@pytest.fixture
def lease(market, terms):
    """Terms of an attested lease, in the market and in the round that matched it."""
    market.terms = attested_terms(terms)
    market.round = transcript_of(market.terms)
    return market.terms


def verdict_on(market, folder, run, *, verifier=None, opened_at=0, **changes) -> Verdict | None:
    """What an oracle that trusts the played machine's root says; None where it abstains."""
    oracle = make_oracle(market, folder, never, verifier=verifier or DcapVerifier(PROCESSOR.root_der))
    oracle._chain.opened_at = opened_at
    claim(market, oracle, market.terms, attest_run(market.terms, run, **changes))
    market.evidence["manifest"] = run.manifest.to_json()
    market.blobs |= run.blobs
    oracle.judge_claims()
    oracle.reveal_verdicts()
    return market.verdicts[0] if market.verdicts else None


def outcome_of(*given, **options) -> Outcome:
    return Outcome(verdict_on(*given, **options).outcome)


# --- paid -------------------------------------------------------------------------------------------------------------


def test_evidence_that_covers_the_result_is_paid_by_usage(market, lease, tmp_path):
    run = prove(lease)
    verdict = verdict_on(market, tmp_path, run)
    pay = compute_worth(lease, attest_run(lease, run))
    assert (verdict.outcome, verdict.pay, verdict.result_digest) == (Outcome.PAID, pay, run.result_digest)
    assert 0 < pay < lease.price


def test_an_attested_program_may_exit_with_any_code(market, lease, tmp_path):
    assert outcome_of(market, tmp_path, prove(lease, ended(exit_code=3, blobs={}))) is Outcome.PAID


def test_two_oracles_at_different_times_give_the_same_verdict(market, lease, tmp_path, monkeypatch):
    run = prove(lease)
    first = verdict_on(market, tmp_path / "a", run)
    market.verdicts, market.sealed = [], {}
    monkeypatch.setattr("time.time", lambda: AT + 1_000 * DAY)
    assert verdict_on(market, tmp_path / "b", run) == first


# --- failed -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in ExitKind if kind is not ExitKind.EXITED])
def test_a_program_that_did_not_come_to_its_end_fails_without_evidence(market, lease, tmp_path, kind):
    verdict = verdict_on(market, tmp_path, ended(kind, blobs={}))
    assert (verdict.outcome, verdict.pay) == (Outcome.FAILED, 0)


@pytest.mark.parametrize(
    "collateral",
    [PROCESSOR.collateral(AT - 40 * DAY), PROCESSOR.collateral(AT + DAY), PROCESSOR.collateral(AT, status="OutOfDate")],
    ids=["expired", "not yet valid", "platform out of date"],
)
def test_evidence_that_is_merely_out_of_date_fails_and_slashes_nobody(market, lease, tmp_path, collateral):
    assert outcome_of(market, tmp_path, prove(lease, collateral=collateral)) is Outcome.FAILED


def test_nobody_reaches_back_to_a_time_before_its_lease(market, lease, tmp_path):
    """Collateral that was valid when the agent says it ended, and no more when the chain opened the lease."""
    opened_at = AT + 40 * DAY
    run = prove(lease)
    assert outcome_of(market, tmp_path, run, opened_at=opened_at, finished_at=AT) is Outcome.FAILED


# --- fraud ------------------------------------------------------------------------------------------------------------

LIES = {
    "another lease": {"lease_id": "0x" + "99" * 32},
    "another job": {"job_digest": "0x" + "99" * 32},
    "less fuel": {"fuel": 1},
    "another exit code": {"exit_code": 1},
    "another sandbox": {"sandbox_digest": "0x" + "99" * 32},
    "another agent": {"agent": OTHER.address},
    "another chain": {"domain": Domain(1, DOMAIN.escrow)},
    "another escrow": {"domain": Domain(DOMAIN.chain_id, "0x" + "ef" * 20)},
    "debug mode": {"is_debug": True},
}


@pytest.mark.parametrize("said", LIES.values(), ids=LIES)
def test_a_quote_about_anything_else_is_fraud(market, lease, tmp_path, said):
    verdict = verdict_on(market, tmp_path, prove(lease, **said))
    assert (verdict.outcome, verdict.pay) == (Outcome.FRAUD, 0)


def test_a_quote_about_another_result_is_fraud(market, lease, tmp_path):
    proven = prove(lease)
    evidence = {entry.path: proven.blobs[entry.digest] for entry in proven.manifest.entries if entry.path[0] == "e"}
    forged = add_evidence(ended(blobs={}), {"out/invented": b"42"})
    assert set(evidence) == {QUOTE_PATH, COLLATERAL_PATH}
    assert outcome_of(market, tmp_path, add_evidence(forged, evidence)) is Outcome.FRAUD


@pytest.mark.parametrize("kept", [(), (QUOTE_PATH,), (COLLATERAL_PATH,)], ids=["nothing", "no collateral", "no quote"])
def test_a_result_without_its_evidence_is_fraud(market, lease, tmp_path, kept):
    files = {path: data for path, data in foreign().items() if path in kept}
    assert outcome_of(market, tmp_path, add_evidence(ended(blobs={}), files)) is Outcome.FRAUD


def test_evidence_of_an_environment_that_the_renter_does_not_trust_is_fraud(market, terms, tmp_path):
    market.terms = attested_terms(terms, trust(rtmr1="0x" + "00" * 48))
    market.round = transcript_of(market.terms)
    assert outcome_of(market, tmp_path, prove(market.terms)) is Outcome.FRAUD


def test_evidence_with_a_broken_signature_is_fraud(market, lease, tmp_path):
    run = prove(lease)
    (quote,) = (run.blobs[entry.digest] for entry in run.manifest.entries if entry.path == QUOTE_PATH)
    broken = quote[:700] + bytes([quote[700] ^ 1]) + quote[701:]
    files = {QUOTE_PATH: broken, COLLATERAL_PATH: PROCESSOR.collateral(AT)}
    assert outcome_of(market, tmp_path, add_evidence(ended(blobs={}), files)) is Outcome.FRAUD


@pytest.mark.parametrize("data", [b"", b"no quote", bytes(65_000)])
def test_evidence_that_is_none_is_fraud(market, lease, tmp_path, data):
    files = {QUOTE_PATH: data, COLLATERAL_PATH: PROCESSOR.collateral(AT)}
    assert outcome_of(market, tmp_path, add_evidence(ended(blobs={}), files)) is Outcome.FRAUD


def test_good_evidence_that_is_padded_beyond_its_bound_is_fraud(market, lease, tmp_path):
    padded = PROCESSOR.collateral(AT - 60) + b" " * MAX_EVIDENCE_BYTES
    assert outcome_of(market, tmp_path, prove(lease, collateral=padded)) is Outcome.FRAUD


@pytest.mark.parametrize("name", [SGX, TDX])
@pytest.mark.parametrize("finished_at", [SAMPLED_AT, AT], ids=["at its time", "years later"])
def test_a_real_quote_of_somebody_elses_machine_is_fraud(market, lease, tmp_path, name, finished_at):
    """The node that cheats under this policy: a real quote, Intel's real signature, and a result of its own making."""
    run = add_evidence(ended(blobs={}), foreign(name))
    options = {"verifier": DcapVerifier(), "finished_at": finished_at}
    assert outcome_of(market, tmp_path, run, **options) is Outcome.FRAUD


# --- no verdict -------------------------------------------------------------------------------------------------------


def test_an_oracle_that_cannot_verify_abstains(market, lease, tmp_path):
    class Nothing:
        def verify(self, quote, collateral, now):
            raise UnsupportedTee("sgx and tdx")

    assert verdict_on(market, tmp_path, prove(lease), verifier=Nothing()) is None


def test_an_oracle_waits_for_evidence_that_the_market_does_not_have_yet(market, lease, tmp_path):
    run = prove(lease)
    assert verdict_on(market, tmp_path, replace(run, blobs={})) is None
    assert outcome_of(market, tmp_path, run) is Outcome.PAID


def test_other_bytes_than_the_digest_names_are_nobodys_evidence(market, lease, tmp_path):
    def forged(digest):
        raise DigestMismatch(expected=digest, actual="0x" + "00" * 32)

    market.get_blob = forged
    assert verdict_on(market, tmp_path, prove(lease)) is None


def test_more_fuel_than_was_reserved_is_paid_by_nobody(market, lease, tmp_path):
    assert verdict_on(market, tmp_path, prove(lease, ended(fuel_used=lease.bid.fuel + 1, blobs={}))) is None


def test_an_attestation_that_the_agent_did_not_sign_is_not_judged(market, lease, tmp_path):
    run = prove(lease, agent=AGENT.address)
    market.terms = replace(lease, ask=lease.ask.model_copy(update={"agent": OTHER.address}))
    assert verdict_on(market, tmp_path, run) is None
