"""`hive` itself: what goes to which stream, how errors end, what is refused before anything is signed."""

import subprocess
import sys

import pytest

from marketplace import __version__
from marketplace.errors import MarketError, NotFound, all_error_classes
from tests.unit.cli.conftest import ACCOUNT, ESCROW, PROVIDER, offer

COMMANDS = (
    *("wallet", "deposit", "withdraw", "balance", "quote", "run", "jobs", "status", "logs", "result", "bill"),
    *(
        "explain",
        "cancel",
        "accept",
        "refund",
        "dispute",
        "market",
        "provider",
        "oracle",
        "verify",
        "dev",
        "faucet",
        "nodes",
    ),
)
JOB = "0x" + "ab" * 32
LEASE = "0x" + "cd" * 32
DOCUMENT = {
    "jobId": JOB,
    "name": "evil [red]name[/red]",
    "state": "running",
    "renter": ACCOUNT,
    "bid": {"maxPrice": "1500000", "replicas": 1, "deadline": "1800000000"},
    "createdAt": 1_790_000_000,
    "leases": [{"leaseId": LEASE, "provider": PROVIDER, "state": "running", "price": "750000"}],
    "timeline": [
        {"at": 1_790_000_000, "event": "queued", "detail": ""},
        {"at": 1_790_000_001, "event": "matched", "detail": "price 0.750000 USDC"},
        {"at": 1_790_000_002, "event": "running", "detail": ""},
    ],
}


def test_help_loads_nothing_heavy():
    heavy = ("web3", "eth_account", "fastapi", "wasmtime", "httpx", "numpy", "pydantic")
    code = f"import sys, marketplace.cli.main; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(hive, command):
    ran = hive(command, "--help")
    assert ran.code == 0 and "Usage: hive" in ran.out


def test_an_unknown_option_is_a_usage_error_on_stderr(hive):
    ran = hive("jobs", "--nope")
    assert (ran.code, ran.out) == (2, "") and "--nope" in ran.err


@pytest.mark.parametrize("cls", all_error_classes().values(), ids=lambda cls: cls.code)
def test_every_expected_error_ends_with_its_own_exit_code(hive, market, cls):
    error = cls.__new__(cls)
    MarketError.__init__(error, "Something is the matter.", hint="Do this.")
    market.answers[("GET", "/api/v1/jobs")] = error
    ran = hive("jobs", "--all")
    assert (ran.code, ran.out) == (cls.exit_code, "")
    assert "error: Something is the matter." in ran.err and "→ Do this." in ran.err


def test_under_json_an_error_is_one_document_on_stdout_and_stderr_is_silent(hive, market):
    market.answers[("GET", f"/api/v1/jobs/{JOB}/status")] = NotFound("job", JOB)
    ran = hive("status", JOB, "--json")
    assert (ran.code, ran.err) == (5, "")
    assert ran.json["error"] == {
        "code": "not_found",
        "exit": 5,
        "message": f"No job {JOB}.",
        "hint": "",
        "values": {"what": "job", "key": JOB},
    }


def test_no_market_named_says_how_to_start_one(hive, home, monkeypatch):
    monkeypatch.delenv("COMPUTEHIVE_URL")
    ran = hive("jobs", "--all")
    assert ran.code == 12 and "hive dev" in ran.err


@pytest.mark.parametrize("command", [("status", JOB), ("jobs", "--all")])
def test_json_prints_the_markets_document_and_nothing_else(hive, market, command):
    page = {"jobs": [DOCUMENT], "nextCursor": None}
    market.answers[("GET", f"/api/v1/jobs/{JOB}/status")] = DOCUMENT
    market.answers[("GET", "/api/v1/jobs")] = page
    ran = hive(*command, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json == (DOCUMENT if command[0] == "status" else page)


def test_status_shows_amounts_with_their_unit_and_markup_of_others_as_it_is(hive, market):
    market.answers[("GET", f"/api/v1/jobs/{JOB}/status")] = DOCUMENT
    ran = hive("status", JOB)
    assert "1.500000 USDC" in ran.out and "0.750000" in ran.out and "amounts in USDC" in ran.out
    assert "evil [red]name[/red]" in ran.out
    assert "matched by the auction" in ran.out


def test_a_quote_shows_who_can_and_what_stands_in_the_others_way(hive, market, runnable):
    market.answers[("POST", "/api/v1/quotes")] = {
        "price": "1000000",
        "offers": [offer(1_000_000), offer(2_000_000, "region: ['us'] needed, eu offered")],
    }
    ran = hive("quote", runnable, "--region", "us")
    assert ran.code == 0
    assert "1.000000" in ran.out and "← best" in ran.out and "region: us needed, eu offered" in ran.out
    assert market.bodies[-1]["jobSpec"]["requirements"]["regions"] == ["us"]


def test_run_without_a_terminal_needs_yes_and_has_signed_nothing(hive, market, runnable):
    ran = hive("run", runnable)
    assert ran.code == 12 and "--yes" in ran.err
    assert "at most 2.000000 USDC" in ran.err and "Price now: 1.000000 USDC" in ran.err
    assert ("POST", "/api/v1/jobs/submit") not in market.asked


def test_run_that_nobody_can_serve_says_why(hive, market, runnable):
    market.answers[("POST", "/api/v1/quotes")] = {"price": None, "offers": [offer(9, "gpus: 4 needed, [] offered")]}
    ran = hive("run", runnable, "--yes")
    assert ran.code == 6 and "gpus: 4 needed, none offered" in ran.err
    assert ("POST", "/api/v1/jobs/submit") not in market.asked


def test_run_without_enough_money_names_the_deposit_that_is_missing(hive, market, runnable):
    market.answers[("GET", f"/api/v1/accounts/{ACCOUNT}")] = {"free": "250000", "bidFree": "250000", "nextSalt": 4}
    ran = hive("run", runnable, "--yes", "--max-price", "1.5")
    assert ran.code == 4 and "hive deposit 1.250000" in ran.err
    assert ("POST", "/api/v1/jobs/submit") not in market.asked


def test_what_is_earned_can_be_withdrawn_but_not_bid_with(hive, market, runnable):
    market.answers[("GET", f"/api/v1/accounts/{ACCOUNT}")] = {"free": "9000000", "bidFree": "1000000", "nextSalt": 4}
    ran = hive("run", runnable, "--yes", "--max-price", "1.5")
    assert ran.code == 4 and "hive deposit 0.500000" in ran.err and "8.000000 USDC more are earned" in ran.err


def test_run_with_a_wrong_password_places_nothing(hive, market, runnable, monkeypatch):
    monkeypatch.setenv("COMPUTEHIVE_PASSWORD", "wrong")
    ran = hive("run", runnable, "--yes")
    assert ran.code == 11 and "does not open" in ran.err
    assert ("POST", "/api/v1/jobs/submit") not in market.asked


@pytest.mark.parametrize(
    ("number", "said"),
    [(7, "Filled at once, in round 7."), (None, "Nothing stands idle for it: it waits for the next round.")],
)
def test_run_now_asks_to_be_filled_at_once_and_says_whether_it_was(hive, market, runnable, monkeypatch, number, said):
    monkeypatch.setenv("COMPUTEHIVE_PASSWORD", "pw")
    market.answers[("POST", "/api/v1/jobs/submit")] = {"jobId": JOB, "filledInRound": number}
    ran = hive("run", runnable, "--yes", "--detach", "--now")
    assert (ran.code, ran.out) == (0, JOB + "\n") and said in ran.err
    assert market.bodies[market.asked.index(("POST", "/api/v1/jobs/submit"))]["now"] is True


def test_a_detached_run_signs_the_shown_cap_and_prints_the_id_alone(hive, market, runnable, monkeypatch):
    from marketplace.protocol.eip712 import Domain
    from marketplace.protocol.messages import Bid, require_signed_by

    monkeypatch.setenv("COMPUTEHIVE_PASSWORD", "pw")
    market.answers[("POST", "/api/v1/jobs/submit")] = {"jobId": JOB}
    market.answers[("POST", "/api/v1/quotes")] = {"price": "1000000", "offers": [offer(1_000_000), offer(1_100_000)]}
    ran = hive(
        "run", runnable, "--yes", "--detach", "--max-price", "1.25", "--replicas", "2", "--arg", "x", "-e", "A=b"
    )
    assert (ran.code, ran.out) == (0, JOB + "\n")
    body = market.bodies[market.asked.index(("POST", "/api/v1/jobs/submit"))]
    bid = Bid.parse(body["bid"])
    assert (bid.max_price, bid.replicas, bid.renter, bid.salt) == (1_250_000, 2, ACCOUNT, 4)
    assert (body["jobSpec"]["args"], body["jobSpec"]["env"]) == (["x"], {"A": "b"})
    require_signed_by(bid, ACCOUNT, Domain(1337, ESCROW), body["signature"])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--max-price", "free"), 2, "is not an amount"),
        (("--max-price", "0"), 2, "buys nothing"),
        (("--env", "novalue"), 2, "not NAME=value"),
        (("--input", "/nowhere/data.csv"), 2, "cannot be read"),
        (("--memory", "0"), 2, "--memory"),
    ],
)
def test_bad_input_is_named_before_the_market_is_asked_for_a_price(hive, market, runnable, arguments, code, message):
    ran = hive("run", runnable, "--yes", *arguments)
    assert ran.code == code and message in " ".join(ran.err.split())
    assert ("POST", "/api/v1/quotes") not in market.asked


def test_another_renters_job_cannot_be_cancelled_with_this_wallet(hive, market, runnable):
    bid = {
        "renter": PROVIDER, "market": PROVIDER, "jobDigest": JOB, "gpus": 0, "vcpus": 1, "memoryMb": 1,
        "durationSeconds": 1, "fuel": "1", "egressMb": 1, "maxPrice": "1", "replicas": 1, "verification": 0,
        "settlement": 0, "deadline": "1", "validUntil": "1", "salt": "1",
    }  # fmt: skip
    market.answers[("GET", f"/api/v1/jobs/{JOB}/status")] = DOCUMENT | {"bid": bid, "state": "queued", "leases": []}
    ran = hive("cancel", JOB)
    assert ran.code == 3 and f"belongs to {PROVIDER}" in ran.err


@pytest.mark.parametrize(("state", "message"), [("paid", "nothing left to cancel"), ("running", "its lease is open")])
def test_what_is_over_or_open_is_not_cancelled(hive, market, runnable, state, message):
    market.answers[("GET", f"/api/v1/jobs/{JOB}/status")] = DOCUMENT | {"state": state}
    ran = hive("cancel", JOB)
    assert ran.code == 6 and message in ran.err


def test_wallets_are_made_shown_and_listed(hive, home, monkeypatch):
    monkeypatch.setenv("COMPUTEHIVE_PASSWORD", "correct horse")
    made = hive("wallet", "new", "mine", "--light", "--json").json
    assert hive("wallet", "show", "mine", "--json").json == made
    assert hive("wallet", "list", "--json").json == [made]
    assert made["address"] in hive("wallet", "list").out
    again = hive("wallet", "new", "mine", "--light")
    assert again.code == 11 and "exists already" in again.err


def test_a_key_is_imported_from_stdin_and_never_shown(hive, home, monkeypatch):
    import io

    monkeypatch.setenv("COMPUTEHIVE_PASSWORD", "correct horse")
    monkeypatch.setattr("sys.stdin", io.StringIO("0x" + "00" * 31 + "03\n"))
    ran = hive("wallet", "new", "mine", "--import", "--light")
    assert ran.code == 0 and ran.out == ACCOUNT + "\n"
    assert "0" * 60 not in ran.out + ran.err


def test_without_a_terminal_a_password_is_demanded_by_variable(hive):
    ran = hive("wallet", "new", "mine")
    assert ran.code == 11 and "COMPUTEHIVE_PASSWORD_FILE" in ran.err


def test_version_is_that_of_the_package(hive):
    ran = hive("--version")
    assert (ran.code, ran.out.strip()) == (0, f"hive {__version__}")
