"""A real agent makes way: notice, stop, refund, and the better bid gets the unit."""

import pytest

from marketplace.cli.localmarket import LocalMarket, ProviderPlan
from marketplace.client.jobs import build_bid, prepare_job, runtimes_of, upload_job
from marketplace.client.waiting import wait_until
from marketplace.protocol.jobspec import Schedule
from marketplace.protocol.metering import Resources
from tests.integration.local import (
    PROVIDER,
    RATES,
    RENTER,
    USDC,
    assert_every_micro_usdc_is_accounted_for,
    finish,
    plan_with_one_oracle,
    submit,
)

NOTICE = 10
ROOM = Resources(gpus=0, vcpus=1, memory_mb=256, seconds=240, fuel=300_000_000_000, egress_mb=2)
pytestmark = pytest.mark.timeout(280)


@pytest.fixture
def market(tmp_path_factory):
    one_unit = plan_with_one_oracle(providers=[ProviderPlan(PROVIDER, "eu", 1, 50 * USDC, RATES)])
    with LocalMarket(one_unit, tmp_path_factory.mktemp("market")) as market:
        market.start()
        yield market


def submit_preemptible(market, folder) -> str:
    program = folder / "endless.py"
    program.write_text("while True: pass")
    with market.client() as client:
        config = client.config()
        schedule = Schedule(preemption_notice_seconds=NOTICE)
        job = prepare_job(program, (), runtimes=runtimes_of(config), schedule=schedule)
        upload_job(client, job)
        bid = build_bid(
            job, renter=market.addresses[RENTER], market=config["market"], resources=ROOM, max_price=USDC,
            salt=client.next_salt(market.addresses[RENTER]),
        )  # fmt: skip
        return client.submit_job(bid, bid.sign(client.domain(), market.keys[RENTER]), job.spec)["jobId"]


def test_preemptible_job_makes_way_for_a_better_bid_and_everybody_is_whole(market, tmp_path):
    cheap = submit_preemptible(market, tmp_path)
    with market.client() as client:
        wait_until(lambda: client.job(cheap)["state"] == "running", timeout=60, what="The job's start")
    better = submit(market, tmp_path, "print('better')", resources=ROOM)
    evicted, served = finish(market, cheap, timeout=120), finish(market, better, timeout=90)
    assert (evicted["state"], evicted["leases"][0]["exit"], served["state"]) == ("failed", "evicted", "paid")
    assert evicted["leases"][0]["refund"] == evicted["leases"][0]["price"]
    events = [event["event"] for event in evicted["timeline"]]
    assert events.index("eviction_notice") < events.index("attestation")
    assert_every_micro_usdc_is_accounted_for(market)
