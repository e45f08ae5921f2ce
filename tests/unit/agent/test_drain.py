"""Leaving in order: no new leases, running jobs end or are stopped at the given time, then the daemon ends."""

import threading
from dataclasses import replace

import pytest

from agent.drain import NOTE, POST_SECONDS, QUIET_SECONDS, request_drain, withdraw_drain
from agent.journal import WorkState
from agent.lock import hold_folder, is_held
from marketplace.errors import ServiceUnavailable
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.messages import Attestation
from tests.unit.agent.played_provider import make_provider, seen
from tests.unit.agent.test_work import ended, lease_event
from tests.unit.clearing.market import NOW


@pytest.fixture
def provider(market, tmp_path):
    return make_provider(market, tmp_path)


def void_on_chain(daemon):
    daemon.chain.ask_salt = daemon._journal.note("salt") + 1


def leave(daemon, steps=3) -> bool:
    return any([daemon.leave_in_order() for _ in range(steps)])


def test_daemon_that_nobody_asked_stays(provider):
    provider.keep_ask()
    assert not leave(provider)
    assert provider._journal.note("ask") is not None


def test_drain_takes_the_ask_back_posts_no_other_and_says_so_in_the_next_heartbeat(market, provider):
    beats = []
    market.heartbeat = lambda beat, signature: beats.append(beat) or {}
    provider.keep_ask()
    provider.send_heartbeat()
    request_drain(provider._journal, NOW, within=600)
    leave(provider)
    provider.keep_ask()
    provider.send_heartbeat()
    assert (len(market.asks), len(market.cancels)) == (1, 1)
    assert [beat.drains_by for beat in beats] == [0, NOW + 600]


def test_drain_is_not_over_while_a_lease_may_still_open_with_the_ask(market, provider, tmp_path):
    provider.keep_ask()
    request_drain(provider._journal, NOW)
    assert not leave(provider), "the cancel is not on chain yet"
    void_on_chain(provider)
    assert not provider.leave_in_order(), "the chain is followed once more after it is"
    assert provider.leave_in_order()


def test_drain_does_not_wait_for_a_cancel_that_the_market_never_sends(market, provider, tmp_path):
    provider.keep_ask()
    request_drain(provider._journal, NOW)
    later = make_provider(market, tmp_path, chain=provider.chain, now=NOW + QUIET_SECONDS)
    assert leave(later)


def test_drain_waits_until_every_lease_is_closed_or_claimed(market, terms, provider):
    request_drain(provider._journal, NOW)
    event = seen(provider, lease_event(terms))
    assert not leave(provider)
    provider.run_lease(event)
    assert not leave(provider), "attested, but not posted yet"
    provider._journal.record_posted(event.lease_id)
    assert not leave(provider), "posted, but not paid for yet"
    provider._journal.record_blocks(2, "0x2", [], [event.lease_id])
    assert leave(provider)


def test_drain_ends_once_and_the_next_start_offers_again(market, tmp_path, provider):
    request_drain(provider._journal, NOW)
    assert leave(provider) and not provider.leave_in_order()
    make_provider(market, tmp_path).keep_ask()
    assert len(market.asks) == 1


def test_daemon_that_is_killed_while_it_leaves_goes_on_leaving(market, terms, tmp_path, provider):
    provider.keep_ask()
    request_drain(provider._journal, NOW)
    seen(provider, lease_event(terms))
    again = make_provider(market, tmp_path)
    again.keep_ask()
    assert not leave(again)
    assert len(market.asks) == 1


def test_drain_that_is_withdrawn_leaves_the_daemon_where_it_is(market, provider):
    provider.keep_ask()
    request_drain(provider._journal, NOW)
    leave(provider)
    assert withdraw_drain(provider._journal) and not withdraw_drain(provider._journal)
    provider.keep_ask()
    assert len(market.asks) == 2 and not leave(provider)


def test_what_was_seen_of_an_ask_that_was_taken_back_says_nothing_of_the_next(market, provider):
    provider.keep_ask()
    request_drain(provider._journal, NOW)
    leave(provider, steps=1)
    void_on_chain(provider)
    provider.leave_in_order()
    withdraw_drain(provider._journal)
    provider.leave_in_order()
    provider.keep_ask()
    request_drain(provider._journal, NOW)
    assert not leave(provider), "the second ask stands on chain"


def test_jobs_whose_time_is_over_are_stopped_while_the_market_is_away(market, terms, provider):
    def away(cancel, signature):
        raise ServiceUnavailable("away")

    provider.keep_ask()
    event = seen(provider, lease_event(terms))
    request_drain(provider._journal, NOW - 60, within=60)
    market.cancel = away
    with pytest.raises(ServiceUnavailable):
        provider.leave_in_order()
    assert provider._stop_of(event).is_set()


def test_job_that_is_told_to_stop_before_it_has_started_is_stopped(market, terms, tmp_path):
    def looks(given, hooks):
        assert hooks.is_stopped
        return ended(ExitKind.EVICTED, blobs={})

    provider = make_provider(market, tmp_path, runner=looks)
    event = seen(provider, lease_event(terms))
    request_drain(provider._journal, NOW - 60, within=60)
    provider.leave_in_order()
    provider.run_lease(event)
    assert provider._journal.leases(WorkState.SEEN) == []


def test_job_that_still_runs_at_the_given_time_is_stopped_and_attested_as_evicted(market, terms, tmp_path):
    def endless(given, hooks):
        assert hooks.stop.wait(10), "nobody stopped it"
        return ended(ExitKind.EVICTED, blobs={})

    provider = make_provider(market, tmp_path, runner=endless)
    event = seen(provider, lease_event(terms))
    request_drain(provider._journal, NOW - 60, within=60)
    provider.start_jobs()
    assert not provider.leave_in_order()
    provider._running[event.lease_id].result(timeout=10)
    evidence = provider._journal.evidence(event.lease_id)
    assert Attestation.parse(evidence["attestation"]).exit_kind == ExitKind.EVICTED
    assert not leave(provider), "its evidence has not been sent"
    provider._journal.record_posted(event.lease_id)
    assert leave(provider), "whom the oracles judge is no longer this machine's business"


def test_market_that_is_away_does_not_hold_up_a_drain_whose_time_is_over(market, terms, tmp_path):
    provider = make_provider(market, tmp_path)
    seen(provider, lease_event(terms))
    request_drain(provider._journal, NOW - 60, within=60)
    market.away = True
    assert not leave(provider)
    assert leave(make_provider(market, tmp_path, chain=provider.chain, now=NOW + POST_SECONDS))


def test_drain_is_tried_again_while_the_market_cannot_take_the_cancel(market, provider):
    def away(cancel, signature):
        raise ServiceUnavailable("away")

    provider.keep_ask()
    request_drain(provider._journal, NOW)
    market.cancel = away
    with pytest.raises(ServiceUnavailable):
        provider.leave_in_order()
    assert provider._journal.note("ask") is not None


def test_signal_makes_the_daemon_leave_and_its_run_ends(market, tmp_path, provider):
    for name in ("follow", "send_heartbeat", "release_claims"):
        setattr(provider, name, type(provider.follow)(lambda self: None, provider))
        getattr(provider, name).__func__.__name__ = name
    market.cancel = lambda cancel, signature: setattr(provider.chain, "ask_salt", cancel.salt)
    stop, drain = threading.Event(), threading.Event()
    drain.set()
    provider.run(stop, pause=0.01, drain=drain)
    assert stop.is_set() and provider._journal.note("ask") is None


def test_leaving_for_good_goes_before_leaving_for_an_update_and_not_before_a_given_time(provider):
    request_drain(provider._journal, NOW, successor="0.2.0")
    provider._drain.ask_for_good()
    assert provider._journal.note(NOTE)["successor"] == ""
    request_drain(provider._journal, NOW, within=600)
    provider._drain.ask_for_good()
    assert provider._journal.note(NOTE)["until"] == NOW + 600, "its owner had said until when"


def test_signal_during_an_update_is_heard_and_one_that_was_taken_back_is_not_heard_again(market, terms, provider):
    heard, stop, drain = [], threading.Event(), threading.Event()

    def look():
        heard.append(provider._journal.note(NOTE))
        withdraw_drain(provider._journal)
        if len(heard) > 2:
            stop.set()

    seen(provider, lease_event(terms))
    request_drain(provider._journal, NOW, successor="0.2.0")
    drain.set()
    provider.follow = provider.start_jobs = provider.send_heartbeat = provider.release_claims = stays
    provider.run(stop, pause=0.01, drain=drain, beside=[look])
    assert [note and note["successor"] for note in heard] == ["", None, None]


def stays():
    """A step that does nothing."""


def test_lapsing_ask_makes_way_without_a_cancel_so_that_what_is_promised_under_it_can_open(market, tmp_path, provider):
    provider.keep_ask()
    make_provider(market, tmp_path, now=NOW + 3400).keep_ask()
    assert len(market.asks) == 2 and market.cancels == []


def test_deadline_of_the_last_lease_is_when_a_drain_without_a_time_is_over(provider, terms):
    event = replace(lease_event(terms), deadline=NOW + 500)
    seen(provider, event)
    request_drain(provider._journal, NOW)
    assert provider._drain.ends_at == NOW + 500


def test_folder_of_a_working_daemon_is_held(tmp_path):
    assert not is_held(tmp_path, "provider")
    with hold_folder(tmp_path, "provider"):
        assert is_held(tmp_path, "provider") and not is_held(tmp_path, "oracle")
