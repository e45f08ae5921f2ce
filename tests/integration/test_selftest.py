"""`hive provider selftest`: a whole job through a private market, and nothing left of it, also when interrupted."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.test_cli import HIVE, SERVICES, START_SECONDS, environment, processes_under, wait_gone

SELFTEST_SECONDS = 240
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def folder(tmp_path) -> Path:
    """The only place where temporary files may go, which must be empty again afterwards."""
    made = tmp_path / "temporary"
    made.mkdir()
    return made


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    settings = {"TMPDIR": str(folder), "COMPUTEHIVE_AGENT_ZONE": "a", "COMPUTEHIVE_AGENT_MINIMUM_CHARGE": "7000"}
    return subprocess.Popen(
        [*HIVE, "provider", "selftest", *options], env=environment(folder.parent / "home") | settings,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def finish(process: subprocess.Popen[str], seconds: float) -> tuple[str, str]:
    try:
        return process.communicate(timeout=seconds)
    finally:
        process.kill()


def test_whole_job_is_paid_by_this_machines_own_rates_and_leaves_nothing(folder):
    process = start(folder, "--json", "--units", "2")
    said, talked = finish(process, SELFTEST_SECONDS)
    assert process.returncode == 0, said + talked
    document = json.loads(said)
    stages = [each["stage"] for each in document["stages"]]
    expected = ["deploying", "loading", "ask stands", "quoted", "bid signed", "matched by", "lease open", "attested",
                "sealed", "settled on chain", "result is right", "bill adds up"]  # fmt: skip
    places = [next(at for at, stage in enumerate(stages) if word in stage) for word in expected]
    assert places == sorted(places)
    seconds = [each["seconds"] for each in document["stages"]]
    assert seconds == sorted(seconds) and seconds[-1] > 1
    bill = document["bill"]
    assert document["ok"] and bill["outcome"] == "paid" and talked == ""
    assert int(bill["pay"]) == 7_000 == int(bill["paid"]) + int(bill["fee"])
    assert wait_gone(folder) == [] and list(folder.iterdir()) == []


def test_interrupted_one_ends_all_that_it_started(folder):
    process = start(folder)
    until = time.monotonic() + START_SECONDS
    while len(processes_under(folder)) < SERVICES and time.monotonic() < until:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, talked = finish(process, 90)
    assert process.returncode == 130, talked
    assert "everything it started is ended" in talked
    assert wait_gone(folder) == [] and list(folder.iterdir()) == []
