"""One lease under the rules in use: agents' verdicts, the market's agreement, replicas' votes, the split of the pay.

Nothing here decides: `agent.verdict`, `agent.votes`, `marketplace.domain.evidence` and `marketplace.protocol.metering`
do. Answers are remembered, since a simulation asks the same again and again.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache

from agent.verdict import decide, pay_for
from agent.votes import decide_by_votes
from agent.work import Execution
from marketplace.domain.evidence import VerdictRecord, agreed_verdict
from marketplace.domain.oracle_record import ORACLE_SHARE_BPS
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind, Outcome
from marketplace.protocol.manifest import STDERR_PATH, STDOUT_PATH, Manifest, ManifestEntry
from marketplace.protocol.messages import Ask, Attestation, Bid, Verdict, VerdictReveal
from marketplace.protocol.metering import compute_split
from marketplace.protocol.units import BPS, FUEL_PER_GFUEL
from scripts.simulate.economics import Deal

LEASE, SECRET = sha256_digest(b"lease"), sha256_digest(b"secret")
NOBODY = "0x" + "00" * 20


class Oracle(StrEnum):
    """How an oracle comes to what it says."""

    RUN = "run"
    """It runs the job again."""
    GUESS = "guess"
    """It says "paid, as attested"."""
    FRAME = "frame"
    """It says "fraud", whatever came out, as agreed with others."""


@lru_cache
def attested(is_true: bool, liar: int = 0) -> Attestation:
    """Evidence of one provider's run of a job that uses all its fuel: true, or made up by `liar`."""
    return Attestation(
        lease_id=LEASE, job_digest=LEASE, result_digest=_result(is_true, liar).root(), fuel=FUEL_PER_GFUEL,
        wall_seconds=1, egress_bytes=_result(is_true, liar).egress_bytes, exit_kind=ExitKind.EXITED, exit_code=0,
        sandbox_digest=LEASE, started_at=0, finished_at=1,
    )  # fmt: skip


def _result(is_true: bool, liar: int = 0) -> Manifest:
    text = b"42" if is_true else f"lie {liar}".encode()
    return Manifest.build([ManifestEntry.of(STDOUT_PATH, text), ManifestEntry.of(STDERR_PATH, b"")])


@lru_cache
def _orders(price: int) -> tuple[Bid, Ask]:
    """Orders of a job of one Gfuel, quoted at exactly `price`."""
    bid = Bid(
        renter=NOBODY, market=NOBODY, job_digest=LEASE, gpus=0, vcpus=0, memory_mb=0, duration_seconds=1,
        fuel=FUEL_PER_GFUEL, egress_mb=1, max_price=price, replicas=1, verification=0, settlement=0, deadline=1,
        valid_until=1, salt=1,
    )  # fmt: skip
    ask = Ask(
        provider=NOBODY, market=NOBODY, agent=NOBODY, profile_digest=LEASE, gpu_hour_rate=0, vcpu_hour_rate=0,
        gb_hour_rate=0, gfuel_rate=price, egress_gb_rate=0, minimum_charge=0, units=1, valid_until=1, salt=1,
    )  # fmt: skip
    return bid, ask


def _verdict(oracle: Oracle, is_true: bool, price: int) -> Verdict:
    evidence, (bid, ask) = attested(is_true), _orders(price)
    if oracle is Oracle.GUESS:
        return pay_for(evidence, Outcome.PAID, evidence.result_digest, bid, ask, price)
    if oracle is Oracle.FRAME:
        return pay_for(evidence, Outcome.FRAUD, LEASE, bid, ask, price)
    own = Execution(ExitKind.EXITED, 0, FUEL_PER_GFUEL, 1.0, _result(True), {})
    return decide(evidence, own, bid, ask, price)


@lru_cache
def judge(oracles: tuple[Oracle, ...], threshold: int, is_true: bool, price: int) -> tuple[Verdict | None, set[int]]:
    """What a committee settles of a lease, and who of it agrees; None where too few do."""
    records = [
        VerdictRecord(VerdictReveal.of(_verdict(one, is_true, price), SECRET), str(at), "0x", 0)
        for at, one in enumerate(oracles)
    ]
    found = agreed_verdict(records, threshold)
    if found is None:
        return None, set()
    return found.verdict, {int(name) for name in found.oracles}


@lru_cache
def vote(own: Attestation, others: tuple[Attestation, ...]) -> Outcome:
    """What becomes of one replica beside others."""
    return decide_by_votes(own, [own, *others], 1 + len(others))[0]


def provider_gets(deal: Deal, outcome: Outcome | None, pay: int) -> int:
    """What an outcome moves to the provider: pay after the fee, or its penalty and what it loses beside."""
    if outcome is Outcome.PAID:
        return compute_split(deal.price, pay, deal.fee_bps).paid
    return -deal.loss if outcome is Outcome.FRAUD else 0


def signer_gets(deal: Deal, verdict: Verdict, signers: Sequence[int]) -> int:
    """Each signer's part of the fee, as `FeeLib.sol` shares it."""
    return compute_split(deal.price, verdict.pay, deal.fee_bps).fee * ORACLE_SHARE_BPS // BPS // len(signers)
