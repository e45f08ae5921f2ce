"""The daemons' loop, and the provider daemon step by step, against a market and a chain that a test plays."""

import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from agent.daemon import run_steps
from agent.journal import WorkState
from agent.offer import Offer
from agent.provider import MAX_ATTEMPTS
from marketplace.errors import ServiceUnavailable
from marketplace.protocol.enums import CancelKind, ExitKind
from marketplace.protocol.messages import Ask
from marketplace.protocol.metering import Rates
from tests.unit.agent.played_market import DOMAIN, ORACLE, PROVIDER
from tests.unit.agent.played_provider import make_provider, seen
from tests.unit.agent.test_work import ended, lease_event
from tests.unit.clearing.market import NOW, profile


@pytest.fixture
def provider(market, tmp_path):
    return make_provider(market, tmp_path)


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
    assert [cancel.salt for cancel in market.cancels] == [market.asks[1].salt + 1], "what only lapses needs no cancel"
    assert {cancel.kind for cancel in market.cancels} == {CancelKind.ASKS_BEFORE}
    assert market.asks[-1].vcpu_hour_rate == 99


def test_salts_of_asks_are_the_time_and_rise_within_a_second_and_after_a_restart(market, tmp_path):
    for _ in range(3):
        provider = make_provider(market, tmp_path)
        provider.keep_ask()
        provider.withdraw_ask()
    make_provider(market, tmp_path, now=NOW - 50).keep_ask()
    assert [ask.salt for ask in market.asks] == [NOW, NOW + 1, NOW + 2, NOW + 3]


def test_ask_that_a_cancel_of_the_providers_other_machine_voids_is_replaced(market, tmp_path, provider):
    provider.keep_ask()
    provider.keep_ask()
    provider.chain.ask_salt = NOW + 500
    provider.keep_ask()
    assert len(market.asks) == 1, "the chain is not asked every time"
    make_provider(market, tmp_path, chain=provider.chain, now=NOW + 10).keep_ask()
    assert [ask.salt for ask in market.asks] == [NOW, NOW + 500]


def test_stopped_provider_takes_its_ask_back_and_the_next_start_posts_a_new_one(market, tmp_path, provider):
    provider.keep_ask()
    provider.withdraw_ask()
    provider.withdraw_ask()
    assert [cancel.salt for cancel in market.cancels] == [market.asks[0].salt + 1]
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
    def never(given, hooks=None):
        raise AssertionError("ran")

    provider = make_provider(market, tmp_path, runner=never)
    event = seen(provider, lease_event(terms))
    market.terms = replace(terms, price=terms.price + 1)
    provider.run_lease(event)
    assert provider._journal.leases(WorkState.DECLINED) == [event]


def test_lease_of_another_machine_of_the_same_provider_is_left_to_it(market, terms, tmp_path):
    other = terms.ask.model_copy(update={"agent": ORACLE.address})
    market.terms = replace(terms, ask=other, ask_signature=other.sign(DOMAIN, PROVIDER.key))
    provider = make_provider(market, tmp_path)
    provider.run_lease(seen(provider, lease_event(market.terms)))
    assert len(provider._journal.leases(WorkState.DECLINED)) == 1


def test_run_is_attested_posted_once_and_its_blobs_are_sent(market, terms, tmp_path):
    blob = {ended().manifest.entries[0].digest: b"x" * 100}
    provider = make_provider(market, tmp_path, runner=lambda given, hooks=None: ended(blobs=blob))
    provider.run_lease(seen(provider, lease_event(terms)))
    provider.post_attestations()
    provider.post_attestations()
    assert len(market.posted) == 1
    assert market.blobs == blob
    assert not list((tmp_path / "outputs").iterdir())


def test_run_that_ended_before_a_kill_is_posted_after_it_without_a_second_run(market, terms, tmp_path):
    blob = {ended().manifest.entries[0].digest: b"x" * 100}
    first = make_provider(market, tmp_path, runner=lambda given, hooks=None: ended(blobs=blob))
    first.run_lease(seen(first, lease_event(terms)))
    market.away = True
    with pytest.raises(ServiceUnavailable):
        first.post_attestations()
    market.away = False

    make_provider(market, tmp_path, runner=None).post_attestations()
    assert [one.exit_kind for one in market.posted] == [0]


def start_until_over(provider) -> None:
    for _ in range(60):
        provider.start_jobs()
        for future in provider._running.values():
            future.exception(timeout=5)
        if not provider._journal.leases(WorkState.SEEN):
            return


def test_job_that_fails_in_an_unexpected_way_is_attested_as_the_machines_failure(market, terms, tmp_path):
    """Silence would keep its renter waiting until the deadline, and be a strike."""
    runs = []

    def broken(given, hooks=None):
        runs.append(given)
        raise RuntimeError("sandbox fell over")

    provider = make_provider(market, tmp_path, runner=broken)
    seen(provider, lease_event(terms))
    start_until_over(provider)
    provider.post_attestations()
    assert len(runs) == MAX_ATTEMPTS
    assert [one.exit_kind for one in market.posted] == [ExitKind.SANDBOX_ERROR]


def test_job_of_which_not_even_that_can_be_said_is_given_up(market, terms, tmp_path, monkeypatch):
    def broken(*given):
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr("agent.provider.sign_evidence", broken)
    provider = make_provider(market, tmp_path)
    event = seen(provider, lease_event(terms))
    start_until_over(provider)
    assert provider._journal.leases(WorkState.DECLINED) == [event]


def test_lease_past_its_deadline_is_not_started(market, terms, tmp_path):
    provider = make_provider(market, tmp_path, now=NOW + 10**6)
    event = seen(provider, lease_event(terms))
    provider.start_jobs()
    assert provider._journal.leases(WorkState.DECLINED) == [event]


# --- stopping ---


def test_job_that_runs_when_the_daemon_stops_is_stopped_and_left_to_the_next_start(market, terms, tmp_path):
    running, stop = threading.Event(), threading.Event()

    def until_stopped(given, hooks):
        running.set()
        assert hooks.stop.wait(20), "nobody stopped it"
        return ended(ExitKind.EVICTED, blobs={})

    provider = make_provider(market, tmp_path, runner=until_stopped)
    provider.follow = lambda: None  # this chain has no blocks
    market.heartbeat = lambda beat, signature: {}
    event = seen(provider, lease_event(terms))
    daemon = threading.Thread(target=provider.run, args=(stop, 0.01), daemon=True)
    daemon.start()
    assert running.wait(20)
    while event.lease_id not in provider._running:  # the job may begin before the daemon has noted that it has
        assert daemon.is_alive()
        time.sleep(0.001)
    job = provider._running[event.lease_id]
    stop.set()
    daemon.join(20)
    assert job.exception(timeout=20) is None
    assert make_provider(market, tmp_path)._journal.leases(WorkState.SEEN) == [event]


def test_job_that_ended_by_itself_while_the_daemon_stopped_is_attested(market, terms, tmp_path):
    provider = make_provider(market, tmp_path, runner=lambda given, hooks=None: provider._leaving.set() or ended())
    provider.run_lease(event := seen(provider, lease_event(terms)))
    assert provider._journal.leases(WorkState.ATTESTED) == [event]


def test_job_that_has_not_begun_when_the_daemon_stops_does_not_begin(market, terms, tmp_path):
    def never(given, hooks=None):
        raise AssertionError("ran")

    provider = make_provider(market, tmp_path, runner=never)
    provider._leaving.set()
    provider.run_lease(event := seen(provider, lease_event(terms)))
    assert provider._journal.leases(WorkState.SEEN) == [event]


def test_daemon_at_rest_holds_no_library_that_only_its_benchmark_needs():
    """Eleven megabytes of numpy: what a provider may take up at rest is 120."""
    code = "import sys, agent.__main__; print([name for name in ('numpy', 'onnxruntime') if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "[]"
