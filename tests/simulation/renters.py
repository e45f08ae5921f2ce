"""People who want jobs done: they order, cancel, accept, and dispute what is claimed for a wrong result."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from eth_account.signers.local import LocalAccount

from marketplace.client import MarketClient
from marketplace.domain.chain import LeaseClaimed
from marketplace.errors import InputError, MalformedMessage, MarketError, Reverted, ServiceUnavailable
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import CancelKind, ClaimState, Settlement, Verification
from marketplace.protocol.jobspec import InputFile, JobSpec, RuntimeProgram
from marketplace.protocol.messages import Bid, Cancel, Receipt
from marketplace.protocol.packing import ClaimedLease
from tests.simulation.chain import Hand, SimulatedChain
from tests.simulation.sandbox import true_result

RUNTIME = "0x" + "ab" * 32
USDC = 1_000_000
MAX_PENDING = 3
BUGS = (MalformedMessage, InputError)
"""What no honest renter's order may be refused for: the simulation's own mistake, or a service's."""


@dataclass(frozen=True, slots=True)
class Job:
    """One order, as its renter keeps it."""

    bid: Bid
    spec: JobSpec
    script: bytes

    @property
    def bid_hash(self) -> str:
        """The job's id."""
        return self.bid.struct_hash()


@dataclass
class Renter:
    """A person with a wallet, who forgets nothing."""

    account: LocalAccount
    client: MarketClient
    chain: SimulatedChain
    hand: Hand
    market: str
    random: Random
    salt: int = 0
    pending: list[Job] = field(default_factory=list)
    accepted: dict[str, Job] = field(default_factory=dict)
    """Which orders the market has said it has."""
    refused: Counter[str] = field(default_factory=Counter)
    """How often the market said no, by the code of its reason."""
    receipts: set[str] = field(default_factory=set)
    """Leases that it has accepted."""
    just_refused: list[str] = field(default_factory=list)

    @property
    def domain(self) -> Domain:
        """What messages are signed for."""
        return self.chain.domain

    def order(self, now: int) -> Job | None:
        """Think of a job; None where enough others wait to be sent."""
        if len(self.pending) >= MAX_PENDING:
            return None
        self.salt += 1
        script = f"print({self.salt})".encode()
        spec = JobSpec(
            name=f"job {self.salt} of {self.account.address}",
            program=RuntimeProgram(name="python", digest=RUNTIME, script="main.py"),
            inputs=(InputFile(path="main.py", digest=sha256_digest(script), size=len(script)),),
        )
        job = Job(self._bid(spec, now), spec, script)
        self.pending.append(job)
        return job

    def _bid(self, spec: JobSpec, now: int) -> Bid:
        policy = self.random.choice([Verification.REEXECUTE] * 4 + [Verification.REPLICATE, Verification.ACCEPT])
        return Bid(
            renter=self.account.address, market=self.market, job_digest=spec.digest(), gpus=0, vcpus=1, memory_mb=512,
            duration_seconds=60, fuel=10**10, egress_mb=1, max_price=self.random.choice([20_000, USDC, USDC]),
            replicas=3 if policy is Verification.REPLICATE else 1, verification=int(policy),
            settlement=int(Settlement.ESCROWED), deadline=now + self.random.choice([180, 400, 800]),
            valid_until=now + self.random.choice([100, 400]), salt=self.salt,
        )  # fmt: skip

    def submit(self) -> None:
        """Send the oldest order that waits; a refusal ends it. Raises MarketError."""
        if not self.pending:
            return
        job = self.pending[0]
        try:
            self.client.put_blob(job.script)
            told = self.client.submit_job(job.bid, job.bid.sign(self.domain, self.account.key), job.spec)
        except ServiceUnavailable:
            raise
        except MarketError as error:
            if isinstance(error, BUGS):
                raise AssertionError(f"an honest order was refused: {error}") from error
            if error.code == "chain_unavailable":
                raise
            self.just_refused.append(self.pending.pop(0).bid_hash)
            self.refused[error.code] += 1
            return
        assert told["jobId"] == job.bid_hash
        self.accepted[job.bid_hash] = self.pending.pop(0)

    def take_refused(self) -> list[str]:
        """Orders that were refused since this was asked last."""
        told, self.just_refused = self.just_refused, []
        return told

    def _any(self) -> Job | None:
        return self.accepted[self.random.choice(sorted(self.accepted))] if self.accepted else None

    def cancel(self) -> None:
        """Take an order back, whatever has become of it. Raises MarketError."""
        job = self._any()
        if job is not None:
            cancel = Cancel(signer=self.account.address, kind=CancelKind.BID, salt=job.bid.salt)
            self.client.cancel(cancel, cancel.sign(self.domain, self.account.key))

    def look(self) -> None:
        """Look at a job, and accept a right result that only the renter can. Raises MarketError."""
        job = self._any()
        if job is None:
            return
        for lease in self.client.job(job.bid_hash)["leases"]:
            if lease["state"] == "attested" and job.bid.verification == Verification.ACCEPT:
                self._accept(job, lease["leaseId"])

    def _accept(self, job: Job, lease_id: str) -> None:
        shown = self.client.attestation(lease_id)["attestation"]
        if shown["resultDigest"] != true_result(job.spec):
            return
        price = int(self.client.lease(lease_id)["price"])
        receipt = Receipt(lease_id=lease_id, pay=price, result_digest=shown["resultDigest"])
        self.receipts.add(lease_id)
        self.client.post_receipt(receipt, receipt.sign(self.domain, self.account.key))

    def dispute(self, claim: LeaseClaimed) -> None:
        """Contradict a claim, on chain; nothing where that is too late or the bond is not there."""
        if self.chain.state.claim_of(claim.lease_id).state is not ClaimState.CLAIMED:
            return
        try:
            self.hand.dispute(ClaimedLease(claim.lease_id, claim.first, claim.second))
        except Reverted as error:
            if error.name not in ("InsufficientBalance", "WindowOver"):
                raise
