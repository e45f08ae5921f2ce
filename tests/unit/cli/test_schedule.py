"""`--start` and `--within`: what a person may type, and what is signed for it."""

import time

import pytest

from marketplace.cli.schedule import ScheduleOptions, parse_time
from marketplace.errors import InputError

NOW = 1_800_000_000
JOBS = ["0x" + "ab" * 32, "0x" + "cd" * 32]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+3600", NOW + 3600),
        ("1800000100", NOW + 100),
        ("2027-01-15T08:00:00+00:00", NOW),
        ("2027-01-15T09:00+01:00", NOW),
    ],
)
def test_start_may_be_relative_unix_seconds_or_a_time(text, expected):
    assert parse_time(text, NOW) == expected


@pytest.mark.parametrize("text", ["soon", "-5", "", "2027-13-01"])
def test_what_is_no_time_is_refused_with_examples(text):
    with pytest.raises(InputError) as caught:
        parse_time(text, NOW)
    assert "2027" in caught.value.hint


def test_milliseconds_are_refused_as_what_they_are():
    with pytest.raises(InputError) as caught:
        parse_time("1800000100000", NOW)
    assert "milliseconds" in caught.value.hint


def test_start_that_has_passed_is_refused():
    with pytest.raises(InputError, match="has passed"):
        ScheduleOptions(start="1000").to_schedule()


def test_deadline_counts_from_the_start():
    options = ScheduleOptions(start="+1000", within=300)
    schedule = options.to_schedule()
    assert options.deadline(schedule) == schedule.not_before + 300
    assert ScheduleOptions().deadline(schedule) is None


def test_reserved_run_signs_its_start_and_says_what_that_means(hive, market, runnable, monkeypatch):
    monkeypatch.setenv("COMPUTEHIVE_PASSWORD", "pw")
    market.answers[("POST", "/api/v1/jobs/submit")] = {"jobId": "0x" + "ab" * 32}
    ran = hive("run", runnable, "--start", "+3600", "--within", "900", "--yes", "--detach")
    assert ran.code == 0 and "nothing is locked" in " ".join(ran.err.split())
    body = market.bodies[market.asked.index(("POST", "/api/v1/jobs/submit"))]
    start = body["jobSpec"]["schedule"]["notBefore"]
    assert abs(start - time.time() - 3600) < 60
    assert (body["bid"]["deadline"], body["bid"]["validUntil"]) == (start + 900, start + 600)


def test_preemptible_run_signs_its_notice(hive, market, runnable, monkeypatch):
    monkeypatch.setenv("COMPUTEHIVE_PASSWORD", "pw")
    market.answers[("POST", "/api/v1/jobs/submit")] = {"jobId": JOBS[0]}
    assert hive("run", runnable, "--preemptible", "60", "--yes", "--detach").code == 0
    body = market.bodies[market.asked.index(("POST", "/api/v1/jobs/submit"))]
    assert body["jobSpec"]["schedule"] == {"notBefore": 0, "preemptionNoticeSeconds": 60}


def test_start_ahead_and_preemption_exclude_each_other(hive, runnable):
    assert hive("run", runnable, "--preemptible", "60", "--start", "+60", "--yes").code == 2


@pytest.mark.parametrize("later", [("--start", "+60"), ("--preemptible", "60")])
def test_what_is_to_be_filled_at_once_has_no_later_start_and_makes_no_way(hive, market, runnable, later):
    ran = hive("run", runnable, "--now", *later, "--yes")
    assert ran.code == 2 and "--now" in ran.err
    assert ("POST", "/api/v1/jobs/submit") not in market.asked


def evicted_job(exit_kind="evicted"):
    lease = {"leaseId": "0x" + "11" * 32, "exit": exit_kind, "detail": None}
    return {"jobId": JOBS[0], "state": "failed", "leases": [lease], "timeline": []}


@pytest.mark.parametrize(("exit_kind", "placed"), [("evicted", 3), ("trap", 1)])
def test_evicted_job_is_placed_again_as_often_as_was_asked_and_another_failure_is_not(
    hive, market, runnable, monkeypatch, exit_kind, placed
):
    monkeypatch.setenv("COMPUTEHIVE_PASSWORD", "pw")
    market.answers[("POST", "/api/v1/jobs/submit")] = {"jobId": JOBS[0]}
    market.answers[("GET", f"/api/v1/jobs/{JOBS[0]}/status")] = evicted_job(exit_kind)
    market.answers[("GET", f"/api/v1/jobs/{JOBS[0]}/cost")] = {"bills": []}
    ran = hive("run", runnable, "--preemptible", "60", "--retries", "2", "--yes")
    assert ran.code == 7, ran.err
    assert market.asked.count(("POST", "/api/v1/jobs/submit")) == placed
