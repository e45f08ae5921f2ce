"""Settlement without a lock: how finished work is named, and what renters and oracles sign for netted batches.

Bids that are settled without a lock, allowances and netted batches are signed for the domain of `Prepaid`; asks,
cancels and verdicts for the escrow's. `IPrepaid.sol` is the manual, and this its Python;
`docs/explanation/settlement.md` says what each way asks of whom.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from eth_utils import keccak

from marketplace.protocol.eip712 import Address, Bytes32, Domain, TypedMessage, Uint40, Uint48, Uint64, Uint256
from marketplace.protocol.manifest import merkle_proof, merkle_root, verify_leaf
from marketplace.protocol.messages import Bid


class WorkRefusal(IntEnum):
    """Why `settleWork` left a job out (`Refusal` in `IPrepaid.sol`)."""

    NONE = 0
    ASK_EXPIRED = 1
    ASK_CANCELLED = 2
    ASK_SIGNATURE = 3
    QUOTE = 4
    """The ask charges more for the bid's resources than the bid's maximum."""
    BID_EXPIRED = 5
    """Its deadline has passed."""
    BID_SIGNATURE = 6
    """Not by the renter's own key."""
    BALANCE = 7
    SALT_USED = 8
    REPLICAS = 9
    """One too many of this bid, or not by ascending provider."""
    SETTLEMENT = 10
    """The bid allows another way of settling."""
    VERDICT = 11
    """Pay above the bid's maximum, pay without result, or an unknown outcome."""


@dataclass(frozen=True, slots=True)
class PrepaidDomain(Domain):
    """Signatures for Prepaid, whose address stands in `escrow`."""


class NettedAllowance(TypedMessage):
    """A renter lets the oracles' quorum debit it: up to `cap` in all, counted from the first debit ever."""

    signer_field: ClassVar[str] = "renter"

    renter: Address
    cap: Uint64
    valid_until: Uint40
    """Until when batches may debit."""
    salt: Uint48
    """Greater than the last allowance's; from 1."""


class NettedBatch(TypedMessage):
    """Sums over many jobs, as k of n oracles signed them: what `settleNetted` takes."""

    market: Address
    number: Uint256
    """Counts the market's batches from 1."""
    jobs_root: Bytes32
    data_digest: Bytes32
    """SHA-256 of the published document with all orders and verdicts."""
    debits: tuple[Uint256, ...]
    """From the lowest bit: renter 160, amount 64, jobs 32."""
    credits: tuple[Uint256, ...]
    """From the lowest bit: provider 160, amount 64, jobs 32; net of the fee."""


@dataclass(frozen=True, slots=True)
class NettedJob:
    """One job of a netted batch: a leaf of the tree under its `jobs_root`. Amounts are micro-USDC."""

    bid_hash: str
    renter: str
    provider: str
    pay: int
    fee: int
    result_digest: str

    def leaf(self) -> bytes:
        """bidHash 32, renter 20, provider 20, pay 8, fee 8, resultDigest 32 bytes."""
        parts = (self.bid_hash, self.renter, self.provider)
        head = b"".join(bytes.fromhex(part[2:]) for part in parts)
        return head + self.pay.to_bytes(8) + self.fee.to_bytes(8) + bytes.fromhex(self.result_digest[2:])


def work_lease_id(bid: Bid, provider: str, domain: PrepaidDomain) -> str:
    """The name under which oracles judge a job that no lease was opened for: it is of one chain and one contract."""
    return "0x" + keccak(int(provider, 16).to_bytes(32) + bytes.fromhex(bid.digest(domain)[2:])).hex()


def net(
    market: str, number: int, jobs: Sequence[NettedJob], data_digest: str, fee_bps: int | None = None
) -> NettedBatch:
    """The batch that moves what these jobs cost and earn.

    With `fee_bps`, raises ValueError for a job whose fee is not that part of its pay, rounded down.
    """
    debits: dict[str, tuple[int, int]] = {}
    credits: dict[str, tuple[int, int]] = {}
    for job in jobs:
        if fee_bps is not None and job.fee != job.pay * fee_bps // 10_000:
            raise ValueError(f"the fee of job {job.bid_hash} is {job.fee}, not {fee_bps} bps of {job.pay}")
        for sums, account, amount in ((debits, job.renter, job.pay), (credits, job.provider, job.pay - job.fee)):
            total, count = sums.get(account, (0, 0))
            sums[account] = (total + amount, count + 1)
    return NettedBatch(
        market=market,
        number=number,
        jobs_root="0x" + jobs_root(jobs).hex(),
        data_digest=data_digest,
        debits=tuple(pack_sum(account, *sums) for account, sums in debits.items()),
        credits=tuple(pack_sum(account, *sums) for account, sums in credits.items()),
    )


def pack_sum(account: str, amount: int, jobs: int) -> int:
    """A debit or a credit."""
    return int(account, 16) | amount << 160 | jobs << 224


def jobs_root(jobs: Sequence[NettedJob]) -> bytes:
    """The root over the jobs, in order."""
    return merkle_root([job.leaf() for job in jobs])


def job_proof(jobs: Sequence[NettedJob], index: int) -> list[bytes]:
    """The sibling hashes that show a job under the root, from the leaf up."""
    return merkle_proof([job.leaf() for job in jobs], index)


def verify_job(job: NettedJob, index: int, batch_jobs: int, proof: Sequence[bytes], root: str) -> bool:
    """Whether `proof` shows that `job` is number `index` of a batch's `batch_jobs` under its `jobs_root`."""
    return verify_leaf(job.leaf(), index, batch_jobs, proof, bytes.fromhex(root[2:]))


NETTED_MESSAGES = (NettedAllowance, NettedBatch)
"""What is signed for settlement without a lock, besides bids."""
