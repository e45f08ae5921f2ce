"""Renters, providers and oracles of the bench: keys that are the same in every run, and all that they sign.

They run nothing: what agents attest and oracles judge is made up, alike for every job, and signed for real.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.eip712 import Domain, TypedMessage
from marketplace.protocol.enums import CancelKind, ExitKind, Outcome
from marketplace.protocol.jobspec import InputFile, JobSpec, RuntimeProgram
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.protocol.messages import Ask, Attestation, Bid, Cancel, Heartbeat, Verdict, VerdictBatch, VerdictReveal
from marketplace.protocol.metering import Rates
from marketplace.protocol.profile import Cpu, NodeProfile
from scripts.bench import leases
from scripts.bench.service.load import Request

RUNTIME = "0x" + "ab" * 32
SCRIPT, OUTPUT = b"print('hello')", b"hello\n"
BLOBS = (SCRIPT, OUTPUT, b"")
"""All that jobs and their results are made of."""
UNITS = 1_000
RATES = Rates(gpu_hour=0, vcpu_hour=30_000, gb_hour=4_000, gfuel=20, egress_gb=50_000, minimum=100)
"""What every ask asks, micro-USDC."""
MAX_PRICE = 20_000
"""Micro-USDC that a bid may lock: little enough for a thousand of them on one deposit."""
JOB = JobSpec(
    name="hello",
    program=RuntimeProgram(name="python", digest=RUNTIME, script="main.py"),
    inputs=(InputFile(path="main.py", digest=sha256_digest(SCRIPT), size=len(SCRIPT)),),
)
PROFILE = NodeProfile(
    region="eu", cpu=Cpu(architecture="x86_64", cores=4), memory_mb=8_192, disk_mb=1_000, runtimes={"python": RUNTIME}
)
RESULT = Manifest.build([ManifestEntry.of("log/stdout", OUTPUT), ManifestEntry.of("log/stderr", b"")])


@cache
def key_of(role: str, number: int) -> Any:
    """The same accounts in every run, and each made once."""
    return leases.key_of(role, number)


@dataclass(frozen=True, slots=True)
class Signers:
    """Who signs for which market: its domain and address, and how many accounts of each kind have money there."""

    domain: Domain
    market: str
    renters: int
    providers: int

    def renter(self, number: int) -> Any:
        """The key of one renter; beyond the last they begin anew."""
        return key_of("renter", number % self.renters)

    def agent(self, number: int) -> Any:
        """The key of one provider's node."""
        return key_of("agent", number)

    def bids(self, count: int, first: Sequence[int]) -> list[Request]:
        """That many bids, of all renters in turn; `first` has the next salt of each."""
        now = int(time.time())
        return [self._bid(at % self.renters, first[at % self.renters] + at // self.renters, now) for at in range(count)]

    def _bid(self, number: int, salt: int, now: int) -> Request:
        key = self.renter(number)
        bid = build_bid(key.address, self.market, salt, now)
        body = {"bid": bid.to_json(), "signature": bid.sign(self.domain, key.key), "jobSpec": JOB.to_json()}
        return Request("POST", "/api/v1/jobs/submit", json.dumps(body).encode())

    def ask(self, number: int, salt: int = 1) -> Request:
        """One provider's offer of many units; one with a greater salt takes the place of the last."""
        key, agent, now = key_of("provider", number), self.agent(number), int(time.time())
        ask = Ask(
            provider=key.address, market=self.market, agent=agent.address, profile_digest=PROFILE.digest(),
            gpu_hour_rate=RATES.gpu_hour, vcpu_hour_rate=RATES.vcpu_hour, gb_hour_rate=RATES.gb_hour,
            gfuel_rate=RATES.gfuel, egress_gb_rate=RATES.egress_gb, minimum_charge=RATES.minimum,
            units=UNITS,
            valid_until=now + 86_400, salt=salt,
        )  # fmt: skip
        body = {"ask": ask.to_json(), "signature": ask.sign(self.domain, key.key), "profile": PROFILE.to_json()}
        return Request("POST", "/api/v1/asks", json.dumps(body).encode())

    def cancel(self, bid: dict[str, Any]) -> Request:
        """A renter takes back a bid that it has sent."""
        key = next(each for each in map(self.renter, range(self.renters)) if each.address == bid["renter"])
        cancel = Cancel(signer=bid["renter"], kind=int(CancelKind.BID), salt=int(bid["salt"]))
        body = {"cancel": cancel.to_json(), "signature": cancel.sign(self.domain, key.key)}
        return Request("POST", "/api/v1/cancellations", json.dumps(body).encode())

    def heartbeat(self, agent: Any, sent_at: int) -> Request:
        """A node says that it is alive."""
        beat = Heartbeat(agent=agent.address, profile_digest=PROFILE.digest(), sent_at=sent_at, drains_by=0)
        body = {"heartbeat": beat.to_json(), "signature": beat.sign(self.domain, agent.key)}
        return Request("POST", f"/api/v1/nodes/{agent.address}/heartbeat", json.dumps(body).encode())

    def attestation(self, lease: dict[str, Any]) -> Request:
        """What a lease's agent says of a run that never was."""
        agent = next(key for key in map(self.agent, range(self.providers)) if key.address == lease["agent"])
        made = attest(lease["leaseId"], lease["jobDigest"])
        body = {"attestation": made.to_json(), "signature": made.sign(self.domain, agent.key)}
        body["manifest"] = RESULT.to_json()
        return Request("POST", f"/api/v1/leases/{lease['leaseId']}/attestation", json.dumps(body).encode())

    def seals(self, oracle: Any, pays: Mapping[str, int]) -> Request:
        """An oracle's sealed verdicts, by lease what each says."""
        made = [reveal(oracle, lease_id, pay).seal(oracle.address) for lease_id, pay in pays.items()]
        return self._of_oracle(oracle, "seals", "seal", made)

    def reveals(self, oracle: Any, pays: Mapping[str, int]) -> Request:
        """What opens them."""
        made = [reveal(oracle, lease_id, pay) for lease_id, pay in pays.items()]
        return self._of_oracle(oracle, "verdicts", "reveal", made)

    def signature(self, oracle: Any, digest: str, batch: VerdictBatch) -> Request:
        """An oracle's signature over a batch of verdicts."""
        body = {"oracle": oracle.address, "signature": batch.sign(self.domain, oracle.key)}
        return Request("POST", f"/api/v1/oracle/batches/{digest}/signature", json.dumps(body).encode())

    def _of_oracle(self, oracle: Any, path: str, name: str, messages: Sequence[TypedMessage]) -> Request:
        entries = [{name: one.to_json(), "signature": one.sign(self.domain, oracle.key)} for one in messages]
        body = {"oracle": oracle.address, f"{name}s": entries}
        return Request("POST", f"/api/v1/oracle/{path}", json.dumps(body).encode())


def build_bid(renter: str, market: str, salt: int, now: int) -> Bid:
    """A small job that is run again by oracles."""
    return Bid(
        renter=renter, market=market, job_digest=JOB.digest(), gpus=0, vcpus=1, memory_mb=512, duration_seconds=60,
        fuel=10**10, egress_mb=1, max_price=MAX_PRICE, replicas=1, verification=0, settlement=0,
        deadline=now + 36_000, valid_until=now + 18_000, salt=salt,
    )  # fmt: skip


def attest(lease_id: str, job_digest: str) -> Attestation:
    """Half the fuel of a bid and three of its seconds, in every run."""
    now = int(time.time())
    return Attestation(
        lease_id=lease_id, job_digest=job_digest, result_digest=RESULT.root(), fuel=5 * 10**9, wall_seconds=3,
        egress_bytes=RESULT.egress_bytes, exit_kind=int(ExitKind.EXITED), exit_code=0, sandbox_digest="0x" + "5a" * 32,
        started_at=now, finished_at=now + 3,
    )  # fmt: skip


def reveal(oracle: Any, lease_id: str, pay: int) -> VerdictReveal:
    """A verdict with the secret that it is sealed with: the same whenever it is asked for."""
    verdict = Verdict(lease_id=lease_id, outcome=int(Outcome.PAID), pay=pay, result_digest=RESULT.root())
    return VerdictReveal.of(verdict, sha256_digest(f"{oracle.address} {lease_id}".encode()))
