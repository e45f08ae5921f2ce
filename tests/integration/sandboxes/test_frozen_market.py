"""A provider is restarted in the middle of a container's job, which goes on and is paid: real market, chain, engine."""

import os
import signal
import time
import zipfile

import pytest

from agent.containers.freezing import require_freezing
from marketplace.cli.localmarket import LocalMarket, ProviderPlan
from marketplace.client.jobs import build_bid, prepare_job, runtimes_of, upload_job
from marketplace.client.results import fetch_result, read_log
from marketplace.client.waiting import wait_until
from marketplace.errors import AgentError
from marketplace.protocol.checkpointing import Checkpointing
from marketplace.protocol.enums import Verification
from marketplace.protocol.messages import Attestation, Receipt
from scripts.container_engine import GVISOR, shell_image
from tests.integration.local import (
    RATES,
    RENTER,
    RESOURCES,
    USDC,
    assert_every_micro_usdc_is_accounted_for,
    finish,
    plan,
)

pytestmark = pytest.mark.timeout(450)
NODE = "node"
COUNTING = "date +%s; i=0; while [ $i -lt 80 ]; do i=$((i+1)); echo $i; sleep 0.1; done"
"""It counts in the shell's own memory, and first says when it began: one that begins anew says something else."""


@pytest.fixture
def market(tmp_path, gvisor_engine, engine_address):
    try:
        require_freezing(gvisor_engine)
    except AgentError as error:
        pytest.skip(f"nothing can be frozen here: {error.message} {error.hint}")
    settings = {"CONTAINER_ENGINE": engine_address, "CONTAINER_RUNTIME": GVISOR, "FREEZE_MB": "500"}
    node = ProviderPlan(NODE, "eu", 1, 50 * USDC, RATES, settings=settings)
    with LocalMarket(plan(providers=[node]), tmp_path / "market") as market:
        market.start()
        yield market


def place(market, client, folder) -> str:
    (folder / "image.tar").write_bytes(shell_image()[0])
    config, checkpoint = client.config(), Checkpointing(directory="state", freeze=True)
    job = prepare_job(
        folder / "image.tar", (), runtimes=runtimes_of(config), args=[COUNTING], checkpoint=checkpoint
    )  # fmt: skip
    upload_job(client, job)
    bid = build_bid(
        job, renter=market.addresses[RENTER], market=config["market"], resources=RESOURCES, max_price=USDC,
        salt=client.next_salt(market.addresses[RENTER]), verification=Verification.ACCEPT,
    )  # fmt: skip
    return client.submit_job(bid, bid.sign(client.domain(), market.keys[RENTER]), job.spec)["jobId"]


def end_in_order(process) -> None:
    """As an init system ends a service."""
    os.kill(process.command_pid, signal.SIGTERM)
    wait_until(lambda: not process.is_running, timeout=60, what="The daemon's end")
    process.stop()


def test_job_goes_on_after_its_provider_was_restarted_and_is_paid_for_both_parts(market, tmp_path):
    with market.client() as client:
        job_id = place(market, client, tmp_path)
        log = market.log(NODE)
        wait_until(lambda: bool(client.job(job_id)["leases"]), timeout=60, what="The lease")
        (lease,) = client.job(job_id)["leases"]
        frozen = tmp_path / "market"
        time.sleep(6)  # it has begun, whatever the image takes, and not ended
        end_in_order(market.process(NODE))
        assert "job frozen" in log.read_text(), log.read_text()[-2_000:]
        (kept,) = frozen.rglob("*.frozen")
        with zipfile.ZipFile(kept) as archive:
            printed = archive.read("stdout").decode().split()
        assert 2 <= len(printed) < 81
        market.process(NODE).start()

        wait_until(lambda: client.job(job_id)["leases"][0]["resultDigest"], timeout=120, what="The attestation")
        terms = client.lease_terms(lease["leaseId"])
        attestation = Attestation.parse(client.attestation(lease["leaseId"])["attestation"])
        assert (attestation.exit_kind, attestation.exit_code) == (0, 0)
        result = fetch_result(client, lease["leaseId"], terms, client.domain())
        assert read_log(client, result).decode().split() == [printed[0], *(str(n) for n in range(1, 81))]
        receipt = Receipt(lease_id=lease["leaseId"], pay=terms.price, result_digest=attestation.result_digest)
        client.post_receipt(receipt, receipt.sign(client.domain(), market.keys[RENTER]))
    assert finish(market, job_id, timeout=60)["state"] == "paid"
    assert attestation.wall_seconds >= 8
    assert not list(frozen.rglob("*.frozen"))
    assert_every_micro_usdc_is_accounted_for(market)
