"""`hive logs` and --follow: output as it comes, and whether it is what was attested."""

from base64 import b64encode

import pytest

from marketplace.cli import follow
from marketplace.cli.logs import follow_log
from marketplace.cli.watching import LogView, WatchOptions, both_streams, show_log
from marketplace.client.events import JobEvent
from marketplace.errors import MalformedMessage, NotFound
from tests.unit.cli.conftest import CONFIG
from tests.unit.cli.test_follow import JOB, OneJob
from tests.unit.client.test_results import DOMAIN, LEASE

OTHER = "0x" + "88" * 32
OUT, ERR = b"so far\n", "".join(f"line {n}\n" for n in range(1, 31)).encode()


def begin(lease=LEASE, again=False) -> JobEvent:
    return JobEvent("begin", {"leaseId": lease, "provider": "0x", "startedAt": 1, "again": again}, "1")


def log(data: bytes, offset=0, stream="stdout", lease=LEASE) -> JobEvent:
    return JobEvent(
        "log", {"leaseId": lease, "stream": stream, "offset": offset, "data": b64encode(data).decode()}, "2"
    )  # fmt: skip


WITHHELD, END = JobEvent("withheld", {"reason": "Because [b]."}, "-"), JobEvent("end", {"state": "attested"}, "9")


class Streaming(OneJob):
    """A market with one job that has ended, whose events were these."""

    def __init__(self, *events: JobEvent, state: str = "paid") -> None:
        super().__init__(state)
        self.events = [*events, END]

    def domain(self):
        return DOMAIN

    def job_log_stream(self, job_id, after):
        yield from self.events


@pytest.fixture
def shown(capfd):
    """What a follower sees of a market: standard output, and what is said beside it."""

    def call(market, **streams) -> tuple[str, str]:
        follow_log(market, JOB, LogView(streams or both_streams()))
        captured = capfd.readouterr()
        return captured.out, " ".join(captured.err.split())

    return call


def test_output_comes_on_its_own_streams_and_what_is_missing_out_of_the_attested_log(shown):
    out, err = shown(Streaming(begin(), log(OUT[:2]), log(ERR[:6], stream="stderr"), log(OUT[2:4], 2)))
    assert out == OUT.decode()
    assert "not attested yet line 1 line 2 line 3" in err and "line 30" in err
    assert "(what was shown is what the provider attested)" in err


def test_what_the_provider_did_not_attest_to_is_said_and_not_mixed_with_what_it_did(shown):
    out, err = shown(Streaming(begin(), log(b"SO "), log(ERR[:6], stream="stderr")))
    assert out == "SO " and "is not what the provider attested (stdout)" in err and "hive logs" in err


def test_a_log_that_was_attested_before_somebody_looked_is_not_called_live(shown):
    first = JobEvent(
        "begin", {"leaseId": LEASE, "provider": "0x", "startedAt": 1, "again": False, "attested": True}, "1"
    )
    assert "lease 0x77777777…, attested" in shown(Streaming(first, log(OUT)))[1]


def test_more_than_the_attested_log_has_is_no_beginning_of_it(shown):
    assert "not what the provider attested" in shown(Streaming(begin(), log(OUT + b"more")))[1]


def test_a_run_that_begins_anew_is_said_and_counts_alone(shown):
    out, err = shown(Streaming(begin(), log(b"other"), begin(again=True), log(OUT)))
    assert out == "other" + OUT.decode() and "began it anew" in err and "is not what" not in err


def test_of_replicas_the_first_that_begins_is_shown(shown):
    out, _ = shown(Streaming(begin(), log(OUT), begin(OTHER), log(b"of the other", lease=OTHER)))
    assert out == OUT.decode()


def test_where_it_is_shown_at_the_end_only_the_reason_is_said(shown):
    out, err = shown(Streaming(WITHHELD, begin(), log(OUT)))
    assert out == OUT.decode() and "Shown at its end only. Because [b]." in err


def test_output_that_nobody_attested_to_proves_nothing(shown):
    market = Streaming(begin(OTHER), log(b"lost", lease=OTHER), state="refunded")
    market.job = lambda job_id: {"jobId": JOB, "state": "refunded", "leases": []}
    out, err = shown(market)
    assert out == "lost" and "proves nothing" in err


def test_a_job_that_never_ran_has_no_log(shown):
    market = Streaming(state="expired")
    market.job = lambda job_id: {"jobId": JOB, "state": "expired", "leases": []}
    with pytest.raises(NotFound, match="No result"):
        shown(market)


def test_bytes_out_of_their_order_end_the_following():
    with pytest.raises(MalformedMessage, match="does not follow"):
        show_log(Streaming(begin(), log(b"b", 1)), JOB, LogView({}))


# --- hive run ---------------------------------------------------------------------------------------------------------


def test_run_shows_output_once_and_checks_it(tmp_path, capfd):
    watch = WatchOptions(output=tmp_path / "result", timeout=5, follow=True)
    follow.attend(Streaming(begin(), log(OUT[:3])), JOB, DOMAIN, watch=watch, as_json=False)
    captured = capfd.readouterr()
    assert captured.out == OUT.decode() and "every file checked" in captured.err
    assert (tmp_path / "result" / "log" / "stdout").read_bytes() == OUT


def test_run_goes_on_where_the_log_cannot_be_followed(tmp_path, capfd):
    watch = WatchOptions(output=tmp_path / "result", timeout=5, follow=True)
    follow.attend(Streaming(begin(), log(b"b", 1)), JOB, DOMAIN, watch=watch, as_json=False)
    captured = capfd.readouterr()
    assert "cannot be followed" in captured.err and captured.out == OUT.decode()


@pytest.mark.parametrize("other", ["--json", "--detach"])
def test_following_needs_somebody_who_looks(hive, runnable, other):
    ran = hive("run", runnable, "--follow", "--yes", other)
    assert ran.code == 2 and "--follow" in ran.out + ran.err and "Leave out one" in ran.out + ran.err


# --- hive logs, without following -------------------------------------------------------------------------------------


@pytest.fixture
def running(market):
    """A job that runs, and what the market has heard of it."""
    job = {"jobId": JOB, "state": "running", "leases": [{"leaseId": LEASE}]}
    heard = {"leaseId": LEASE, "provider": "0x", "attested": False, "stdout": "one\n", "stderr": "oh\n"}
    market.answers[("GET", "/api/v1/config")] = CONFIG
    market.answers[("GET", f"/api/v1/jobs/{JOB}/status")] = job
    market.answers[("GET", f"/api/v1/jobs/{JOB}/logs")] = {"jobId": JOB, "leases": [heard]}
    return market


def test_of_a_running_job_there_is_what_it_has_printed_so_far(hive, running):
    ran = hive("logs", JOB)
    assert (ran.code, ran.out) == (0, "one\n")
    assert "so far, and not attested yet" in ran.err and "--stderr" in ran.err
    assert hive("logs", JOB, "--stderr").out == "oh\n"
    assert hive("logs", JOB, "--json").json == {"jobId": JOB, "attested": False, "stdout": "one\n", "stderr": "oh\n"}


def test_a_job_that_has_printed_nothing_yet_is_said_to_run(hive, running):
    running.answers[("GET", f"/api/v1/jobs/{JOB}/logs")] = {"jobId": JOB, "leases": []}
    ran = hive("logs", JOB)
    assert ran.code == 5 and "It is running" in ran.err
