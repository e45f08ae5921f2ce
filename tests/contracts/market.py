"""A deployed market with funded renters, staked providers and a committee, and the words to write tests about it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import brownie

from marketplace.protocol.eip712 import Domain
from marketplace.protocol.messages import Ask, Bid, Verdict, VerdictBatch
from marketplace.protocol.packing import LeaseGroup, LeaseTerms
from tests.contracts.batch import (
    Committee,
    Match,
    OpenLease,
    Settlement,
    chosen_groups,
    compact_words,
    in_order_of_groups,
    open_args,
)
from tests.contracts.expect import MOST_GAS, address_of, events_of
from tests.contracts.orders import NO_PREDECESSOR, PRICE, TIMELOCK_DELAY, Orders


@dataclass
class World(Orders):
    """Everything deployed, and who plays whom."""

    contracts: dict[str, Any]
    deployer: Any
    operator: Any
    """The market of all orders."""
    treasury: Any
    governor: Any
    stranger: Any
    """Also the agent that asks name; not delegated to."""
    renters: list[Any]
    providers: list[Any]
    oracles: list[Any]
    """The committee, three of five, ascending by address: as `settle` wants their signatures."""
    candidates: list[Any]
    """Four accounts that hold tokens approved to the committee's contract and could become oracles."""
    domain: Domain
    opened: dict[str, OpenLease] = field(default_factory=dict)

    def __post_init__(self):
        self.token = self.contracts["USDC"]
        self.escrow = self.contracts["Escrow"]
        self.stake = self.contracts["ProviderStake"]
        self.reputation = self.contracts["Reputation"]
        self.committee = self.contracts["OracleCommittee"]
        self.timelock = self.contracts["Timelock"]
        self.renter, self.provider = self.renters[0], self.providers[0]
        self.forget()

    def forget(self) -> None:
        """Start all counters anew: the chain went back to where it began."""
        self.opened.clear()
        self.salts, self.groups, self.calls = {}, count(1), count(1)

    # --- opening -------------------------------------------------------------------------------------------

    def send_open(self, *matches: Match, first_group: int | None = None, sender: Any = None) -> Any:
        """`open` with these matches as the market; returns the transaction."""
        number = next(self.groups) if first_group is None else first_group
        args = open_args(matches, number)
        return self.escrow.open(*args, {"from": sender or self.operator, "gas_limit": MOST_GAS})

    def open_all(self, *matches: Match, first_group: int | None = None, sender: Any = None) -> list[OpenLease]:
        """Open matches; the leases that came to be, in order."""
        return self.leases_of(self.send_open(*matches, first_group=first_group, sender=sender), matches)

    def open(self, bid: Bid | None = None, ask: Ask | None = None, price: int = PRICE) -> OpenLease:
        """Open one lease and return it."""
        return self.open_all(self.match(bid, ask, price))[0]

    def leases_of(self, transaction: Any, matches: Sequence[Match]) -> list[OpenLease]:
        """The leases that a transaction opened of these matches, in order."""
        skipped = {event["index"] for event in events_of(transaction, "MatchSkipped")}
        taken = iter([match for index, match in enumerate(matches) if index not in skipped])
        leases = []
        for event in events_of(transaction, "LeasesOpened"):
            group = group_of(event)
            self.groups = count(max(group.number + 1, next(self.groups)))
            for place, (lease_id, match) in enumerate(zip(group.lease_ids(), taken, strict=False)):
                leases.append(OpenLease(lease_id, match.bid, match.ask, match.price, group, place))
        self.opened |= {lease.id: lease for lease in leases}
        return leases

    # --- ends ----------------------------------------------------------------------------------------------

    def current_committee(self) -> Committee:
        """The committee as its contract has it now."""
        contract = self.committee
        return Committee(contract.epoch(), contract.threshold(), tuple(contract.members()))

    def signed_batch(
        self, verdicts: Sequence[Verdict], oracles: Sequence[Any] | None = None, committee: Committee | None = None
    ) -> tuple[tuple, list[bytes]]:
        """`Quorum` and `signatures` of a batch, by `oracles` or by as many members as it takes."""
        committee = committee or self.current_committee()
        signers = oracles if oracles is not None else committee.members[: committee.threshold]
        indexes = sorted(committee.members.index(address_of(oracle)) for oracle in signers)
        batch = VerdictBatch.of(verdicts)
        signatures = [self.sign(batch, committee.members[index]) for index in indexes]
        return committee.quorum(indexes), compact_words(signatures)

    def settlement(
        self, *verdicts: Verdict, oracles: Sequence[Any] | None = None, committee: Committee | None = None
    ) -> Settlement:
        """Arguments of `settle` for these verdicts, brought into the order of groups and places."""
        leases = [self.opened[verdict.lease_id] for verdict in verdicts]
        ordered = [verdicts[index] for index in in_order_of_groups(leases)]
        batch = VerdictBatch.of(ordered)
        quorum, signatures = self.signed_batch(ordered, oracles, committee)
        groups = chosen_groups(leases)
        market = leases[0].group.market if leases else self.operator.address
        return Settlement(market, groups, list(batch.outcomes), list(batch.result_digests), quorum, signatures)

    def settle(self, *verdicts: Verdict, oracles: Sequence[Any] | None = None) -> Any:
        """Settle verdicts that a quorum signed; returns the transaction."""
        return self.send_settle(self.settlement(*verdicts, oracles=oracles))

    def send_settle(self, settlement: Settlement, sender: Any = None) -> Any:
        """`settle` with exactly these arguments."""
        return self.escrow.settle(*settlement.args(), {"from": sender or self.operator, "gas_limit": MOST_GAS})

    def accept(self, lease: OpenLease, pay: int, *, sender: Any = None, signer: Any = None) -> Any:
        """Accept with the renter's receipt, submitted by the provider."""
        receipt = self.receipt(lease, pay)
        signature = self.sign(receipt, signer or lease.bid.renter)
        sender = sender or lease.ask.provider
        return self.escrow.accept(lease.group.market, lease.alone(), receipt.as_tuple(), signature, {"from": sender})

    def refund(self, *leases: OpenLease, sender: Any = None) -> Any:
        """Refund leases of one market, as anybody."""
        market = leases[0].group.market
        return self.escrow.refund(market, chosen_groups(leases), {"from": sender or self.stranger})

    # --- claims --------------------------------------------------------------------------------------------

    def claim(
        self,
        lease: OpenLease,
        pay: int = PRICE,
        *,
        sender: Any = None,
        agent: Any = None,
        signature: bytes = b"",
        **changes,
    ) -> Any:
        """Claim as the provider, or as `sender` with an agent's signature; `changes` are of the attestation."""
        evidence = self.attestation(lease, **changes).as_tuple()
        provider = lease.ask.provider
        call = (lease.group.market, lease.alone(), pay, evidence, address_of(agent or provider), signature)
        return self.escrow.claim(*call, {"from": sender or provider})

    def release(self, lease: OpenLease, sender: Any = None) -> Any:
        """Release a claim, as anybody."""
        return self.escrow.release(lease.claimed(), {"from": sender or self.stranger})

    def dispute(self, lease: OpenLease, sender: Any = None) -> Any:
        """Dispute a claim, as its renter."""
        return self.escrow.dispute(lease.claimed(), {"from": sender or lease.bid.renter})

    def settle_claims(self, *verdicts: Verdict, oracles: Sequence[Any] | None = None, leases: Any = None) -> Any:
        """Settle claimed leases by verdicts that a quorum signed."""
        batch = VerdictBatch.of(verdicts)
        quorum, signatures = self.signed_batch(verdicts, oracles)
        claimed = leases or [self.opened[verdict.lease_id].claimed() for verdict in verdicts]
        call = (claimed, list(batch.outcomes), list(batch.result_digests), quorum, signatures)
        return self.escrow.settleClaims(*call, {"from": self.operator})

    def expire_dispute(self, lease: OpenLease, sender: Any = None) -> Any:
        """End an undecided dispute, as anybody."""
        return self.escrow.expireDispute(lease.claimed(), {"from": sender or self.stranger})

    # --- governance ----------------------------------------------------------------------------------------

    def govern(self, contract: Any, call: str) -> Any:
        """Announce a call, wait for the delay, execute it; returns the executing transaction."""
        salt = next(self.calls).to_bytes(32)
        self.timelock.schedule(contract, 0, call, NO_PREDECESSOR, salt, TIMELOCK_DELAY, {"from": self.governor})
        brownie.chain.sleep(TIMELOCK_DELAY + 1)
        return self.timelock.execute(contract, 0, call, NO_PREDECESSOR, salt, {"from": self.stranger})

    def rotate(self, members: Sequence[Any], threshold: int) -> Committee:
        """Install another committee, bonded by the deployer where it is not yet."""
        ordered = sorted((address_of(member) for member in members), key=lambda address: int(address, 16))
        for member in ordered:
            lacking = self.committee.minimumBond() - self.committee.bondOf(member).dict()["active"]
            if lacking > 0:
                self.token.mint(self.deployer, lacking, {"from": self.deployer})
                self.token.approve(self.committee, lacking, {"from": self.deployer})
                self.committee.bondFor(member, lacking, {"from": self.deployer})
        self.govern(self.committee, self.committee.setCommittee.encode_input(ordered, threshold))
        return self.current_committee()

    # --- what is -------------------------------------------------------------------------------------------

    def is_open(self, lease: OpenLease) -> bool:
        """Whether the escrow has this lease open."""
        word = self.escrow.groupWord(lease.group.market, lease.group.number)
        commitment = int.from_bytes(lease.group.commitment()) & (2**224 - 1)
        return word >> 32 == commitment and bool(word >> lease.place & 1)

    def free(self, party: Any) -> int:
        """What a party could withdraw."""
        return self.escrow.free(party)

    def renter_account(self, renter: Any = None) -> dict:
        """A renter's account."""
        return self.escrow.renterAccount(renter or self.renter).dict()

    def provider_account(self, provider: Any = None) -> dict:
        """A provider's account."""
        return self.escrow.providerAccount(provider or self.provider).dict()

    def bond(self, provider: Any = None) -> dict:
        """A provider's bond as stored."""
        return self.stake.bond(provider or self.provider).dict()

    def claim_of(self, lease: OpenLease) -> dict:
        """The claim on a lease."""
        return self.escrow.claimOf(lease.id).dict()

    def record(self, provider: Any = None) -> dict:
        """A provider's counters without the time."""
        counters = self.reputation.recordOf(provider or self.provider).dict()
        return {name: value for name, value in counters.items() if name != "since" and value}


def group_of(event: Any) -> LeaseGroup:
    """The group that a `LeasesOpened` told of."""
    words = [int(word) for word in event["terms"]]
    leases = tuple(
        LeaseTerms.from_words(str(bid_hash), *words[2 * place : 2 * place + 2])
        for place, bid_hash in enumerate(event["bidHashes"])
    )
    return LeaseGroup(event["market"], int(event["group"]), leases)
