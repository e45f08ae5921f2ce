"""Words for tests of settlement without a lock: finished jobs, allowances, netted batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import brownie
from eth_utils import keccak

from marketplace.protocol.eip712 import TypedMessage
from marketplace.protocol.enums import Outcome, Settlement
from marketplace.protocol.messages import Ask, Bid, Verdict, VerdictBatch
from marketplace.protocol.packing import pack_ask, pack_bid
from marketplace.protocol.prepaid import NettedAllowance, NettedBatch, NettedJob, PrepaidDomain, net, work_lease_id
from tests.contracts.batch import compact_words
from tests.contracts.world import DAY, MOST_GAS, ROUND, UINT256_MAX, USDC, World, address_of, now

PAID_IN = 10 * USDC
DELAY = DAY
PAY = 300_000
PAY_FEE = PAY // 20
DATA = "0x" + "da" * 32


@dataclass(frozen=True)
class Job:
    """Finished work as a market submits it. `…_by_key` False: an account contract signed."""

    bid: Bid
    ask: Ask
    bid_signature: str
    ask_signature: str
    domain: PrepaidDomain
    pay: int = PAY
    outcome: int = Outcome.PAID
    result: str = "0x" + "ab" * 32
    bid_by_key: bool = True
    ask_by_key: bool = True

    @property
    def lease_id(self) -> str:
        return work_lease_id(self.bid, self.ask.provider, self.domain)

    def verdict(self) -> Verdict:
        return Verdict(lease_id=self.lease_id, outcome=int(self.outcome), pay=self.pay, result_digest=self.result)


class PaidWorld:
    """A world and its prepaid contract."""

    def __init__(self, world: World, contract: Any = None) -> None:
        self.world = world
        self.contract = contract or world.contracts["Prepaid"]
        self.domain = PrepaidDomain(brownie.chain.id, self.contract.address)
        self.token, self.operator = world.token, world.operator
        self.renters = sorted(world.renters, key=lambda each: int(each.address, 16))
        world.token.mint(world.deployer, PAID_IN * len(self.renters), {"from": world.deployer})
        world.token.approve(self.contract, UINT256_MAX, {"from": world.deployer})
        for renter in self.renters:
            self.contract.depositFor(renter, PAID_IN, {"from": world.deployer})

    # --- finished work -------------------------------------------------------------------------------------

    def bid(self, renter: Any = None, **changes: Any) -> Bid:
        """A bid that is settled when its work is finished."""
        return self.world.bid(renter, **{"settlement": int(Settlement.PREPAID), **changes})

    def job(self, bid: Bid | None = None, ask: Ask | None = None, *, signers: Any = None, **changes: Any) -> Job:
        """A finished job, its orders signed by renter and provider or by `signers` (renter's side first)."""
        bid, ask = bid or self.bid(), ask or self.world.ask()
        renter, provider = signers or (bid.renter, ask.provider)
        bid_signature = self.world.sign(bid, renter, self.domain)
        ask_signature = self.world.sign(ask, provider)
        return Job(bid, ask, "0x" + bid_signature.hex(), "0x" + ask_signature.hex(), self.domain, **changes)

    def work_args(self, jobs: Sequence[Job], oracles: Sequence[Any] | None = None) -> list:
        """Arguments of `settleWork` in the call's order: renters ascending, every ask once."""
        renters = sorted({job.bid.renter for job in jobs}, key=lambda each: int(each, 16))
        offers = list(dict.fromkeys((job.ask, job.ask_signature, job.ask_by_key) for job in jobs))
        contract_signatures: list[bytes] = []
        asks = [pack_ask(*offer[:2], by_key=offer[2], contract_signatures=contract_signatures) for offer in offers]
        bids = [
            pack_bid(
                job.bid,
                job.bid_signature,
                price=0,
                renter=renters.index(job.bid.renter),
                ask=offers.index((job.ask, job.ask_signature, job.ask_by_key)),
                by_key=job.bid_by_key,
                contract_signatures=contract_signatures,
            )
            for job in jobs
        ]
        verdicts = [job.verdict() for job in jobs]
        outcomes = list(VerdictBatch.of(verdicts).outcomes)
        results = keccak(b"".join(bytes.fromhex(job.result[2:]) for job in jobs))
        quorum = self.world.signed_batch(verdicts, oracles)
        return [ROUND, renters, asks, bids, contract_signatures, outcomes, results, *quorum]

    def settle(self, *jobs: Job, sender: Any = None, oracles: Sequence[Any] | None = None) -> Any:
        """Settle jobs as the market; returns the transaction."""
        return self.send(self.work_args(jobs, oracles), sender)

    def send(self, args: Sequence, sender: Any = None) -> Any:
        """`settleWork` with exactly these arguments."""
        return self.contract.settleWork(*args, {"from": sender or self.operator, "gas_limit": MOST_GAS})

    # --- netted batches ------------------------------------------------------------------------------------

    def allowance(self, renter: Any = None, **changes: Any) -> NettedAllowance:
        """An allowance of 5 USDC for a week."""
        values = {"renter": address_of(renter or self.world.renter), "cap": 5 * USDC, "valid_until": now() + 7 * DAY}
        return NettedAllowance(**{**values, "salt": 1, **changes})

    def allow(self, allowance: NettedAllowance | None = None, signer: Any = None) -> Any:
        """Register an allowance as anybody."""
        allowance = allowance or self.allowance()
        signature = self.world.sign(allowance, signer or allowance.renter, self.domain)
        return self.contract.allow(allowance.as_tuple(), signature, {"from": self.world.stranger})

    def netted_job(self, renter: Any = None, provider: Any = None, pay: int = PAY, fee: int | None = None) -> NettedJob:
        """A job that oracles have judged and nobody has paid for."""
        renter, provider = renter or self.world.renter, provider or self.world.provider
        fee = pay // 20 if fee is None else fee
        return NettedJob("0x" + "b1" * 32, address_of(renter), address_of(provider), pay, fee, "0x" + "ab" * 32)

    def netted(self, *jobs: NettedJob, number: int = 1) -> NettedBatch:
        """The market's batch over these jobs."""
        return net(self.operator.address, number, jobs, DATA)

    def settle_netted(self, batch: NettedBatch, oracles: Sequence[Any] | None = None) -> Any:
        """Settle a netted batch as anybody."""
        quorum = self.signed(batch, oracles)
        return self.contract.settleNetted(batch.as_tuple(), *quorum, {"from": self.world.stranger})

    def signed(self, message: TypedMessage, oracles: Sequence[Any] | None = None) -> tuple[tuple, list[bytes]]:
        """`Quorum` and `signatures` of a netted batch, by `oracles` or by as many members as it takes."""
        committee = self.world.current_committee()
        signers = oracles if oracles is not None else committee.members[: committee.threshold]
        indexes = sorted(committee.members.index(address_of(oracle)) for oracle in signers)
        signatures = [self.world.sign(message, committee.members[index], self.domain) for index in indexes]
        return committee.quorum(indexes), compact_words(signatures)

    # --- what is -------------------------------------------------------------------------------------------

    def renter(self, renter: Any = None) -> dict:
        """A renter's account."""
        return self.contract.renterAccount(renter or self.world.renter).dict()

    def balance(self, renter: Any = None) -> int:
        """What a renter has paid in and not spent."""
        return self.renter(renter)["balance"]

    def provider(self, provider: Any = None) -> dict:
        """A provider's account."""
        return self.contract.providerAccount(provider or self.world.provider).dict()

    def purses(self, epoch: int = 1, count: int = 5) -> list[int]:
        """What each member of an epoch has not fetched."""
        return [self.contract.oracleCredit(epoch, index) for index in range(count)]

    def is_sound(self, *others: str) -> bool:
        """Whether the contract holds exactly what it owes to the world's parties and to others."""
        world = self.world
        parties = [*world.renters, *world.providers, *world.oracles, world.stranger, world.treasury]
        accounts = {address_of(each) for each in parties} | set(others)
        owed = sum(self.balance(each) + self.provider(each)["balance"] for each in accounts)
        owed += sum(self.contract.fees(epoch) + sum(self.purses(epoch)) for epoch in (1, 2))
        return self.token.balanceOf(self.contract) == owed
