"""Gas of settlement without a lock: finished work paid in one step, and sums over many jobs moved by the quorum.

Everything is included, as in `leases.py`: the transaction's own 21,000, calldata, both orders' signatures, the quote
recomputed (both in one step only), three oracles of five, fee and oracles' share, reputation, events. Measured is the
steady state: all accounts and the fee's word were used before.
"""

from collections.abc import Sequence

from eth_utils import keccak
from web3.logs import DISCARD

from marketplace.protocol.enums import Settlement
from marketplace.protocol.messages import Bid, Verdict, VerdictBatch
from marketplace.protocol.packing import compact, pack_ask, pack_bid
from marketplace.protocol.prepaid import NettedAllowance, NettedBatch, NettedJob, PrepaidDomain, net, work_lease_id
from scripts.bench.leases import DEPOSIT, MEMBERS, PAID, PARTIES, PAY, THRESHOLD, Market

FEE_BPS = 500
TARGETS = {"gas_per_job_oneshot_100": 13_000, "gas_per_job_netted_1000": 500}
PREPAID = 1_000_000_000


class PrepaidMarket:
    """The market of `leases.py` whose renters have paid in, and allow netting."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.contract = market.contracts.at("Prepaid")
        self.domain = PrepaidDomain(market.domain.chain_id, self.contract.address)
        self.renters = sorted(market.renters, key=lambda key: int(key.address, 16))
        token = market.contracts.token
        market.send(token.functions.approve(self.contract.address, DEPOSIT * PARTIES))
        now = market.web3.eth.get_block("latest")["timestamp"]
        for renter in self.renters:
            market.send(self.contract.functions.depositFor(renter.address, PREPAID))
            allowance = NettedAllowance(renter=renter.address, cap=PREPAID, valid_until=now + 864_000, salt=1)
            signature = bytes.fromhex(allowance.sign(self.domain, renter.key)[2:])
            market.send(self.contract.functions.allow(allowance.as_tuple(), signature))

    def run_work(self, jobs: int) -> int:
        """Pay for `jobs` finished jobs in one transaction; the gas of each, rounded up."""
        market, parties = self.market, min(jobs, PARTIES)
        now = market.web3.eth.get_block("latest")["timestamp"]
        asks = [market._ask(provider, now) for provider in market.providers[:parties]]
        bids = [self._bid(self.renters[i % parties], now) for i in range(jobs)]
        owner = [i * parties // jobs for i in range(jobs)]
        none: list[bytes] = []
        packed_asks = [
            pack_ask(one, one.sign(market.domain, key.key), by_key=True, contract_signatures=none)
            for one, key in zip(asks, market.providers, strict=False)
        ]
        keys = {key.address: key for key in self.renters}
        packed_bids = [
            pack_bid(
                bid,
                bid.sign(self.domain, keys[bid.renter].key),
                price=0,
                renter=place % parties,
                ask=owner[place],
                by_key=True,
                contract_signatures=none,
            )
            for place, bid in enumerate(bids)
        ]
        ids = [work_lease_id(bid, asks[ask].provider, self.domain) for bid, ask in zip(bids, owner, strict=True)]
        batch = VerdictBatch.of([Verdict(lease_id=one, outcome=PAID, pay=PAY, result_digest=one) for one in ids])
        receipt = market.send(
            self.contract.functions.settleWork(
                keccak(text="round"),
                [key.address for key in self.renters[:parties]],
                packed_asks,
                packed_bids,
                none,
                list(batch.outcomes),
                keccak(b"".join(bytes.fromhex(one[2:]) for one in batch.result_digests)),
                *self._quorum(batch),
            )
        )
        if self.contract.events.WorkSkipped().process_receipt(receipt, errors=DISCARD):
            raise RuntimeError("a job of the batch was left out")
        return -(-receipt["gasUsed"] // jobs)

    def run_netted(self, jobs: int) -> int:
        """Move the sums of `jobs` jobs of twenty renters at twenty providers; the gas of each, rounded up."""
        market = self.market
        done = [self._job(number) for number in range(jobs)]
        number = self.contract.functions.nettedBatches(market.operator.address).call() + 1
        batch = net(market.operator.address, number, done, "0x" + keccak(text="data").hex(), FEE_BPS)
        receipt = market.send(self.contract.functions.settleNetted(batch.as_tuple(), *self._quorum(batch)))
        return -(-receipt["gasUsed"] // jobs)

    def _quorum(self, batch: VerdictBatch | NettedBatch) -> Sequence:
        market = self.market
        domain = self.domain if isinstance(batch, NettedBatch) else market.domain
        signatures = [half for key in market.oracles[:THRESHOLD] for half in compact(batch.sign(domain, key.key))]
        return (1, THRESHOLD, market.members[:MEMBERS], (1 << THRESHOLD) - 1), signatures

    def _job(self, number: int) -> NettedJob:
        digest = "0x" + keccak(text=f"job {number}").hex()
        renter = self.renters[number % PARTIES].address
        provider = self.market.providers[number // PARTIES % PARTIES].address
        pay = PAY // 10 + number
        return NettedJob(digest, renter, provider, pay, pay * FEE_BPS // 10_000, digest)

    def _bid(self, renter: object, now: int) -> Bid:
        return self.market._bid(renter, now).model_copy(update={"settlement": Settlement.PREPAID.value})


def measure(market: Market) -> dict[str, int]:
    """The figures."""
    prepaid = PrepaidMarket(market)
    figures = {}
    for name, run, size in (
        ("oneshot", prepaid.run_work, 1),
        ("oneshot", prepaid.run_work, 100),
        ("netted", prepaid.run_netted, 1_000),
    ):
        run(size)  # the first time pays for new storage
        figures[f"gas_per_job_{name}_{size}"] = run(size)
    return figures
