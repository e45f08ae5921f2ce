"""Following a job: every change once, patience with a market that is away, an end to patience."""

import pytest

from marketplace.client.waiting import END_STATES, follow_job, wait_for_job, wait_until
from marketplace.domain.jobs import END_STATES as DOMAIN_END_STATES
from marketplace.errors import ServiceUnavailable, WaitTimeout


class Market:
    """Answers `job` from a script; the last answer repeats."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def job(self, job_id):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"state": answer, "jobId": job_id}


class Time:
    """A clock that only sleeping moves."""

    now = 0.0

    def clock(self):
        return self.now

    def sleep(self, seconds):
        assert seconds >= 0
        self.now += seconds


def follow(market, timeout=60.0):
    time = Time()
    return [job["state"] for job in follow_job(market, "0xab", timeout=timeout, clock=time.clock, sleep=time.sleep)]


def test_the_end_states_are_those_of_the_domain():
    assert {str(state) for state in DOMAIN_END_STATES} == END_STATES


def test_each_change_is_told_once_and_the_end_ends_it():
    assert follow(Market("queued", "queued", "running", "running", "paid")) == ["queued", "running", "paid"]


def test_a_market_that_is_away_for_a_moment_is_waited_for():
    assert follow(Market("queued", ServiceUnavailable("away"), "paid")) == ["queued", "paid"]


def test_a_market_that_stays_away_is_reported_as_away():
    with pytest.raises(ServiceUnavailable, match="away"):
        follow(Market(ServiceUnavailable("away")))


def test_a_job_that_takes_too_long_goes_on_without_us():
    with pytest.raises(WaitTimeout) as caught:
        follow(Market("running"))
    assert "still running after 60 s" in caught.value.message and "hive status 0xab" in caught.value.hint


def test_wait_for_job_returns_the_last_document():
    time = Time()
    job = wait_for_job(Market("queued", "failed"), "0xab", timeout=9, clock=time.clock, sleep=time.sleep)
    assert job["state"] == "failed"


def test_wait_until_names_what_did_not_happen():
    with pytest.raises(WaitTimeout, match="the moon"):
        wait_until(lambda: False, timeout=0.0, what="the moon", sleep=lambda _: None)
    wait_until(lambda: True, timeout=0.0, what="nothing")
