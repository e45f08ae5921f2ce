"""A whole job that calls a tool, from signed bid to settled lease, on a real market with a real chain."""

import json
from pathlib import Path

import pytest

from marketplace.cli.localmarket import LocalMarket, ProviderPlan
from marketplace.client.jobs import build_bid, metered, runtimes_of, upload_job
from marketplace.client.tools import carried_digest, prepare_call
from marketplace.client.waiting import wait_for_job, wait_until
from marketplace.errors import ConflictError
from marketplace.protocol.messages import Attestation, Receipt
from tests.integration.local import (
    PROVIDER,
    RATES,
    RENTER,
    RESOURCES,
    USDC,
    assert_every_micro_usdc_is_accounted_for,
    plan,
)
from tests.integration.mcp.conftest import WORDS, digest_of, entry, write_servers

pytestmark = pytest.mark.timeout(280)


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    servers = write_servers(tmp_path_factory.mktemp("servers"), entry(WORDS, "words.py"))
    provider = ProviderPlan(PROVIDER, "eu", 1, 50 * USDC, RATES, settings={"MCP_SERVERS": str(servers)})
    with LocalMarket(plan(providers=[provider]), tmp_path_factory.mktemp("market")) as market:
        market.start()
        yield market


def test_tool_is_called_accepted_by_its_renter_and_paid(market, tmp_path):
    text = tmp_path / "text"
    text.write_text("to be or not")
    with market.client() as client:
        config = client.config()
        digest = carried_digest(WORDS, runtimes_of(config))
        assert digest == digest_of("words.py")
        job = prepare_call(WORDS, digest, "count_file", {"path": "input://text"}, [text])
        upload_job(client, job)
        bid = build_bid(
            job, renter=market.addresses[RENTER], market=config["market"], resources=RESOURCES, max_price=USDC,
            salt=client.next_salt(market.addresses[RENTER]),
        )  # fmt: skip
        job_id = client.submit_job(bid, bid.sign(client.domain(), market.keys[RENTER]), job.spec)["jobId"]
        wait_until(
            lambda: any(lease["resultDigest"] for lease in client.job(job_id)["leases"]),
            timeout=90,
            what="The attestation",
        )
        (lease,) = client.job(job_id)["leases"]
        terms = client.lease_terms(lease["leaseId"])
        attestation = Attestation.parse(client.attestation(lease["leaseId"])["attestation"])
        assert (attestation.exit_kind, attestation.exit_code, attestation.fuel) == (0, 0, 0)
        receipt = Receipt(lease_id=lease["leaseId"], pay=terms.price, result_digest=attestation.result_digest)
        client.post_receipt(receipt, receipt.sign(client.domain(), market.keys[RENTER]))
        assert wait_for_job(client, job_id, timeout=60)["state"] == "paid"
    assert_every_micro_usdc_is_accounted_for(market)


def test_module_that_nobody_carries_is_told_before_anything_is_signed(market, tmp_path: Path):
    with market.client() as client:
        with pytest.raises(ConflictError, match=r"words@1\.0\.0"):
            carried_digest("chain://words@2.0.0", runtimes_of(client.config()))
        job = prepare_call("chain://words@2.0.0", digest_of("words.py"), "count")
        offers = client.quote(metered(job.spec, RESOURCES), job_spec=job.spec)
    assert "runtime" in json.dumps(offers)
