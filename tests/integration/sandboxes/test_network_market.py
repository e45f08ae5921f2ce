"""Jobs with network, from signed bid to paid lease: a real market, chain, engine, and a server on the loopback."""

import sys
from dataclasses import replace

import pytest

from marketplace.cli.localmarket import LocalMarket, ProviderPlan
from marketplace.client.bills import compute_bill, require_same
from marketplace.client.jobs import build_bid, prepare_job, runtimes_of, upload_job
from marketplace.client.waiting import wait_for_job, wait_until
from marketplace.errors import MarketError
from marketplace.protocol.enums import Outcome, Verification
from marketplace.protocol.messages import Attestation, Receipt
from marketplace.protocol.network import Network
from scripts.container_engine import shell_image
from tests.integration.local import RATES, RENTER, RESOURCES, USDC, assert_every_micro_usdc_is_accounted_for, plan
from tests.integration.sandboxes.networked import HOST, running_server

pytestmark = pytest.mark.timeout(280)
REACHING, PLAIN = "reaching", "plain"
NETWORKED = (sys.executable, "-m", "tests.integration.sandboxes.networked")
SENT = 1_500_000


@pytest.fixture(scope="module")
def port():
    with running_server() as port:
        yield port


@pytest.fixture(scope="module")
def market(tmp_path_factory, engine_address, port):
    engine = {"CONTAINER_ENGINE": engine_address}
    dearer = replace(RATES, vcpu_hour=3 * RATES.vcpu_hour)
    reaching = engine | {"NETWORK_HOSTS": f"any:{port}"}
    providers = [
        ProviderPlan(PLAIN, "eu", 1, 50 * USDC, RATES, settings=engine),
        ProviderPlan(REACHING, "eu", 1, 50 * USDC, dearer, settings=reaching, command=NETWORKED),
    ]
    with LocalMarket(plan(providers=providers), tmp_path_factory.mktemp("market")) as market:
        market.start()
        yield market


def prepare(market, folder, script: str, port: int):
    image = folder / "image.tar"
    image.write_bytes(shell_image()[0])
    with market.client() as client:
        network = Network(hosts=(f"{HOST}:{port}",))
        job = prepare_job(image, (), runtimes=runtimes_of(client.config()), args=[script], network=network)
        upload_job(client, job)
    return job


def submit(market, job, **options) -> str:
    with market.client() as client:
        bid = build_bid(
            job, renter=market.addresses[RENTER], market=client.config()["market"], resources=RESOURCES,
            max_price=USDC, salt=client.next_salt(market.addresses[RENTER]), **options,
        )  # fmt: skip
        return client.submit_job(bid, bid.sign(client.domain(), market.keys[RENTER]), job.spec)["jobId"]


def test_job_with_network_goes_to_who_lets_it_reach_its_host_and_what_it_sent_is_billed(market, tmp_path, port):
    script = (
        f"(printf 'CONNECT {HOST}:{port} HTTP/1.1\\r\\n\\r\\n'; sleep 0.5;"
        f" printf 'POST /x HTTP/1.0\\r\\nContent-Length: {SENT}\\r\\n\\r\\n'; head -c {SENT} /dev/zero; sleep 3)"
        " | nc 127.0.0.1 3128 > /out/answer"
    )
    job = prepare(market, tmp_path, script, port)
    job_id = submit(market, job)
    with market.client() as client:
        wait_until(
            lambda: any(lease["resultDigest"] for lease in client.job(job_id)["leases"]), timeout=120, what="Evidence"
        )
        (lease,) = client.job(job_id)["leases"]
        assert lease["provider"] == market.addresses[REACHING], "the cheaper one reaches nothing"
        lease_id, terms = lease["leaseId"], client.lease_terms(lease["leaseId"])
        evidence = client.attestation(lease_id)
        attestation = Attestation.parse(evidence["attestation"])
        written = sum(int(entry["size"]) for entry in evidence["manifest"]["entries"])
        assert (attestation.exit_kind, attestation.exit_code) == (0, 0)
        assert 0 < written < 1_000
        assert SENT < attestation.egress_bytes - written < SENT + 200
        assert int(evidence["usage"]["report"]["egressBytes"]) == attestation.egress_bytes
        receipt = Receipt(lease_id=lease_id, pay=terms.price, result_digest=attestation.result_digest)
        client.post_receipt(receipt, receipt.sign(client.domain(), market.keys[RENTER]))
        assert wait_for_job(client, job_id, timeout=60)["state"] == "paid"
        ended = client.job(job_id)["leases"][0]
        bill = compute_bill(
            lease_id, terms.bid, terms.ask, terms.price, Outcome.PAID, 500, attestation, agreed_pay=terms.price
        )
        require_same(bill, paid=int(ended["paid"]), fee=int(ended["fee"]), refund=int(ended["refund"]))
        assert bill.used.egress_mb == 2
    assert_every_micro_usdc_is_accounted_for(market)


def test_the_market_refuses_to_have_such_a_job_run_again_or_voted_on(market, tmp_path, port):
    job = prepare(market, tmp_path, "true", port)
    for policy, replicas in ((Verification.REEXECUTE, 1), (Verification.REPLICATE, 2)):
        with pytest.raises(MarketError, match=r"Bid\.verification.*expected 2 \(accept\)"):
            submit(market, job, verification=policy, replicas=replicas)


def test_a_quote_says_which_nodes_let_it_reach_its_hosts(market, tmp_path, port):
    job = prepare(market, tmp_path, "true", port)
    with market.client() as client:
        offers = client.quote(replace(RESOURCES, fuel=0), job_spec=job.spec)["offers"]
    against = {one["provider"]: one["reasons"] for one in offers}
    assert against[market.addresses[PLAIN]] == [f"network: ['{HOST}:{port}'] needed, [] offered"]
    assert against[market.addresses[REACHING]] == []
