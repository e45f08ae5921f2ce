"""The market as a process of its own, on ganache, through its HTTP interface; also killed and started again."""

import itertools
import os
import sys
import time
from pathlib import Path

import pytest
from eth_account import Account

from marketplace.client import MarketClient
from marketplace.client.keystore import LIGHT_SCRYPT_N, create_keystore
from marketplace.devnet import ManagedProcess, free_port
from marketplace.errors import InsufficientFunds, ServiceUnavailable
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.jobspec import InputFile, JobSpec, RuntimeProgram
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.protocol.messages import Ask, Attestation, Bid, Cancel, Heartbeat, Verdict, VerdictBatch, VerdictReveal
from marketplace.protocol.profile import Cpu, NodeProfile
from tests.fakes.waiting import wait_for
from tests.integration.conftest import NAMES, TestChain

USDC = 1_000_000
KEYS = {name: Account.from_key(number.to_bytes(32)) for number, name in enumerate(NAMES, start=1)}
OPERATOR, RENTER, PROVIDER = KEYS["market"], KEYS["renter"], KEYS["provider"]
ORACLES = [KEYS[name] for name in NAMES if name.startswith("oracle")]
AGENT = Account.from_key((104).to_bytes(32))
SCRIPT = b"print('hello')"
RUNTIME = "0x" + "ab" * 32
ASK_SALTS = itertools.count(int(time.time()))


class Service:
    """`python -m marketplace.api` in a folder, stopped and started at will."""

    def __init__(self, folder: Path, chain: TestChain) -> None:
        keystore = create_keystore(folder / "operator.json", "pw", key=bytes(OPERATOR.key), scrypt_n=LIGHT_SCRYPT_N)
        self._env = {
            "COMPUTEHIVE_MARKET_ADDRESS_BOOK": str(chain.devnet.address_book),
            "COMPUTEHIVE_MARKET_RPC_URL": chain.devnet.rpc_url,
            "COMPUTEHIVE_MARKET_OPERATOR_KEYSTORE": str(keystore.path),
            "COMPUTEHIVE_MARKET_PASSWORD": "pw",
            "COMPUTEHIVE_MARKET_DATA_DIR": str(folder / "market"),
            "COMPUTEHIVE_MARKET_ROUND_SECONDS": "0.2",
        }
        self._folder = folder
        self.process: ManagedProcess | None = None
        self.client: MarketClient | None = None

    def start(self) -> None:
        port = free_port()
        command = [sys.executable, "-m", "marketplace.api"]
        env = os.environ | self._env | {"COMPUTEHIVE_MARKET_PORT": str(port)}
        self.process = ManagedProcess("market", command, self._folder / "market.log", env=env).start()
        self.client = MarketClient(f"http://127.0.0.1:{port}", timeout=10)
        wait_for(self._answers, "the market's start")

    def _answers(self) -> bool:
        try:
            return self.client.health()["status"] == "ok"
        except ServiceUnavailable:
            return False

    def kill(self) -> None:
        self.client.close()
        self.process.kill()

    def stop(self) -> None:
        self.client.close()
        self.process.stop()


@pytest.fixture(scope="module")
def service(chain, tmp_path_factory):
    market = Service(tmp_path_factory.mktemp("service"), chain)
    market.start()
    yield market
    market.stop()


@pytest.fixture
def client(service) -> MarketClient:
    return service.client


def profile() -> NodeProfile:
    return NodeProfile(
        region="eu",
        cpu=Cpu(architecture="x86_64", cores=4),
        memory_mb=8192,
        disk_mb=1000,
        runtimes={"python": RUNTIME},
    )


def offer(client: MarketClient) -> str:
    ask = Ask(
        provider=PROVIDER.address,
        market=client.config()["market"],
        agent=AGENT.address,
        profile_digest=profile().digest(),
        gpu_hour_rate=0,
        vcpu_hour_rate=100_000,
        gb_hour_rate=10_000,
        gfuel_rate=1_000,
        egress_gb_rate=50_000,
        minimum_charge=100,
        units=2,
        valid_until=int(time.time()) + 3600,
        salt=next(ASK_SALTS),
    )
    return client.post_ask(ask, ask.sign(client.domain(), PROVIDER.key), profile().to_json())["askHash"]


def job_spec(client: MarketClient) -> JobSpec:
    digest = client.put_blob(SCRIPT)
    return JobSpec(
        program=RuntimeProgram(name="python", digest=RUNTIME, script="main.py"),
        inputs=(InputFile(path="main.py", digest=digest, size=len(SCRIPT)),),
    )


def make_bid(client: MarketClient, **changes) -> Bid:
    now = int(time.time())
    fields = {
        "renter": RENTER.address,
        "market": OPERATOR.address,
        "job_digest": job_spec(client).digest(),
        "gpus": 0,
        "vcpus": 1,
        "memory_mb": 512,
        "duration_seconds": 60,
        "fuel": 10**10,
        "egress_mb": 1,
        "max_price": USDC,
        "replicas": 1,
        "verification": 0,
        "settlement": 0,
        "deadline": now + 3600,
        "valid_until": now + 600,
        "salt": client.next_salt(RENTER.address),
    }
    return Bid(**fields | changes)


def submit(client: MarketClient, bid: Bid) -> str:
    return client.submit_job(bid, bid.sign(client.domain(), RENTER.key), job_spec(client))["jobId"]


def run_job(client: MarketClient, job_id: str) -> str:
    """What a provider's agent does; the lease."""
    lease = wait_for(lambda: client.job(job_id)["leases"], "the lease")[0]
    manifest = Manifest.build([ManifestEntry.of("log/stdout", b"hello\n"), ManifestEntry.of("log/stderr", b"")])
    for data in (b"hello\n", b""):
        client.put_blob(data)
    attestation = Attestation(
        lease_id=lease["leaseId"],
        job_digest=lease["jobDigest"],
        result_digest=manifest.root(),
        fuel=5 * 10**9,
        wall_seconds=1,
        egress_bytes=manifest.egress_bytes,
        exit_kind=0,
        exit_code=0,
        sandbox_digest="0x" + "5a" * 32,
        started_at=int(time.time()),
        finished_at=int(time.time()),
    )
    signature = attestation.sign(client.domain(), AGENT.key)
    client.post_attestation(lease["leaseId"], attestation, signature, manifest)
    return lease["leaseId"]


def judge(client: MarketClient, lease_id: str) -> None:
    """What two oracles do: the third never comes."""
    domain, reveals = client.domain(), {}
    for oracle in ORACLES[:2]:
        (claim,) = [one for one in client.claims(oracle.address) if one["leaseId"] == lease_id]
        result = claim["attestation"]["resultDigest"]
        verdict = Verdict(lease_id=lease_id, outcome=1, pay=1000, result_digest=result)
        reveals[oracle] = VerdictReveal.of(verdict, result)
        seal = reveals[oracle].seal(oracle.address)
        client.post_seal(seal, oracle.address, seal.sign(domain, oracle.key))
    for oracle, reveal in reveals.items():
        wait_for(lambda who=oracle: client.reveals(who.address), "the opening of the seals")
        client.post_reveal(reveal, oracle.address, reveal.sign(domain, oracle.key))
    for oracle in ORACLES[:2]:
        for batch in wait_for(lambda who=oracle: client.batches(who.address), "a batch to sign"):
            message = VerdictBatch.of([Verdict.parse(one) for one in batch["verdicts"]])
            assert message.digest(domain) == batch["digest"]
            client.sign_batch(batch["digest"], oracle.address, message.sign(domain, oracle.key))


def test_a_job_goes_from_quote_to_bill(client):
    offer(client)
    bid = make_bid(client)
    quote = client.quote(bid.resources, job_spec=job_spec(client))
    assert quote["offers"][0]["feasible"] and int(quote["price"]) > 0
    job_id = submit(client, bid)
    judge(client, run_job(client, job_id))
    job = wait_for(lambda: (found := client.job(job_id))["state"] == "paid" and found, "the payment")
    (lease,) = job["leases"]
    assert int(lease["paid"]) + int(lease["fee"]) + int(lease["refund"]) == int(lease["price"])
    assert client.job_cost(job_id)["bills"][0]["pay"] == "1000"
    assert client.job_logs(job_id)["leases"][0]["stdout"] == "hello\n"
    assert client.job_explain(job_id)["matched"]
    assert client.account(PROVIDER.address)["reputation"]["settled"] >= 1


@pytest.mark.parametrize("moment", ["queued", "verifying"])
def test_a_market_killed_on_the_way_finishes_the_job_after_a_restart(service, moment):
    offer(service.client)
    job_id = submit(service.client, make_bid(service.client))
    if moment == "queued":
        service.kill()
        service.start()
    lease_id = run_job(service.client, job_id)
    judge(service.client, lease_id)
    if moment == "verifying":
        service.kill()
        service.start()
    wait_for(lambda: service.client.job(job_id)["state"] == "paid", "the payment")
    assert len(service.client.job(job_id)["leases"]) == 1


def test_a_lease_that_its_provider_claimed_is_settled_by_the_oracles(client, chain):
    offer(client)
    job_id = submit(client, make_bid(client))
    lease_id = run_job(client, job_id)
    group, place = chain.reader().find_group(lease_id)
    attestation = Attestation.parse(client.attestation(lease_id)["attestation"])
    chain.account("provider").claim(group, place, 1000, attestation, PROVIDER.address, "0x")
    claim = wait_for(lambda: client.lease(lease_id)["claim"], "the claim")
    assert (claim["state"], claim["pay"]) == ("claimed", "1000")
    judge(client, lease_id)
    lease = wait_for(lambda: (found := client.lease(lease_id))["state"] == "paid" and found, "the payment")
    assert (lease["reason"], lease["claim"]["state"], lease["group"]) == ("verdict", "closed", None)


def test_replicas_run_on_every_provider_or_wait(client):
    job_id = submit(client, make_bid(client, replicas=2))
    explained = wait_for(lambda: (found := client.job_explain(job_id))["round"] and found, "a round")
    assert not explained["matched"] and client.job(job_id)["leases"] == []


def test_a_heartbeat_keeps_a_node_alive(client):
    offer(client)
    heartbeat = Heartbeat(agent=AGENT.address, profile_digest=profile().digest(), sent_at=int(time.time()), drains_by=0)
    assert client.heartbeat(heartbeat, heartbeat.sign(client.domain(), AGENT.key))["lastSeen"] > 0
    assert client.nodes()[0]["status"] == "alive"


def test_a_cancelled_bid_is_void_on_chain(client, chain):
    bid = make_bid(client, vcpus=64)
    job_id = submit(client, bid)
    cancel = Cancel(signer=RENTER.address, kind=CancelKind.BID, salt=bid.salt)
    assert client.cancel(cancel, cancel.sign(client.domain(), RENTER.key))["cancelled"] == [job_id]
    assert client.job(job_id)["state"] == "cancelled"
    wait_for(lambda: chain.reader().is_void(RENTER.address, bid.salt), "the cancel on chain")


def test_what_the_escrow_does_not_cover_is_refused(client):
    with pytest.raises(InsufficientFunds):
        submit(client, make_bid(client, max_price=10_000 * USDC))


def test_a_lease_past_its_deadline_is_refunded(client, chain):
    offer(client)
    job_id = submit(client, make_bid(client))
    wait_for(lambda: client.job(job_id)["leases"], "the lease")
    chain.devnet.advance_time(4000)
    wait_for(lambda: client.job(job_id)["state"] == "refunded", "the refund")
