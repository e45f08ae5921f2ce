"""A notice is heeded only with its evidence, and not before the renter's time is over."""

from dataclasses import replace

import pytest

from agent.journal import WorkState
from marketplace.protocol.canonical import json_digest
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.jobspec import Schedule
from marketplace.protocol.messages import Attestation
from tests.unit.agent.played_market import DOMAIN, OTHER, PlayedMarket
from tests.unit.agent.played_provider import make_provider, seen
from tests.unit.agent.test_work import ended, lease_event, script_spec
from tests.unit.clearing.market import NOW, bid, spec

NOTICE = 60


@pytest.fixture
def preemptible(terms):
    """Terms of a lease whose job may be displaced."""
    job = script_spec().model_copy(update={"schedule": Schedule(preemption_notice_seconds=NOTICE)})
    return replace(terms, job_spec=job, bid=terms.bid.model_copy(update={"job_digest": job.digest()}))


def displacing(**changes):
    """A bid that wants the unit, signed by its renter."""
    job = changes.pop("job_spec", spec())
    wanted = bid(9, job_spec=job, renter=OTHER.address).bid
    return {"bid": wanted.to_json(), "signature": wanted.sign(DOMAIN, OTHER.key), "jobSpec": job.to_json()} | changes


class Notified:
    """A provider that runs a preemptible lease, and a market that gives it notice."""

    def __init__(self, terms, folder, *, price=None, entry=None, ask=None, runner=None):
        self.market = PlayedMarket(terms)
        self.folder, self.event = folder, lease_event(terms)
        entry, ask = entry or displacing(), ask or terms.ask
        wanted = bid(9, renter=OTHER.address).bid
        self.round = {
            "round": 8,
            "bids": [entry],
            "asks": [{"ask": ask.to_json()}],
            "matches": [
                {
                    "bidHash": wanted.struct_hash(),
                    "askHash": ask.struct_hash(),
                    "price": str(terms.price if price is None else price),
                }
            ],
        }
        self.market.transcript = lambda number: self.round
        self.notices = [
            {
                "leaseId": self.event.lease_id,
                "bidHash": wanted.struct_hash(),
                "round": 8,
                "roundDigest": json_digest(self.round),
                "stopsAt": NOW + NOTICE,
            }
        ]
        self.market.heartbeat = lambda beat, signature: {"notices": self.notices}
        self.daemon = seen_by(make_provider(self.market, folder, runner=runner), self.event)

    def due(self, at: int) -> bool:
        self.daemon.send_heartbeat()
        return make_provider(self.market, self.folder, now=at)._evictions.due() == [self.event]


def seen_by(daemon, event):
    seen(daemon, event)
    return daemon


def test_notice_is_heeded_when_its_time_is_over_and_not_before(preemptible, tmp_path):
    given = Notified(preemptible, tmp_path)
    assert not given.due(NOW + NOTICE - 1)
    assert given.due(NOW + NOTICE)


def test_notice_that_is_withdrawn_is_forgotten(preemptible, tmp_path):
    given = Notified(preemptible, tmp_path)
    given.due(NOW)
    given.notices.clear()
    given.daemon._heartbeats.hurry()
    assert not given.due(NOW + NOTICE)


def test_renter_keeps_its_seconds_where_the_notice_comes_late(preemptible, tmp_path):
    given = Notified(preemptible, tmp_path)
    given.notices[0]["stopsAt"] = NOW - 500
    assert not given.due(NOW + NOTICE - 1)
    assert given.due(NOW + NOTICE)


def test_evidence_is_kept_and_survives_a_kill(preemptible, tmp_path):
    given = Notified(preemptible, tmp_path)
    given.due(NOW)
    again = make_provider(given.market, tmp_path)
    note = again._journal.note(f"notice/{given.event.lease_id}")
    assert json_digest(note["transcript"]) == note["notice"]["roundDigest"]


def test_job_that_did_not_allow_it_is_never_stopped(terms, tmp_path):
    assert not Notified(terms, tmp_path).due(NOW + 10**6)


@pytest.mark.parametrize(
    "change",
    [
        {"price": 149_999},
        {"entry": displacing(signature="0x" + "11" * 64 + "1b")},
        {"entry": displacing(jobSpec=spec(minDiskMb=7).to_json())},
    ],
    ids=["pays less", "nobody signed it", "another job"],
)
def test_notice_without_a_better_signed_bid_is_not_heeded(preemptible, tmp_path, change):
    assert not Notified(preemptible, tmp_path, **change).due(NOW + 10**6)


def test_notice_whose_round_matched_another_machine_is_not_heeded(preemptible, tmp_path):
    other = preemptible.ask.model_copy(update={"agent": OTHER.address})
    assert not Notified(preemptible, tmp_path, ask=other).due(NOW + 10**6)


def test_notice_whose_round_matched_another_providers_ask_for_this_machine_is_not_heeded(preemptible, tmp_path):
    """Anybody can sign an ask that names our agent."""
    other = preemptible.ask.model_copy(update={"provider": OTHER.address})
    assert not Notified(preemptible, tmp_path, ask=other).due(NOW + 10**6)


@pytest.mark.parametrize(
    "garbage",
    [
        {"round": None},
        {"round": "eight"},
        {"bidHash": 5},
        {"stopsAt": []},
        {"roundDigest": None},
    ],
    ids=lambda garbage: next(iter(garbage)),
)
def test_garbled_notice_is_not_heeded_and_does_not_end_the_daemon(preemptible, tmp_path, garbage):
    given = Notified(preemptible, tmp_path)
    given.notices[0] |= garbage
    assert not given.due(NOW + 10**6)


@pytest.mark.parametrize("part", ["bids", "asks", "matches"])
@pytest.mark.parametrize("garbage", [None, 7, [None], [{}]], ids=str)
def test_garbled_round_is_not_heeded_and_does_not_end_the_daemon(preemptible, tmp_path, part, garbage):
    given = Notified(preemptible, tmp_path)
    given.round[part] = garbage
    given.notices[0]["roundDigest"] = json_digest(given.round)
    assert not given.due(NOW + 10**6)


def test_notice_that_cites_another_round_than_it_shows_is_not_heeded(preemptible, tmp_path):
    given = Notified(preemptible, tmp_path)
    given.round["closesAt"] = 5
    assert not given.due(NOW + 10**6)


def test_stopped_job_is_attested_as_evicted(preemptible, tmp_path):
    def endless(given, hooks):
        assert hooks.stop.wait(10), "nobody stopped it"
        return ended(ExitKind.EVICTED, blobs={})

    given = Notified(preemptible, tmp_path, runner=endless)
    given.daemon._rounds.check = lambda event, terms: None
    given.daemon.send_heartbeat()
    note = given.daemon._journal.note(f"notice/{given.event.lease_id}")
    given.daemon._journal.record_note(f"notice/{given.event.lease_id}", note | {"stopsAt": NOW})
    given.daemon.start_jobs()
    given.daemon.make_way()
    given.daemon._running[given.event.lease_id].result(timeout=10)
    evidence = given.daemon._journal.evidence(given.event.lease_id)
    assert Attestation.parse(evidence["attestation"]).exit_kind == ExitKind.EVICTED
    assert given.daemon._journal.leases(WorkState.SEEN) == []
