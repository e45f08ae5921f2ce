"""Whole jobs in containers, from signed bid to settled lease, on a real market with a real chain and engine."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from marketplace.cli.localmarket import LocalMarket, ProviderPlan
from marketplace.client.bills import compute_bill, require_same
from marketplace.client.jobs import build_bid, prepare_job, runtimes_of, upload_job
from marketplace.client.waiting import wait_for_job, wait_until
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Attestation, Receipt
from scripts.container_engine import shell_image
from tests.integration.local import (
    RATES,
    RENTER,
    RESOURCES,
    USDC,
    assert_every_micro_usdc_is_accounted_for,
    finish,
    plan,
)

pytestmark = pytest.mark.timeout(280)
HONEST, LYING = ("honest-a", "honest-b"), "lying"
LIAR = (sys.executable, "-m", "scripts.demo.liar")


@pytest.fixture(scope="module")
def market(tmp_path_factory, engine_address):
    def provider(name: str) -> ProviderPlan:
        command = {"command": LIAR} if name == LYING else {}
        settings = {"CONTAINER_ENGINE": engine_address}
        rates = replace(RATES, vcpu_hour=3 * RATES.vcpu_hour) if name == LYING else RATES  # the last to be matched
        return ProviderPlan(name, "eu", 1, 50 * USDC, rates, settings=settings, **command)

    people = plan(providers=[provider(name) for name in (*HONEST, LYING)])
    with LocalMarket(people, tmp_path_factory.mktemp("market")) as market:
        market.start()
        yield market


def submit(market, folder: Path, script: str, **options) -> str:
    image = folder / "image.tar"
    image.write_bytes(shell_image()[0])
    with market.client() as client:
        config = client.config()
        job = prepare_job(image, (), runtimes=runtimes_of(config), args=[script])
        upload_job(client, job)
        bid = build_bid(
            job, renter=market.addresses[RENTER], market=config["market"], resources=RESOURCES, max_price=USDC,
            salt=client.next_salt(market.addresses[RENTER]), **options,
        )  # fmt: skip
        return client.submit_job(bid, bid.sign(client.domain(), market.keys[RENTER]), job.spec)["jobId"]


def test_container_is_run_accepted_by_its_renter_and_paid(market, tmp_path):
    job_id = submit(market, tmp_path, "echo made here > made; sleep 2; echo done")
    with market.client() as client:
        wait_until(
            lambda: any(lease["resultDigest"] for lease in client.job(job_id)["leases"]),
            timeout=90,
            what="The attestation",
        )
        (lease,) = client.job(job_id)["leases"]
        lease_id, terms = lease["leaseId"], client.lease_terms(lease["leaseId"])
        attestation = Attestation.parse(client.attestation(lease_id)["attestation"])
        assert (attestation.exit_kind, attestation.exit_code, attestation.fuel) == (0, 0, 0)
        assert 2 <= attestation.wall_seconds <= 30
        receipt = Receipt(lease_id=lease_id, pay=terms.price, result_digest=attestation.result_digest)
        client.post_receipt(receipt, receipt.sign(client.domain(), market.keys[RENTER]))
        assert wait_for_job(client, job_id, timeout=60)["state"] == "paid"
        ended = client.job(job_id)["leases"][0]
        bill = compute_bill(
            lease_id, terms.bid, terms.ask, terms.price, Outcome.PAID, 500, attestation, agreed_pay=terms.price
        )
        require_same(bill, paid=int(ended["paid"]), fee=int(ended["fee"]), refund=int(ended["refund"]))
        assert bill.used.seconds == attestation.wall_seconds
    assert_every_micro_usdc_is_accounted_for(market)


def test_replicas_vote_and_the_one_that_lies_loses_its_stake(market, tmp_path):
    lying = market.addresses[LYING]
    before = market.reader().stake(lying).active
    job_id = submit(market, tmp_path, "seq 1000 > numbers; echo done", replicas=3)
    finish(market, job_id, timeout=120)
    with market.client() as client:
        job = client.job(job_id)
        outcomes = {lease["provider"]: lease["outcome"] for lease in job["leases"]}
        seconds = [client.attestation(lease["leaseId"])["attestation"]["wallSeconds"] for lease in job["leases"]]
    honest = [market.addresses[name] for name in HONEST]
    assert {provider: outcomes[provider] for provider in honest} == dict.fromkeys(honest, "paid")
    assert outcomes[lying] == "fraud"
    assert market.reader().stake(lying).active < before
    assert all(int(one) >= 1 for one in seconds)
    assert_every_micro_usdc_is_accounted_for(market)
