"""`hive provider drain` on a real machine: the ask goes, the running job is finished and paid, the daemon ends."""

import subprocess

import pytest

from marketplace.cli.localmarket import LocalMarket, ProviderPlan
from marketplace.client.waiting import wait_until
from marketplace.protocol.metering import Resources
from tests.integration.local import (
    RATES,
    USDC,
    assert_every_micro_usdc_is_accounted_for,
    finish,
    plan_with_one_oracle,
    submit,
)
from tests.integration.test_cli import HIVE, environment

SLOW = "total = 0\nfor i in range(2_000_000): total += i * i\nprint(total)"
ROOM = Resources(gpus=0, vcpus=1, memory_mb=256, seconds=240, fuel=300_000_000_000, egress_mb=2)
NODES = ("one", "other")
"""Each test drains the one that has its job: it is gone for good then."""
pytestmark = pytest.mark.timeout(280)


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    nodes = [ProviderPlan(name, "eu", 1, 50 * USDC, RATES) for name in NODES]
    with LocalMarket(plan_with_one_oracle(providers=nodes), tmp_path_factory.mktemp("market")) as market:
        market.start()
        yield market


def drain(market, node: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Typed on the provider's machine, with the settings that its daemon has."""
    settings = {
        "URL": market.url,
        "RPC_URL": market.devnet.rpc_url,
        "ADDRESS_BOOK": market.devnet.address_book,
        "KEYSTORE": market.wallets[node].path,
        "DATA": market.folder / "agents" / node,
    }
    variables = {f"COMPUTEHIVE_AGENT_{name}": str(value) for name, value in settings.items()}
    return subprocess.run(
        [*HIVE, "provider", "drain", *options], env=environment(market.folder / "home") | variables,
        capture_output=True, text=True, timeout=200, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def node_that_runs(market, job_id: str) -> str:
    """Whose daemon has begun with the job, as soon as one has."""
    with market.client() as client:
        wait_until(lambda: client.job(job_id)["state"] == "running", timeout=60, what="The job's start")
        (lease,) = client.job(job_id)["leases"]
    (name,) = [name for name in NODES if market.addresses[name] == lease["provider"]]
    return name


def test_running_job_is_finished_and_paid_before_the_daemon_ends(market, tmp_path):
    job = submit(market, tmp_path, SLOW, resources=ROOM)
    name = node_that_runs(market, job)
    ran = drain(market, name, "--wait", "150")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert market.process(name).wait(30) == 0
    assert finish(market, job, timeout=5)["state"] == "paid"
    with market.client() as client:
        (node,) = [node for node in client.nodes() if node["provider"] == market.addresses[name]]
    assert (node["status"], node["freeUnits"]) == ("draining", 0)
    assert_every_micro_usdc_is_accounted_for(market)


def test_job_that_outlasts_the_given_time_is_stopped_and_its_renter_has_everything_back(market, tmp_path):
    job = submit(market, tmp_path, "while True: pass", resources=ROOM)
    name = node_that_runs(market, job)
    ran = drain(market, name, "--within", "1", "--wait", "150")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert market.process(name).wait(30) == 0
    ended = finish(market, job)
    (lease,) = ended["leases"]
    assert (ended["state"], lease["exit"], lease["paid"]) == ("failed", "evicted", "0")
    assert lease["refund"] == lease["price"]
    assert_every_micro_usdc_is_accounted_for(market)
