"""A machine that was moved while a lease waited for it does not run the job, and the renter has everything back."""

from dataclasses import replace

import pytest

from marketplace.cli.localmarket import LocalMarket
from marketplace.client.waiting import wait_until
from marketplace.protocol.jobspec import Requirements
from tests.integration.local import (
    PROVIDER,
    RENTER,
    RESOURCES,
    assert_every_micro_usdc_is_accounted_for,
    finish,
    plan_with_one_oracle,
    submit,
)

LONG = "total = 0\nfor i in range(30_000_000): total += i * i\nprint(total)"


@pytest.fixture
def market(tmp_path):
    with LocalMarket(plan_with_one_oracle(), tmp_path / "market") as market:
        market.start()
        yield market


def restart_elsewhere(market: LocalMarket, region: str) -> None:
    """Kill the provider and start the machine again where it is now."""
    process = market.process(PROVIDER)
    process.kill()
    process._env = {**process._env, "COMPUTEHIVE_AGENT_REGION": region}
    process.start()


@pytest.mark.timeout(300)
def test_job_that_must_stay_in_its_region_is_refused_by_a_machine_that_has_left_it(market, tmp_path):
    before = market.reader().balance(market.addresses[RENTER]).free
    resources = replace(RESOURCES, fuel=300_000_000_000, seconds=200)
    job_id = submit(market, tmp_path, LONG, resources=resources, requirements=Requirements(regions=("eu",)))
    with market.client() as client:
        wait_until(lambda: client.job(job_id)["state"] == "running", timeout=90, what="The job's start")
        restart_elsewhere(market, "us-east")
        job = finish(market, job_id, timeout=120)
        (lease,) = job["leases"]
        manifest = client.attestation(lease["leaseId"])["manifest"]
        (log,) = [entry["digest"] for entry in manifest["entries"] if entry["path"] == "log/stderr"]
        said = client.get_blob(log).decode()
    assert job["state"] == "failed" and "region: eu needed, us-east here" in said
    assert market.reader().balance(market.addresses[RENTER]).free == before
    assert_every_micro_usdc_is_accounted_for(market)
