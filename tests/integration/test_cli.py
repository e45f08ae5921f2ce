"""The two-minute test: `hive dev` in one terminal, somebody's own script on somebody's own file in another."""

import html
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

HIVE = [sys.executable, "-m", "marketplace.cli.main"]
ROOT = Path(__file__).resolve().parents[2]
START_SECONDS, COMMAND_SECONDS = 150, 90
LAST_SAID = "Ctrl-C ends it all."
"""By `hive dev`, once everything is up."""
SERVICES = 8
"""Processes from which on there is something to leave behind."""
SCRIPT = """
import csv, statistics
values = [float(row["celsius"]) for row in csv.DictReader(open("data.csv"))]
print(f"{len(values)} readings, mean {statistics.mean(values):.2f}")
with open("report.txt", "w") as report:
    report.write(f"{min(values)} to {max(values)}\\n")
"""
pytestmark = pytest.mark.timeout(300)


def environment(home: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COMPUTEHIVE_")}
    return clean | {"COMPUTEHIVE_HOME": str(home), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


class User:
    """Somebody at a terminal of their own, in a folder of their own."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home, self.folder = home, folder

    def hive(self, *arguments: str, ok: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            [*HIVE, *arguments], cwd=self.folder, env=environment(self.home) | more, capture_output=True, text=True,
            timeout=COMMAND_SECONDS, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if ok:
            assert ran.returncode == 0, (
                f"hive {' '.join(arguments)} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}"
            )
        return ran

    def json(self, *arguments: str):
        return json.loads(self.hive(*arguments, "--json").stdout)

    def refused(self, code: int, *arguments: str, **more: str) -> str:
        ran = self.hive(*arguments, ok=False, **more)
        assert ran.returncode == code, ran.stdout + ran.stderr
        return " ".join(ran.stderr.split())


def start_dev(home: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("xb") as stream:
        process = subprocess.Popen(
            [*HIVE, "dev"], env=environment(home), stdout=stream, stderr=stream, start_new_session=True
        )
    until = time.monotonic() + START_SECONDS
    while LAST_SAID not in log.read_text():  # other terminals find it a moment before all of it is said
        assert process.poll() is None and time.monotonic() < until, log.read_text()
        time.sleep(0.1)
    return process


def processes_under(folder: Path) -> list[str]:
    """Command lines of every process whose environment or arguments name `folder`."""
    found = []
    for process in psutil.process_iter():
        try:
            words, variables = process.cmdline(), process.environ().values()
        except psutil.Error:  # it has just ended
            continue
        if process.pid != os.getpid() and any(str(folder) in text for text in (*words, *variables)):
            found.append(" ".join(words))
    return found


def wait_gone(folder: Path) -> list[str]:
    until = time.monotonic() + 20
    while (left := processes_under(folder)) and time.monotonic() < until:
        time.sleep(0.2)
    return left


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work")
    (folder / "script.py").write_text(SCRIPT)
    (folder / "data.csv").write_text("hour,celsius\n" + "".join(f"{n},{20 + n % 7}\n" for n in range(48)))
    process = start_dev(home, folder / "dev.log")
    yield User(home, folder)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert not (home / "dev.json").exists()
    assert wait_gone(home) == []


@pytest.fixture(scope="module")
def paid(user):
    return user.hive("run", "script.py", "--input", "data.csv", "--yes")


def job_of(user) -> str:
    return user.json("jobs", "--state", "paid")["jobs"][-1]["jobId"]


def test_the_dapp_is_beside_the_market_with_a_test_wallet_of_its_chain(user):
    url = re.search(
        r"^dApp +(http://127\.0\.0\.1:\d+)  \(with a test wallet\)", (user.folder / "dev.log").read_text(), re.M
    )[1]
    page, dev = httpx.get(url), json.loads((user.home / "dev.json").read_text())
    known = json.loads(html.unescape(re.search(r'data-known="([^"]+)"', page.text)[1]))
    assert (known["chainId"], known["market"], set(known["accounts"])) == (
        dev["chainId"], dev["url"], {"renter", "provider", "auditor"},
    )  # fmt: skip
    assert "dev-wallet" not in httpx.get(dev["url"]).text
    asked = {"ask": "answer", "method": "eth_sendTransaction", "params": [{"from": known["accounts"]["auditor"],
             "to": known["accounts"]["renter"], "value": "0x1", "chainId": hex(dev["chainId"])}]}  # fmt: skip
    sent = httpx.post(f"{url}/dev-wallet", json=asked, headers={"Origin": url}, timeout=30).json()
    assert re.fullmatch("0x[0-9a-f]{64}", sent["result"])


def test_the_price_and_the_cap_come_before_anything_is_signed(user):
    told = user.refused(12, "run", "script.py", "--input", "data.csv")
    assert "Price now:" in told and "can cost at most" in told and "Say --yes" in told
    assert user.json("jobs")["jobs"] == []


def test_a_script_of_ones_own_runs_on_a_file_of_ones_own(user, paid):
    assert paid.stdout == "48 readings, mean 22.94\n"
    told = paid.stderr
    assert told.index("Price now") < told.index("matched by the auction") < told.index("settled on chain")
    for line in ("C_comp  fuel", "C_data  egress", "scarcity rent", "you pay", "you get back"):
        assert line in told
    folder = user.folder / "hive-results" / job_of(user)[:10]
    assert (folder / "out" / "report.txt").read_text() == "20.0 to 26.0\n"
    assert (folder / "log" / "stdout").read_text() == paid.stdout


def test_the_bill_adds_up_and_the_balance_follows_it(user, paid):
    (bill,) = user.json("bill", job_of(user))["bills"]
    amounts = {
        name: int(bill[name]) for name in ("compute", "data", "minimumTopup", "scarcityRent", "pay", "paid", "fee")
    }
    assert amounts["pay"] == sum(amounts[name] for name in ("compute", "data", "minimumTopup", "scarcityRent"))
    assert amounts["pay"] == amounts["paid"] + amounts["fee"] > 0
    assert int(bill["refund"]) == int(bill["locked"]) - amounts["pay"]
    assert int(user.json("balance")["free"]) <= 100_000_000 - amounts["pay"]


def test_a_job_can_be_looked_at_from_every_side(user, paid):
    job = job_of(user)
    assert user.json("status", job[:10])["state"] == "paid"
    assert user.hive("logs", job).stdout == paid.stdout
    assert user.json("explain", job)["matched"] is True
    again = user.json("result", job, "--output", str(user.folder / "again"))
    assert {Path(each["path"]).name for each in again["files"]} == {"report.txt", "stdout", "stderr"}
    assert (user.folder / "again" / "out" / "report.txt").exists()


def test_a_round_is_recomputed_and_found_on_chain(user, paid):
    verified = user.json("verify", "round", "1")
    assert verified["matches"] == 1 and verified["onChain"] > 0
    assert "same digest" in user.hive("verify", "round", "1").stderr


def test_javascript_runs_too_and_json_is_pure(user):
    (user.folder / "hello.js").write_text('console.log("hello", 6 * 7);')
    ran = user.hive("run", "hello.js", "--yes", "--json")
    assert ran.stderr == ""
    document = json.loads(ran.stdout)
    assert (document["state"], document["stdout"], document["exitCode"]) == ("paid", "hello 42\n", 0)


def test_a_script_that_fails_is_paid_for_and_says_so(user):
    (user.folder / "broken.py").write_text("open('missing.csv')")
    told = user.refused(13, "run", "broken.py", "--yes")
    assert "ended with exit code 1" in told and "FileNotFoundError" in told and "you pay" in told


def test_a_program_without_enough_fuel_is_refunded_with_its_reason(user):
    free = int(user.json("balance")["free"])
    (user.folder / "loop.py").write_text("while True: pass")
    told = user.refused(7, "run", "loop.py", "--yes", "--fuel", "1")
    assert "it ran out of fuel" in told and "you have your money back" in told
    assert int(user.json("balance")["free"]) == free


def test_money_goes_in_and_comes_out_again(user):
    before = user.json("balance")
    user.hive("deposit", "5.5", "--yes")
    assert int(user.json("balance")["free"]) == int(before["free"]) + 5_500_000
    after = user.json("withdraw", "5.5", "--yes")
    assert (after["free"], after["wallet"]) == (before["free"], before["wallet"])


def test_a_wallet_of_ones_own_gets_test_money_and_can_use_it(user):
    password = {"COMPUTEHIVE_PASSWORD": "pw"}
    user.hive("wallet", "new", "mine", "--light", **password)
    poor = user.hive("deposit", "5", "--wallet", "mine", "--yes", ok=False, **password)
    assert poor.returncode == 4 and "hive faucet --wallet mine" in poor.stderr
    assert "hive deposit 100 --wallet mine" in user.hive("faucet", "--wallet", "mine").stderr
    user.hive("deposit", "5", "--wallet", "mine", "--yes", **password)
    account = user.json("balance", "--wallet", "mine")
    assert (account["wallet"], account["free"]) == ("995000000", "5000000")
    assert user.json("faucet", account["account"], "--amount", "0.5")["wallet"] == "995500000"


def test_a_bid_that_nobody_takes_is_explained_and_cancelled(user):
    wanted = ("--gpus", "8", "--max-price", "1", "--anyway", "--detach", "--yes")
    job = user.json("run", "script.py", "--input", "data.csv", *wanted)["jobId"]
    until = time.monotonic() + 20
    while user.json("explain", job)["round"] is None and time.monotonic() < until:
        time.sleep(0.3)
    assert "GPUs: 8" in user.hive("explain", job).stdout
    user.hive("cancel", job)
    assert user.json("status", job)["state"] == "cancelled"
    assert "nothing left to cancel" in user.refused(6, "cancel", job)


def test_doctor_examines_this_machine_as_a_provider_of_that_market(user):
    findings = {each["name"]: each["health"] for each in user.json("provider", "doctor", "--wallet", "alder")}
    assert findings["market"] == findings["stake"] == findings["runtime python"] == "ok"


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        (2, ("run", "missing.py", "--yes"), "missing.py cannot be read"),
        (2, ("run", "data.csv", "--yes"), "not a program that ComputeHive runs"),
        (2, ("deposit", "much", "--yes"), "is not an amount"),
        (4, ("deposit", "1000000", "--yes"), "are needed"),
        (4, ("withdraw", "1000000", "--yes"), "free in the escrow"),
        (
            4,
            ("run", "script.py", "--input", "data.csv", "--max-price", "40", "--replicas", "3", "--yes"),
            "hive deposit",
        ),
        (5, ("status", "0x" + "00" * 32), "No job"),
        (5, ("verify", "round", "999999"), "No round"),
        (6, ("run", "script.py", "--gpus", "8", "--yes"), "gpus"),
        (6, ("run", "script.py", "--region", "mars", "--yes"), "region"),
        (6, ("dev",), "runs already"),
        (9, ("jobs", "--all", "--url", "http://127.0.0.1:9"), "does not answer"),
        (11, ("balance", "--wallet", "nobody"), "no wallet 'nobody'"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else None,
)
def test_every_refusal_is_one_sentence_with_its_exit_code(user, code, arguments, message):
    told = user.refused(code, *arguments)
    assert message in told and "Traceback" not in told


def test_the_dapp_authors_tutorial_runs_as_it_stands(user, tmp_path):
    (tmp_path / ".config").mkdir()
    (tmp_path / ".config" / "computehive").symlink_to(user.home)
    page = (ROOT / "docs" / "tutorials" / "dapp-author.md").read_text()
    (tmp_path / "dapp.py").write_text("\n".join(re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)))
    ran = subprocess.run(
        [sys.executable, "dapp.py"], cwd=tmp_path, env=environment(user.home) | {"HOME": str(tmp_path)},
        capture_output=True, text=True, timeout=COMMAND_SECONDS, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"^opened at \d+ closed: outcome 1 paid \d+ fee \d+ refund \d+$", ran.stdout, re.MULTILINE)
    assert ran.stdout.endswith("proven: b'hello\\n'\n")


def test_a_killed_market_leaves_nothing_and_a_second_one_starts(tmp_path):
    """`kill -9` of `hive dev` while it starts: its services see the end of it and go."""
    home = tmp_path / "home"
    quiet = subprocess.DEVNULL
    first = subprocess.Popen([*HIVE, "dev"], env=environment(home), stdout=quiet, stderr=quiet, start_new_session=True)
    until = time.monotonic() + START_SECONDS
    while len(processes_under(home)) < SERVICES and time.monotonic() < until:
        time.sleep(0.1)
    first.kill()
    first.wait(10)
    assert wait_gone(home) == []
    second = start_dev(home, tmp_path / "dev.log")
    try:
        assert User(home, tmp_path).json("jobs")["jobs"] == []
    finally:
        second.send_signal(signal.SIGTERM)
        assert second.wait(30) == 0
    assert wait_gone(home) == []
