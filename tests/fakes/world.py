"""A market in memory with people around it: what tests of the services and the API start from."""

from dataclasses import dataclass, field
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from marketplace.adapters.blobs import FolderBlobs
from marketplace.adapters.signer import KeySigner
from marketplace.domain.rules import Rules
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import ExitKind, Outcome
from marketplace.protocol.jobspec import InputFile, JobSpec, RuntimeProgram
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.protocol.messages import Ask, Attestation, Bid, Verdict, VerdictReveal
from marketplace.protocol.metering import compute_pay
from marketplace.protocol.profile import Cpu, NodeProfile
from marketplace.services.clear_round import run_round
from marketplace.services.follow_chain import follow_chain
from marketplace.services.market import Market
from marketplace.services.outbox import process_outbox
from marketplace.services.place_order import place_ask, place_bid
from marketplace.services.record_evidence import record_attestation
from marketplace.services.seal_verdicts import record_reveal, record_seal, reveals_of
from marketplace.services.settle_batch import batches_of, propose_batches, sign_batch
from tests.fakes.chain import FakeChain, FakeSender
from tests.fakes.databases import ASKED, open_database

OTHER_RULES = Rules(max_blob_bytes=10_000)
"""What an operator gets who sets nothing, but for the size of blobs."""
DOMAIN = Domain(1337, "0x" + "Ee" * 20)
RUNTIME = "0x" + "ab" * 32
SCRIPT = b"print('hello')"
USDC = 1_000_000


def key(number: int) -> LocalAccount:
    """A fixed account for each number."""
    return Account.from_key(number.to_bytes(32))


OPERATOR, RENTER, PROVIDER, AGENT = key(1), key(2), key(3), key(4)
ORACLES = tuple(key(number) for number in (11, 12, 13))


@dataclass
class FakeClock:
    """Moves with the chain unless told otherwise."""

    chain: FakeChain
    ahead: int = 0

    def now(self) -> int:
        return self.chain.time + self.ahead


@dataclass
class World:
    """A market and helpers that do what renters, providers and oracles do."""

    folder: Path
    rules: Rules = field(default_factory=lambda: Rules(max_blob_bytes=10_000, seal_seconds=0))
    market: Market = field(init=False)
    chain: FakeChain = field(init=False)
    salts: dict[str, int] = field(default_factory=dict)
    """The last salt of each signer."""
    given: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    """What each oracle sealed, by oracle and lease."""
    database: str = ASKED

    def __post_init__(self) -> None:
        self.chain = FakeChain(DOMAIN, tuple(one.address for one in ORACLES))
        self.chain.state.free[RENTER.address] = 100 * USDC
        self.chain.state.active[PROVIDER.address] = 100 * USDC
        self.market = self.restarted()

    def restarted(self) -> Market:
        """The market as a new process finds it: same files, same chain."""
        return Market(
            store=open_database(self.folder, self.database),
            chain=self.chain,
            sender=FakeSender(self.chain, OPERATOR.address),
            blobs=FolderBlobs(self.folder / "blobs", self.rules.max_blob_bytes),
            clock=FakeClock(self.chain),
            signer=KeySigner(DOMAIN, OPERATOR.key),
            rules=self.rules,
        )

    # --- orders ---------------------------------------------------------------------------------------------------

    def job_spec(self) -> JobSpec:
        """A script whose bytes the market holds."""
        digest = sha256_digest(SCRIPT)
        self.market.blobs.put(digest, SCRIPT)
        return JobSpec(
            name="hello",
            program=RuntimeProgram(name="python", digest=RUNTIME, script="main.py"),
            inputs=(InputFile(path="main.py", digest=digest, size=len(SCRIPT)),),
        )

    def next_salt(self, signer: str) -> int:
        self.salts[signer] = self.salts.get(signer, 0) + 1
        return self.salts[signer]

    def bid(self, **changes) -> Bid:
        fields = {
            "renter": RENTER.address,
            "market": OPERATOR.address,
            "job_digest": self.job_spec().digest(),
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
            "deadline": self.chain.time + 3600,
            "valid_until": self.chain.time + 600,
        } | changes
        return Bid(**{"salt": self.next_salt(fields["renter"])} | fields)

    def profile(self) -> NodeProfile:
        return NodeProfile(
            region="eu",
            cpu=Cpu(architecture="x86_64", cores=4),
            memory_mb=8192,
            disk_mb=1000,
            runtimes={"python": RUNTIME},
        )

    def ask(self, **changes) -> Ask:
        fields = {
            "provider": PROVIDER.address,
            "market": OPERATOR.address,
            "agent": AGENT.address,
            "profile_digest": self.profile().digest(),
            "gpu_hour_rate": 0,
            "vcpu_hour_rate": 100_000,
            "gb_hour_rate": 10_000,
            "gfuel_rate": 1_000,
            "egress_gb_rate": 50_000,
            "minimum_charge": 100,
            "units": 2,
            "valid_until": self.chain.time + 86_400,
        } | changes
        return Ask(**{"salt": self.next_salt(fields["provider"])} | fields)

    def submit(self, bid: Bid | None = None, signer: LocalAccount = RENTER) -> str:
        bid = bid or self.bid()
        return place_bid(self.market, bid, bid.sign(DOMAIN, signer.key), self.job_spec()).order_hash

    def offer(self, ask: Ask | None = None, signer: LocalAccount = PROVIDER) -> str:
        ask = ask or self.ask()
        return place_ask(self.market, ask, ask.sign(DOMAIN, signer.key), self.profile()).order_hash

    # --- what the workers do --------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Everything the outbox and the follower can do now."""
        for _ in range(200):
            if not (process_outbox(self.market) or follow_chain(self.market)):
                return
        raise AssertionError("the outbox does not come to rest")

    def open_lease(self) -> str:
        """A job from offer to open lease; the lease's id."""
        self.offer()
        job_id = self.submit()
        assert run_round(self.market) is not None
        self.drain()
        return self.lease_of(job_id)

    def lease_of(self, job_id: str) -> str:
        with self.market.store.read() as tx:
            (lease,) = tx.leases.of_bid(job_id)
        return lease.lease_id

    # --- evidence -------------------------------------------------------------------------------------------------

    def manifest(self, text: bytes = b"hello\n") -> Manifest:
        for data in (text, b""):
            self.market.blobs.put(sha256_digest(data), data)
        return Manifest.build([ManifestEntry.of("log/stdout", text), ManifestEntry.of("log/stderr", b"")])

    def attestation(self, lease_id: str, manifest: Manifest | None = None, **changes) -> Attestation:
        with self.market.store.read() as tx:
            lease = tx.leases.get(lease_id)
        manifest = manifest or self.manifest()
        fields = {
            "lease_id": lease_id,
            "job_digest": lease.job_digest,
            "result_digest": manifest.root(),
            "fuel": 5 * 10**9,
            "wall_seconds": 3,
            "egress_bytes": manifest.egress_bytes,
            "exit_kind": int(ExitKind.EXITED),
            "exit_code": 0,
            "sandbox_digest": "0x" + "5a" * 32,
            "started_at": self.chain.time,
            "finished_at": self.chain.time + 3,
        }
        return Attestation(**fields | changes)

    def attest(self, lease_id: str, text: bytes = b"hello\n", **changes) -> Attestation:
        manifest = self.manifest(text)
        attestation = self.attestation(lease_id, manifest, **changes)
        record_attestation(self.market, lease_id, attestation, attestation.sign(DOMAIN, AGENT.key), manifest)
        return attestation

    def pay(self, lease_id: str) -> int:
        """What the evidence is worth."""
        with self.market.store.read() as tx:
            lease = tx.leases.get(lease_id)
            bid, ask = tx.bids.get(lease.bid_hash).bid, tx.asks.get(lease.ask_hash).ask
            attestation = tx.evidence.attestation(lease_id).attestation
        used = attestation.usage_of(bid.resources)
        return compute_pay(ask.rates, bid.resources, used, lease.price)

    def verdict(self, lease_id: str, **changes) -> Verdict:
        with self.market.store.read() as tx:
            result = tx.evidence.attestation(lease_id).attestation.result_digest
        fields = {
            "lease_id": lease_id,
            "outcome": int(Outcome.PAID),
            "pay": self.pay(lease_id),
            "result_digest": result,
        }
        return Verdict(**fields | changes)

    def judge(self, lease_id: str, oracles=ORACLES[:2], **changes) -> None:
        """Oracles that seal one verdict; then all reveal what they are asked for."""
        self.seal_as(lease_id, oracles, **changes)
        self.reveal_all()

    def seal_as(self, lease_id: str, oracles=ORACLES[:2], **changes) -> None:
        """Oracles that seal one verdict. To reveal costs a look at every lease: of many once, at the end."""
        verdict = self.verdict(lease_id, **changes)
        for oracle in oracles:
            self.seal(oracle, verdict)

    def evict(self, lease_id: str) -> None:
        """What agent and oracles do with a job that has to make way."""
        self.attest(lease_id, b"", exit_kind=int(ExitKind.EVICTED))
        self.judge(lease_id, outcome=int(Outcome.FAILED), pay=0)
        self.sign_batches()
        self.drain()

    def reveal_all(self) -> None:
        """What oracles do once enough others are bound. Seals wait for nobody here, unless the rules say otherwise."""
        for oracle in ORACLES:
            for judgement, _ in reveals_of(self.market, oracle.address):
                self.reveal(oracle, self.given[oracle.address, judgement.lease_id])

    def sealed(self, oracle: LocalAccount, verdict: Verdict) -> VerdictReveal:
        """A verdict with the secret that this oracle seals it with."""
        return VerdictReveal.of(verdict, sha256_digest(f"{oracle.address} {verdict.lease_id}".encode()))

    def seal(self, oracle: LocalAccount, verdict: Verdict) -> bool:
        seal = self.sealed(oracle, verdict).seal(oracle.address)
        self.given.setdefault((oracle.address, verdict.lease_id), verdict)
        return record_seal(self.market, verdict.lease_id, seal, oracle.address, seal.sign(DOMAIN, oracle.key))

    def reveal(self, oracle: LocalAccount, verdict: Verdict, **changes) -> bool:
        reveal = self.sealed(oracle, verdict).model_copy(update=changes)
        return record_reveal(self.market, verdict.lease_id, reveal, oracle.address, reveal.sign(DOMAIN, oracle.key))

    def sign_batches(self, oracles=ORACLES[:2]) -> None:
        propose_batches(self.market)
        for oracle in oracles:
            for batch in batches_of(self.market, oracle.address):
                signature = batch.message.sign(DOMAIN, oracle.key)
                sign_batch(self.market, batch.digest, oracle.address, signature)
