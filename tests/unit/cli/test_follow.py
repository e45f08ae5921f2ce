"""What `hive run` tells while a job is under way, and how it ends."""

import json

import pytest
import typer

from marketplace.cli import follow
from marketplace.cli.output import last_lines, set_quiet
from marketplace.cli.patience import FIRST_SECONDS, Patience, waiting_text
from marketplace.cli.watching import WatchOptions
from marketplace.errors import JobFailed, NotFound, ProgramFailed
from marketplace.protocol.enums import ExitKind, Verification
from marketplace.protocol.manifest import Manifest, ManifestEntry
from tests.unit.client.test_results import DOMAIN, LEASE, TERMS, Market, attestation

TRACE = "".join(f"line {n}\n" for n in range(1, 31)) + "FileNotFoundError: [bold]missing.csv[/bold]\n"
FILES = {"log/stderr": TRACE.encode(), "log/stdout": b"so far\n"}
MANIFEST = Manifest.build(ManifestEntry.of(path, data) for path, data in FILES.items())
JOB = "0x" + "ab" * 32


class OneJob(Market):
    """A market with one job that has ended, or waits for its renter."""

    verification = TERMS.bid.verification

    def __init__(self, state: str, **attested) -> None:
        attested = {"result_digest": MANIFEST.root(), "egress_bytes": MANIFEST.egress_bytes} | attested
        super().__init__(attestation(**attested), manifest=MANIFEST, files=FILES)
        self.state = state

    def job(self, job_id):
        bid = TERMS.bid.to_json() | {"verification": self.verification}
        return {
            "jobId": JOB, "state": self.state, "timeline": [], "bid": bid,
            "leases": [{"leaseId": LEASE, "provider": TERMS.ask.provider}],
        }  # fmt: skip

    def lease_terms(self, lease_id):
        return TERMS


@pytest.fixture
def attend(tmp_path):
    def call(market, *, as_json=False):
        set_quiet(as_json)
        try:
            watch = WatchOptions(output=tmp_path / "result", timeout=5)
            follow.attend(market, JOB, DOMAIN, watch=watch, as_json=as_json)
        finally:
            set_quiet(False)

    return call


def test_a_program_that_failed_shows_the_end_of_its_stderr_and_ends_with_a_code_of_its_own(attend, capfd):
    with pytest.raises(ProgramFailed, match="exit code 1") as caught:
        attend(OneJob("paid", exit_code=1))
    said, printed = capfd.readouterr().err, caught.value
    assert "FileNotFoundError: [bold]missing.csv[/bold]" in said and "line 12\n" in said and "line 11\n" not in said
    assert "after 11 more" in said and printed.exit_code == 13 and "--stderr" in printed.hint


def test_under_json_it_is_in_the_one_document(attend, capfd):
    with pytest.raises(typer.Exit) as caught:
        attend(OneJob("paid", exit_code=1), as_json=True)
    captured = capfd.readouterr()
    document = json.loads(captured.out)
    assert (caught.value.exit_code, captured.err) == (ProgramFailed.exit_code, "")
    assert (document["exitCode"], document["stdout"], document["stderr"]) == (1, "so far\n", TRACE)


def test_a_program_that_ended_well_says_nothing_of_its_stderr(attend, capfd):
    attend(OneJob("paid"))
    assert "FileNotFoundError" not in capfd.readouterr().err


def test_a_trap_shows_the_end_of_its_stderr_too(attend, capfd):
    with pytest.raises(JobFailed):
        attend(OneJob("failed", exit_kind=ExitKind.TRAP))
    assert "FileNotFoundError" in capfd.readouterr().err


class ForItsRenter(OneJob):
    verification = str(int(Verification.ACCEPT))


def test_a_result_that_its_renter_judges_is_shown_with_how_to_accept_it_instead_of_waiting_for_ever(attend, capfd):
    attend(ForItsRenter("attested"))
    captured = capfd.readouterr()
    said = " ".join(captured.err.split())
    assert captured.out == "so far\n"
    assert "Nothing is paid yet" in said and "`hive accept " in said and "`hive dispute " in said


@pytest.mark.parametrize(
    ("attested", "error", "hint"),
    [({"exit_code": 3}, ProgramFailed, "hive logs"), ({"exit_kind": ExitKind.MEMORY_LIMIT}, JobFailed, "hive refund")],
)
def test_a_result_for_its_renter_that_did_not_end_well_ends_with_the_code_of_that(attend, attested, error, hint):
    with pytest.raises(error) as caught:
        attend(ForItsRenter("attested", **attested))
    assert hint in caught.value.hint


def test_a_result_that_is_not_paid_says_what_it_is(capfd):
    market = OneJob("attested", exit_kind=ExitKind.OUT_OF_FUEL)
    results = follow.fetch_results(market, market.job(JOB), DOMAIN)
    follow.deliver(market, market.job(JOB), results, [], [], as_json=False)
    said = capfd.readouterr().err
    for words in ("The job is attested", "did not come to its end: out of fuel", "no files", "FileNotFoundError"):
        assert words in said


def test_no_result_yet_says_where_the_job_stands():
    with pytest.raises(NotFound, match="No result yet of job 0xabababab") as caught:
        follow.fetch_results(OneJob("queued"), {"jobId": JOB, "state": "queued", "leases": []}, DOMAIN)
    assert "It is queued" in caught.value.hint


@pytest.mark.parametrize(
    ("data", "shown"),
    [(b"", ([], 0)), (b"one\n\n", (["one"], 0)), (b"a\nb\nc", (["b", "c"], 1)), (b"\x1b[2J\xff", ([" [2J\ufffd"], 0))],
)
def test_the_last_lines_of_an_output_are_fit_for_a_terminal(data, shown):
    assert last_lines(data, 2) == shown


def test_after_a_long_silence_something_is_said_and_then_ever_more_rarely():
    now, said = [0.0], []
    patience = Patience(
        lambda: said.append(now[0]), clock=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds)
    )
    for _ in range(130):
        patience.sleep(2)
    assert said == [30, 90, 210]
    patience.reset()
    while len(said) < 4:
        patience.sleep(2)
    assert said[-1] == 260 + FIRST_SECONDS


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("running", "still running: the provider runs it, for 100 s at most"),
        ("queued", "hive explain 0xabababab"),
        ("verifying", "is refunded"),
    ],
)
def test_what_is_waited_for_is_said_with_its_limit(state, words):
    bid = TERMS.bid.model_copy(update={"deadline": 1_800_000_000, "valid_until": 1_790_000_000})
    assert words in waiting_text({"jobId": JOB, "state": state, "bid": bid.to_json()})
    assert waiting_text({})
