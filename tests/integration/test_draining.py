"""`hive provider drain` on a real machine: the ask goes, the running job is finished and paid, the daemon ends."""

import subprocess

import pytest

from marketplace.cli.localmarket import LocalMarket
from marketplace.client.waiting import wait_until
from marketplace.protocol.metering import Resources
from tests.integration.local import PROVIDER, assert_every_micro_usdc_is_accounted_for, finish, plan, submit
from tests.integration.test_cli import HIVE, environment

SLOW = "total = 0\nfor i in range(2_000_000): total += i * i\nprint(total)"
ROOM = Resources(gpus=0, vcpus=1, memory_mb=256, seconds=240, fuel=300_000_000_000, egress_mb=2)
pytestmark = pytest.mark.timeout(280)


@pytest.fixture
def market(tmp_path_factory):
    with LocalMarket(plan(), tmp_path_factory.mktemp("market")) as market:
        market.start()
        yield market


def drain(market, *options: str) -> subprocess.CompletedProcess[str]:
    """Typed on the provider's machine, with the settings that its daemon has."""
    settings = {
        "URL": market.url,
        "RPC_URL": market.devnet.rpc_url,
        "ADDRESS_BOOK": market.devnet.address_book,
        "KEYSTORE": market.wallets[PROVIDER].path,
        "DATA": market.folder / "agents" / PROVIDER,
    }
    variables = {f"COMPUTEHIVE_AGENT_{name}": str(value) for name, value in settings.items()}
    return subprocess.run(
        [*HIVE, "provider", "drain", *options], env=environment(market.folder / "home") | variables,
        capture_output=True, text=True, timeout=200, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def state(market, job_id: str) -> str:
    with market.client() as client:
        return client.job(job_id)["state"]


def test_running_job_is_finished_and_paid_before_the_daemon_ends(market, tmp_path):
    job = submit(market, tmp_path, SLOW, resources=ROOM)
    wait_until(lambda: state(market, job) == "running", timeout=60, what="The job's start")
    ran = drain(market, "--wait", "150")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert market.process(PROVIDER).wait(30) == 0
    assert finish(market, job, timeout=5)["state"] == "paid"
    with market.client() as client:
        (node,) = client.nodes()
    assert (node["status"], node["freeUnits"]) == ("draining", 0)
    assert_every_micro_usdc_is_accounted_for(market)


def test_job_that_outlasts_the_given_time_is_stopped_and_its_renter_has_everything_back(market, tmp_path):
    job = submit(market, tmp_path, "while True: pass", resources=ROOM)
    wait_until(lambda: state(market, job) == "running", timeout=60, what="The job's start")
    ran = drain(market, "--within", "1", "--wait", "150")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert market.process(PROVIDER).wait(30) == 0
    ended = finish(market, job)
    (lease,) = ended["leases"]
    assert (ended["state"], lease["exit"], lease["paid"]) == ("failed", "evicted", "0")
    assert lease["refund"] == lease["price"]
    assert_every_micro_usdc_is_accounted_for(market)
