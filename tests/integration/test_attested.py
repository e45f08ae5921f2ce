"""The policy `attested` on a real market: real oracles with Intel's root, and a provider that shows them a real quote.

This test is the provider, with the provider's keys: it has no TDX machine and says that it has one.
"""

import time

import pytest

from agent.attester import add_evidence
from agent.sandbox import sandbox_digest
from agent.work import Execution
from marketplace.cli.localmarket import LocalMarket
from marketplace.client import MarketClient
from marketplace.client.jobs import build_bid, prepare_job, runtimes_of, upload_job
from marketplace.client.waiting import wait_until
from marketplace.errors import MalformedMessage
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind, Verification
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.protocol.messages import Ask, Attestation, Heartbeat
from marketplace.protocol.profile import NodeProfile
from marketplace.protocol.tee import TeeTrust
from tests.integration.local import (
    PROVIDER,
    RATES,
    RENTER,
    RESOURCES,
    USDC,
    assert_every_micro_usdc_is_accounted_for,
    finish,
    plan,
)
from tests.unit.agent.attested import foreign, trust

pytestmark = pytest.mark.timeout(280)
INVENTED = b"whatever sounds right\n"


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    with LocalMarket(plan(), tmp_path_factory.mktemp("market")) as market:
        market.start()
        with market.client() as client:
            runtimes = runtimes_of(client.config())
        market.process(PROVIDER).kill()
        offer(market, runtimes)
        yield market


def offer(market: LocalMarket, runtimes: dict[str, str]) -> None:
    """Post the ask of a node that claims to be a TDX guest, instead of that of the daemon."""
    address, key = market.addresses[PROVIDER], market.keys[PROVIDER]
    node = NodeProfile.parse(
        {
            "region": "eu", "cpu": {"architecture": "x86_64", "cores": 4}, "memoryMb": 8_000, "diskMb": 8_000,
            "runtimes": runtimes, "tees": ["tdx"],
        }
    )  # fmt: skip
    with market.client() as client:
        ask = Ask(
            provider=address, market=client.config()["market"], agent=address, profile_digest=node.digest(),
            gpu_hour_rate=RATES.gpu_hour, vcpu_hour_rate=RATES.vcpu_hour, gb_hour_rate=RATES.gb_hour,
            gfuel_rate=RATES.gfuel, egress_gb_rate=RATES.egress_gb, minimum_charge=RATES.minimum, units=4,
            valid_until=int(time.time()) + 3_600, salt=int(time.time()) + 60,
        )  # fmt: skip
        client.post_ask(ask, ask.sign(client.domain(), key), node.to_json())
        beat = Heartbeat(agent=address, profile_digest=node.digest(), sent_at=int(time.time()), drains_by=0)
        client.heartbeat(beat, beat.sign(client.domain(), key))


def submit(market: LocalMarket, folder, **bid_options) -> str:
    """A job that trusts exactly the machine whose quote will be shown."""
    program = folder / "job.py"
    program.write_text("print(sum(range(1000)))")
    with market.client() as client:
        config, trusted = client.config(), TeeTrust.model_validate(trust())
        job = prepare_job(program, (), runtimes=runtimes_of(config), tee=trusted)
        upload_job(client, job)
        options = {"max_price": USDC, "salt": client.next_salt(market.addresses[RENTER])} | bid_options
        bid = build_bid(job, renter=market.addresses[RENTER], market=config["market"], resources=RESOURCES, **options)
        return client.submit_job(bid, bid.sign(client.domain(), market.keys[RENTER]), job.spec)["jobId"]


def lease_of(client: MarketClient, job_id: str) -> str:
    wait_until(lambda: client.job(job_id)["leases"], timeout=60, what="The lease")
    return client.job(job_id)["leases"][0]["leaseId"]


def attest(
    market: LocalMarket, client: MarketClient, lease_id: str, kind: ExitKind, evidence: dict[str, bytes]
) -> None:
    """What a provider does that ran nothing: logs, evidence and an attestation of its own making."""
    manifest = Manifest.build([ManifestEntry.of("log/stdout", INVENTED)])
    made = Execution(kind, 0, 10**6, 0.1, manifest, {sha256_digest(INVENTED): INVENTED})
    made = add_evidence(made, evidence)
    for digest, data in made.blobs.items():
        client.put_blob(data, digest)
    attestation = Attestation(
        lease_id=lease_id, job_digest=client.lease_terms(lease_id).bid.job_digest, result_digest=made.result_digest,
        fuel=made.fuel_used, wall_seconds=1, egress_bytes=made.manifest.egress_bytes, exit_kind=kind, exit_code=0,
        sandbox_digest=sandbox_digest(), started_at=int(time.time()), finished_at=int(time.time()),
    )  # fmt: skip
    signature = attestation.sign(client.domain(), market.keys[PROVIDER])
    client.post_attestation(lease_id, attestation, signature, made.manifest)


def test_a_real_quote_for_a_result_of_ones_own_making_costs_the_bond(market, tmp_path):
    reader, provider, renter = market.reader(), market.addresses[PROVIDER], market.addresses[RENTER]
    bond, free = reader.stake(provider).active, reader.balance(renter).free
    job_id = submit(market, tmp_path)
    with market.client() as client:
        lease_id = lease_of(client, job_id)
        price = client.lease_terms(lease_id).price
        attest(market, client, lease_id, ExitKind.EXITED, foreign())
    finish(market, job_id)
    assert reader.stake(provider).active == bond - price
    assert reader.balance(renter).free == free + price
    assert reader.reputation(provider).slashed == 1
    assert_every_micro_usdc_is_accounted_for(market)


def test_a_provider_that_says_it_could_not_prove_its_result_keeps_its_bond(market, tmp_path):
    reader, provider = market.reader(), market.addresses[PROVIDER]
    bond = reader.stake(provider).active
    job_id = submit(market, tmp_path)
    with market.client() as client:
        attest(market, client, lease_of(client, job_id), ExitKind.SANDBOX_ERROR, {})
    assert finish(market, job_id)["state"] == "failed"
    assert reader.stake(provider).active == bond


def test_a_bid_that_would_have_its_trust_ignored_is_refused(market, tmp_path):
    with pytest.raises(MalformedMessage, match=r"Bid\.verification: 0 would ignore"):
        submit(market, tmp_path, verification=Verification.REEXECUTE)
