"""Private jobs on a real chain: paid and readable to their renter, while nothing of them lies anywhere in the clear."""

import json
import shutil
from pathlib import Path

import pytest

from marketplace.cli.localmarket import PASSWORD, LocalMarket
from marketplace.cli.main import main
from marketplace.cli.private import key_path
from marketplace.client.jobs import build_bid, prepare_job, runtimes_of, upload_job
from marketplace.client.keyfile import save_identity
from marketplace.client.private import JobKey, seal_job
from marketplace.client.waiting import wait_until
from tests.integration.local import (
    RENTER,
    RESOURCES,
    USDC,
    assert_every_micro_usdc_is_accounted_for,
    finish,
    plan,
)

pytestmark = pytest.mark.timeout(300)
WORDS = ("scrip", "inpu", "outpu", "printe", "secre")
SCRIPT, INPUT, OUTPUT, PRINTED, SECRET = (f"{word}-in-the-clear" for word in WORDS)
PROGRAM = f"""
import os
note = "{SCRIPT}"
data = open("data.txt").read()
open("report.txt", "w").write("outpu" + "-in-the-clear of " + data)
print("printe" + "-in-the-clear", os.listdir("/secrets") if os.path.isdir("/secrets") else "no secrets")
if os.path.isdir("/secrets"):
    open("used.txt", "w").write(open("/secrets/API_TOKEN").read())
"""


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    with LocalMarket(plan(), tmp_path_factory.mktemp("market") / "of") as market:
        market.start()
        yield market


@pytest.fixture
def hive(market, tmp_path, monkeypatch, capfd):
    """`hive` as the renter types it, in a folder with a script and its data."""
    home = tmp_path / "home"
    (home / "keystores").mkdir(parents=True)
    shutil.copy(market.wallets[RENTER].path, home / "keystores" / "default.json")
    (tmp_path / "job.py").write_text(PROGRAM)
    (tmp_path / "data.txt").write_text(INPUT)
    monkeypatch.chdir(tmp_path)
    for name, value in {"HOME": str(home), "URL": market.url, "PASSWORD": PASSWORD}.items():
        monkeypatch.setenv(f"COMPUTEHIVE_{name}", value)
    monkeypatch.setenv("API_TOKEN", SECRET)

    def run(*arguments: str, code: int = 0):
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capfd.readouterr()
        assert (ended.value.code or 0) == code, said
        return said

    return run


def assert_nothing_lies_in_the_clear(folder: Path) -> None:
    """Database, blobs, journals, caches, logs: every file of every process of the market."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "market.db" for path in files) and any("blobs" in path.parts for path in files)
    found = {(path.name, word) for path in files for word in (SCRIPT, INPUT, OUTPUT, PRINTED, SECRET)
             if word.encode() in path.read_bytes()}  # fmt: skip
    assert found == set()


def test_a_private_job_is_run_again_by_oracles_paid_and_read_by_its_renter_alone(market, hive, tmp_path):
    said = json.loads(hive("run", "job.py", "--input", "data.txt", "--private", "--yes", "-o", "result", "--json").out)
    assert (said["state"], said["stdout"]) == ("paid", f"{PRINTED} no secrets\n")
    assert (tmp_path / "result" / "out" / "report.txt").read_text() == f"{OUTPUT} of {INPUT}"
    with market.client() as client:
        job = client.job(said["jobId"])
        both = 2 * len(market.plan.oracles)  # node and renter each give oracles the key
        assert len(client.grants(said["jobId"])) == 1 + both
        assert client.job_logs(said["jobId"])["private"]
        assert client.job_logs(said["jobId"])["leases"][0]["stdout"] == ""
    assert len(job["leases"][0]["verdicts"]) >= 2
    assert_nothing_lies_in_the_clear(market.folder)
    assert_every_micro_usdc_is_accounted_for(market)


def test_a_secret_reaches_the_leased_machine_and_nobody_else(market, hive, tmp_path):
    refused = hive("run", "job.py", "--input", "data.txt", "--secret", "API_TOKEN", "--yes", code=2)
    assert "--verify accept" in refused.err
    placed = hive(
        "run", "job.py", "--input", "data.txt", "--secret", "API_TOKEN", "--verify", "accept", "--yes", "--detach"
    )
    job_id = placed.out.strip()
    with market.client() as client:
        wait_until(lambda: client.job(job_id)["leases"][0].get("exit"), timeout=60, what="The result")
        assert len(client.grants(job_id)) == 1, "no oracle has the key"
    hive("accept", job_id, "--yes")
    assert finish(market, job_id)["state"] == "paid"
    hive("result", job_id, "-o", "result")
    assert (tmp_path / "result" / "out" / "used.txt").read_text() == SECRET
    assert hive("logs", job_id).out == f"{PRINTED} ['API_TOKEN']\n"
    assert_nothing_lies_in_the_clear(market.folder)
    shutil.rmtree(tmp_path / "home" / "private")
    assert "its key is not here" in hive("result", job_id, "-o", "other", code=11).err


def test_a_node_waits_for_the_key_that_a_renter_who_was_away_grants_later(market, hive, tmp_path):
    key = JobKey.new()
    with market.client() as client:
        config = client.config()
        plain = prepare_job(tmp_path / "job.py", [tmp_path / "data.txt"], runtimes=runtimes_of(config))
        job = seal_job(plain, key)
        upload_job(client, job)
        bid = build_bid(
            job, renter=market.addresses[RENTER], market=config["market"], resources=RESOURCES, max_price=USDC,
            salt=client.next_salt(market.addresses[RENTER]),
        )  # fmt: skip
        job_id = client.submit_job(bid, bid.sign(client.domain(), market.keys[RENTER]), job.spec)["jobId"]
        wait_until(lambda: client.job(job_id)["leases"], timeout=60, what="The lease")
        assert "its key is not here" in hive("grant", job_id, code=11).err
        save_identity(key_path(key.recipient), key.identity)
        assert client.job(job_id)["leases"][0]["exit"] is None
    assert "granted to 1 of its machines" in hive("grant", job_id).out
    assert finish(market, job_id)["state"] == "paid"
    assert hive("logs", job_id).out == f"{PRINTED} no secrets\n"
    assert_nothing_lies_in_the_clear(market.folder)
