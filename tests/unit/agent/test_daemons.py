"""The daemons step by step, against a market and a chain that a test plays."""

import threading

import pytest

from agent.daemon import run_steps
from agent.journal import Journal, WorkState
from agent.oracle import OracleDaemon
from agent.provider import Offer, ProviderDaemon
from agent.sandbox import sandbox_digest
from marketplace.domain.chain import LeaseOpened
from marketplace.errors import ConflictError, MalformedMessage, ServiceUnavailable
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Ask, Attestation, Receipt, Verdict, VerdictBatch
from marketplace.protocol.metering import Rates
from tests.unit.agent.played_market import AGENT, DOMAIN, ORACLE, PROVIDER, PlayedMarket
from tests.unit.agent.test_work import attest, ended, lease_event, lease_terms
from tests.unit.clearing.market import MARKET, NOW, profile

RATES = Rates(0, 10, 0, 0, 0, 0)


@pytest.fixture
def terms():
    given = lease_terms()
    object.__setattr__(given, "ask", given.ask.model_copy(update={"agent": AGENT.address}))
    return given


@pytest.fixture
def market(terms):
    return PlayedMarket(terms)


@pytest.fixture
def provider(market, tmp_path):
    return make_provider(market, tmp_path)


def make_provider(market, folder, *, runner=None, offer=None, now=NOW):
    sent = []
    daemon = ProviderDaemon(
        client=market, chain=None, domain=DOMAIN, market=MARKET, provider=PROVIDER, agent=AGENT,
        offer=offer or Offer(RATES, 2, 3600, profile()), runner=runner or (lambda given: ended(blobs={})),
        journal=Journal(folder / "journal"), blobs=folder / "outputs",
        accept=lambda receipt, signature: sent.append(receipt), now=lambda: now,
    )  # fmt: skip
    daemon.accepted = sent
    return daemon


def seen(daemon, event: LeaseOpened) -> LeaseOpened:
    daemon._journal.record_blocks(1, "0x1", [event], [])
    return event


# --- the loop ---


def test_step_that_fails_is_taken_again_and_the_others_go_on():
    stop, taken = threading.Event(), []

    def away():
        taken.append("away")
        raise ServiceUnavailable("gone")

    def works():
        taken.append("works")
        if taken.count("works") == 60:
            stop.set()

    run_steps((away, works), stop, 0.02)
    assert taken.count("works") == 60
    assert 1 < taken.count("away") < 6


def test_bug_in_a_step_is_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        run_steps((lambda: 1 // 0,), threading.Event(), 0.01)


# --- asks ---


def test_ask_is_posted_once_and_stands_after_a_restart(market, tmp_path, provider):
    provider.keep_ask()
    provider.keep_ask()
    make_provider(market, tmp_path).keep_ask()
    assert len(market.asks) == 1


def test_ask_that_lapses_or_no_longer_says_what_is_offered_is_replaced(market, tmp_path, provider):
    provider.keep_ask()
    make_provider(market, tmp_path, now=NOW + 3400).keep_ask()
    dearer = Offer(Rates(0, 99, 0, 0, 0, 0), 2, 3600, profile())
    make_provider(market, tmp_path, offer=dearer, now=NOW + 3400).keep_ask()
    assert [cancel.salt for cancel in market.cancels] == [ask.salt for ask in market.asks[:2]]
    assert market.asks[-1].vcpu_hour_rate == 99


def test_stopped_provider_takes_its_ask_back_and_the_next_start_posts_a_new_one(market, tmp_path, provider):
    provider.keep_ask()
    provider.withdraw_ask()
    provider.withdraw_ask()
    assert [cancel.salt for cancel in market.cancels] == [market.asks[0].salt]
    make_provider(market, tmp_path).keep_ask()
    assert len(market.asks) == 2


def test_ask_that_was_signed_but_not_posted_is_posted_at_the_next_start(market, tmp_path, provider):
    market.away = True
    with pytest.raises(ServiceUnavailable):
        provider.keep_ask()
    market.away = False
    make_provider(market, tmp_path).keep_ask()
    assert len(market.asks) == 1
    assert Ask.parse(provider._journal.note("ask")["ask"]) == market.asks[0]


# --- leases ---


def test_lease_whose_terms_are_not_the_chains_is_declined_and_never_run(market, terms, tmp_path):
    def never(given):
        raise AssertionError("ran")

    provider = make_provider(market, tmp_path, runner=never)
    event = seen(provider, lease_event(terms))
    object.__setattr__(terms, "price", terms.price + 1)
    provider.run_lease(event)
    assert provider._journal.leases(WorkState.DECLINED) == [event]


def test_run_is_attested_posted_once_and_its_blobs_are_sent(market, terms, tmp_path):
    blob = {ended().manifest.entries[0].digest: b"x" * 100}
    provider = make_provider(market, tmp_path, runner=lambda given: ended(blobs=blob))
    provider.run_lease(seen(provider, lease_event(terms)))
    provider.post_attestations()
    provider.post_attestations()
    assert len(market.posted) == 1
    assert market.blobs == blob
    assert not list((tmp_path / "outputs").iterdir())


def test_run_that_ended_before_a_kill_is_posted_after_it_without_a_second_run(market, terms, tmp_path):
    blob = {ended().manifest.entries[0].digest: b"x" * 100}
    first = make_provider(market, tmp_path, runner=lambda given: ended(blobs=blob))
    first.run_lease(seen(first, lease_event(terms)))
    market.away = True
    with pytest.raises(ServiceUnavailable):
        first.post_attestations()
    market.away = False

    make_provider(market, tmp_path, runner=None).post_attestations()
    assert [one.exit_kind for one in market.posted] == [0]


def test_job_that_fails_in_an_unexpected_way_is_given_up_and_harms_no_other(market, terms, tmp_path):
    def broken(given):
        raise RuntimeError("sandbox fell over")

    provider = make_provider(market, tmp_path, runner=broken)
    event = seen(provider, lease_event(terms))
    for _ in range(60):
        provider.start_jobs()
        for future in provider._running.values():
            future.exception(timeout=5)
        if provider._journal.leases(WorkState.DECLINED):
            break
    assert provider._journal.leases(WorkState.DECLINED) == [event]


def test_lease_past_its_deadline_is_not_started(market, terms, tmp_path):
    provider = make_provider(market, tmp_path, now=NOW + 10**6)
    event = seen(provider, lease_event(terms))
    provider.start_jobs()
    assert provider._journal.leases(WorkState.DECLINED) == [event]


@pytest.mark.parametrize(("pay", "sent"), [(0, False), (149_999, True)])
def test_receipt_is_sent_only_if_it_pays_what_was_attested(market, terms, tmp_path, pay, sent):
    blob = {ended().manifest.entries[0].digest: b"x" * 100}
    provider = make_provider(market, tmp_path, runner=lambda given: ended(blobs=blob, fuel_used=10**9))
    event = seen(provider, lease_event(terms))
    provider.run_lease(event)
    provider.post_attestations()
    receipt = Receipt(lease_id=event.lease_id, pay=pay, result_digest=ended().result_digest)
    market.receipt = {"receipt": receipt.to_json(), "signature": "0x"}
    provider.send_receipts()
    assert (provider.accepted == [receipt]) is sent


# --- oracles ---


def make_oracle(market, folder, runner=lambda given: ended()):
    return OracleDaemon(
        client=market, chain=None, domain=DOMAIN, account=ORACLE, runner=runner, journal=Journal(folder / "oracle")
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


def honest(terms, **changes) -> Attestation:
    values = {"job_digest": terms.job_spec.digest(), "sandbox_digest": sandbox_digest()} | changes
    return attest(ended(), **values)


def test_oracle_pays_what_it_reproduces_and_says_it_once(market, terms, tmp_path):
    oracle = make_oracle(market, tmp_path)
    claim(market, oracle, terms, honest(terms))
    oracle.judge_claims()
    assert [verdict.outcome for verdict in market.verdicts] == [Outcome.PAID]


def test_oracle_killed_after_signing_repeats_its_verdict_and_never_another(market, terms, tmp_path):
    oracle = make_oracle(market, tmp_path)
    claim(market, oracle, terms, honest(terms))
    market.away = True
    oracle._client.lease_terms = lambda lease_id: terms
    with pytest.raises(ServiceUnavailable):
        oracle.judge_claims()
    market.away = False
    again = make_oracle(market, tmp_path, runner=lambda given: ended(fuel_used=1))
    again.judge_claims()
    assert [verdict.outcome for verdict in market.verdicts] == [Outcome.PAID]


@pytest.mark.parametrize(
    "change",
    [
        {"sandbox_digest": "0x" + "00" * 32},
        {"job_digest": "0x" + "00" * 32},
        {"lease_id": "0x" + "00" * 32},
        {"result_digest": "0x" + "00" * 32},
    ],
)
def test_oracle_abstains_from_evidence_it_cannot_check(market, terms, tmp_path, change):
    oracle = make_oracle(market, tmp_path)
    claim(market, oracle, terms, honest(terms, **change))
    oracle.judge_claims()
    oracle.judge_claims()
    assert market.verdicts == []


def test_oracle_takes_no_evidence_that_the_asks_agent_did_not_sign(market, terms, tmp_path):
    oracle = make_oracle(market, tmp_path)
    claim(market, oracle, terms, honest(terms), key=PROVIDER.key)
    oracle.judge_claims()
    assert market.verdicts == []


def test_oracle_signs_a_batch_only_if_it_says_what_it_said(market, terms, tmp_path):
    oracle = make_oracle(market, tmp_path)
    claim(market, oracle, terms, honest(terms))
    oracle.judge_claims()
    (own,) = market.verdicts
    other = own.model_copy(update={"pay": own.pay + 1})
    unknown = Verdict(lease_id="0x" + "77" * 32, outcome=1, pay=1, result_digest="0x" + "77" * 32)
    market.proposed = [
        {"digest": name, "verdicts": [one.to_json() for one in verdicts]}
        for name, verdicts in (("good", [own]), ("false", [other]), ("mixed", [own, unknown]))
    ]
    oracle.sign_batches()
    ((digest, signature),) = market.signed
    assert digest == "good"
    assert VerdictBatch(verdicts=(own,)).recover(DOMAIN, signature) == ORACLE.address


def test_batch_that_went_without_this_oracle_is_no_trouble(market, terms, tmp_path):
    oracle = make_oracle(market, tmp_path)
    claim(market, oracle, terms, honest(terms))
    oracle.judge_claims()
    market.proposed = [{"digest": "good", "verdicts": [market.verdicts[0].to_json()]}]

    def late(digest, oracle, signature):
        raise ConflictError("settling already")

    market.sign_batch = late
    oracle.sign_batches()


def test_terms_that_the_market_forges_are_never_judged(market, terms, tmp_path):
    oracle = make_oracle(market, tmp_path)
    event = claim(market, oracle, terms, honest(terms))
    object.__setattr__(terms, "price", 1)
    with pytest.raises(MalformedMessage):
        oracle.judge(event)
