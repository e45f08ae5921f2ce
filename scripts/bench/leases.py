"""Gas of a lease's whole life, opened and settled, in batches of any size, from the receipts of a local chain.

Everything is included: the transactions' own 21,000, calldata, both orders' signatures, the quote recomputed, the hard
lock, three oracles of five, the fee and the oracles' share, reputation, events. Measured is the steady state: the
accounts, the groups' numbers and the fee's word were used before ("warm"); "cold" is the first time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_utils import keccak

from marketplace.adapters.chain.contracts import Contracts
from marketplace.devnet import Deployment, Devnet
from marketplace.protocol.messages import Ask, Bid, Verdict, VerdictBatch
from marketplace.protocol.packing import GROUP_SIZE, LeaseGroup, LeaseTerms, compact, pack_ask, pack_bid

THRESHOLD, MEMBERS = 3, 5
PARTIES = 20
"""Renters, and providers: so many of each share a batch, where it is that large."""
PRICE, PAY = 412_345, 301_234
"""What is locked and what the metered usage is worth: most bytes are not zero, as in life."""
DEPOSIT, STAKE = 10_000_000_000, 10_000_000_000
GAS = 25_000_000
PAID = 1


def key_of(role: str, number: int) -> Any:
    """The same accounts in every run."""
    return Account.from_key(keccak(text=f"{role} {number}"))


@dataclass(frozen=True, slots=True)
class Gas:
    """What the two transactions of a batch took, and how many jobs they were for."""

    jobs: int
    opening: int
    settling: int

    @property
    def each(self) -> int:
        """Of one job, rounded up."""
        return -(-(self.opening + self.settling) // self.jobs)


class Market:
    """A deployed market with funded renters, staked providers and bonded oracles, driven by plain web3."""

    def __init__(self, chain: Devnet) -> None:
        self.oracles = sorted((key_of("oracle", i) for i in range(MEMBERS)), key=lambda key: int(key.address, 16))
        self.providers = [key_of("provider", i) for i in range(PARTIES)]
        self.renters = [key_of("renter", i) for i in range(PARTIES)]
        self.members = [key.address for key in self.oracles]
        self.operator = key_of("operator", 0)
        mint = {key.address: STAKE for key in self.providers} | {self.operator.address: DEPOSIT * PARTIES * 2}
        deployment = Deployment(
            oracles=self.members,
            threshold=THRESHOLD,
            treasury=key_of("treasury", 0).address,
            governor=key_of("governor", 0).address,
            mint=mint,
        )
        self.contracts = Contracts(chain.rpc_url, chain.deploy(deployment))
        self.web3 = self.contracts.web3
        self.domain = self.contracts.book.domain
        for key in (self.operator, *self.providers):
            chain.fund_gas(key.address)
        self._salts = dict.fromkeys(self.renters, 0)
        self._fund()

    def send(self, function: Any, key: Any | None = None) -> Any:
        """The receipt of a call that succeeds."""
        key = key or self.operator
        transaction = function.build_transaction(
            {
                "from": key.address,
                "nonce": self.web3.eth.get_transaction_count(key.address),
                "gas": GAS,
                "gasPrice": self.web3.eth.gas_price,
            }
        )
        sent = self.web3.eth.send_raw_transaction(key.sign_transaction(transaction).raw_transaction)
        receipt = self.web3.eth.wait_for_transaction_receipt(sent, timeout=120, poll_latency=0.02)
        if receipt["status"] != 1:
            raise RuntimeError(f"{function.fn_name} failed")
        return receipt

    def _fund(self) -> None:
        escrow, stake, token = self.contracts.escrow, self.contracts.stake, self.contracts.token
        self.send(token.functions.approve(escrow.address, DEPOSIT * PARTIES))
        for renter in self.renters:
            self.send(escrow.functions.depositFor(renter.address, DEPOSIT))
        for provider in self.providers:
            self.send(token.functions.approve(stake.address, STAKE), provider)
            self.send(stake.functions.stake(STAKE), provider)

    def run(self, jobs: int) -> Gas:
        """Open `jobs` leases and settle them, each with one transaction."""
        parties = min(jobs, PARTIES)
        now = self.web3.eth.get_block("latest")["timestamp"]
        asks = [self._ask(provider, now) for provider in self.providers[:parties]]
        bids = [self._bid(self.renters[i % parties], now) for i in range(jobs)]
        places = [(i % parties, i * parties // jobs) for i in range(jobs)]
        opened = self.send(self._open(asks, bids, places))
        terms = [
            LeaseTerms(bid.struct_hash(), bid.renter, asks[ask].provider, PRICE, 500, bid.deadline, bid.salt)
            for bid, (_, ask) in zip(bids, places, strict=True)
        ]
        groups = [
            LeaseGroup(self.operator.address, start // GROUP_SIZE, tuple(terms[start : start + GROUP_SIZE]))
            for start in range(0, jobs, GROUP_SIZE)
        ]
        settled = self.send(self._settle(groups))
        if any(
            self.contracts.escrow.functions.groupWord(self.operator.address, one.number).call() % 2**32
            for one in groups
        ):
            raise RuntimeError("a lease of the batch is still open")
        return Gas(jobs, opened["gasUsed"], settled["gasUsed"])

    def _open_bits(self, group: LeaseGroup) -> int:
        return self.contracts.escrow.functions.groupWord(self.operator.address, group.number).call() % 2**GROUP_SIZE

    def _open(self, asks: Sequence[Ask], bids: Sequence[Bid], places: Sequence[tuple[int, int]]) -> Any:
        none: list[bytes] = []
        packed_asks = [
            pack_ask(one, one.sign(self.domain, key.key), by_key=True, contract_signatures=none)
            for one, key in zip(asks, self.providers, strict=False)
        ]
        packed_bids = [
            pack_bid(
                bid,
                bid.sign(self.domain, self.renters[renter].key),
                price=PRICE,
                renter=renter,
                ask=ask,
                by_key=True,
                contract_signatures=none,
            )
            for bid, (renter, ask) in zip(bids, places, strict=True)
        ]
        renters = [key.address for key in self.renters[: len(asks)]]
        return self.contracts.escrow.functions.open(keccak(text="round"), 0, renters, packed_asks, packed_bids, none)

    def _settle(self, groups: Sequence[LeaseGroup]) -> Any:
        ids = [lease_id for group in groups for lease_id in group.lease_ids()]
        batch = VerdictBatch.of([Verdict(lease_id=one, outcome=PAID, pay=PAY, result_digest=one) for one in ids])
        signatures = [half for key in self.oracles[:THRESHOLD] for half in compact(batch.sign(self.domain, key.key))]
        return self.contracts.escrow.functions.settle(
            self.operator.address,
            [group.chosen(range(len(group.leases))) for group in groups],
            list(batch.outcomes),
            [bytes.fromhex(one[2:]) for one in batch.result_digests],
            (1, THRESHOLD, self.members, (1 << THRESHOLD) - 1),
            signatures,
        )

    def _ask(self, provider: Any, now: int) -> Ask:
        return Ask(
            provider=provider.address,
            market=self.operator.address,
            agent=key_of("agent " + provider.address, 0).address,
            profile_digest="0x" + keccak(text=provider.address).hex(),
            gpu_hour_rate=1_000_000,
            vcpu_hour_rate=100_000,
            gb_hour_rate=50_000,
            gfuel_rate=5_000,
            egress_gb_rate=20_000,
            minimum_charge=1_000,
            units=64,
            valid_until=now + 86_400,
            salt=now,
        )

    def _bid(self, renter: Any, now: int) -> Bid:
        self._salts[renter] += 1
        return Bid(
            renter=renter.address,
            market=self.operator.address,
            job_digest="0x" + keccak(text=f"{renter.address} {self._salts[renter]}").hex(),
            gpus=0,
            vcpus=2,
            memory_mb=1_000,
            duration_seconds=3_600,
            fuel=10_000_000_000,
            egress_mb=100,
            max_price=1_234_567,
            replicas=1,
            verification=0,
            settlement=0,
            deadline=now + 86_400,
            valid_until=now + 7_200,
            salt=self._salts[renter],
        )


def measure_transfer(market: Market) -> int:
    """Gas of a bare transfer of the USDC stand-in between two accounts that hold some."""
    token = market.contracts.token
    transfer = token.functions.transfer(market.renters[0].address, 1_234_567)
    market.send(transfer)
    return market.send(transfer)["gasUsed"]
