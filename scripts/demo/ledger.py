"""The audit: every micro-USDC that anybody had before is somewhere afterwards, by the contracts and by their events.

`books.replay` rebuilds every balance from the events alone; `audit` holds that against what the contracts report and
what the tokens themselves say. Nothing here trusts the market.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from marketplace.domain.chain import Committee, StakeState
from marketplace.protocol.enums import Outcome
from scripts.demo.books import Replayed


class Reader(Protocol):
    """What the audit asks the chain."""

    def token_balance(self, account: str) -> int: ...
    def balance(self, account: str): ...
    def stake(self, provider: str) -> StakeState: ...
    def fees(self) -> int: ...
    def oracle_credits(self) -> dict[str, int]: ...


@dataclass(frozen=True, slots=True)
class Holding:
    """What one party has, micro-USDC."""

    wallet: int
    free: int
    stake: int
    """A provider's, active and unbonding together; cover of open leases is part of it."""
    bond: int = 0
    """An oracle's."""
    credit: int = 0
    """An oracle's share of fees that it has not fetched."""

    @property
    def total(self) -> int:
        """Everything that is this party's."""
        return self.wallet + self.free + self.stake + self.bond + self.credit


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All parties at one moment, and what the three contracts hold for them."""

    holdings: dict[str, Holding]
    escrow_tokens: int
    stake_tokens: int
    committee_tokens: int
    fees: int
    """The treasury's."""

    @property
    def credits(self) -> int:
        """The oracles' shares of fees."""
        return sum(each.credit for each in self.holdings.values())

    @property
    def everything(self) -> int:
        """All tokens in sight: in wallets and in the contracts."""
        wallets = sum(each.wallet for each in self.holdings.values())
        return wallets + self.escrow_tokens + self.stake_tokens + self.committee_tokens


@dataclass(frozen=True, slots=True)
class Check:
    """One sentence that must be true, with the numbers that make it so."""

    claim: str
    holds: bool
    detail: str


def take_snapshot(
    reader: Reader, parties: Mapping[str, str], bonds: Mapping[str, int], contracts: Mapping[str, str]
) -> Snapshot:
    """Read everybody's money; `parties` maps names to addresses, `bonds` oracles' addresses to what they bonded."""
    holdings, credits = {}, reader.oracle_credits()
    for name, address in parties.items():
        stake = reader.stake(address)
        holdings[name] = Holding(
            wallet=reader.token_balance(address),
            free=reader.balance(address).free,
            stake=stake.active + stake.unbonding,
            bond=bonds.get(address, 0),
            credit=credits.get(address, 0),
        )
    escrow, stakes, committee = (
        reader.token_balance(contracts[name]) for name in ("Escrow", "ProviderStake", "OracleCommittee")
    )
    return Snapshot(holdings, escrow, stakes, committee, reader.fees())


def audit(
    before: Snapshot,
    after: Snapshot,
    books: Replayed,
    parties: Mapping[str, str],
    committees: Iterable[Committee],
) -> list[Check]:
    """Every sentence of the final check."""
    free = sum(each.free for each in after.holdings.values())
    locked, at_stake = sum(books.locked.values()), sum(books.disputed.values())
    fees = after.fees + after.credits
    bonds = sum(each.bond for each in after.holdings.values())
    checks = [
        Check(
            "the escrow's tokens are what is free, locked, at stake in disputes and collected as fees",
            after.escrow_tokens == free + locked + at_stake + fees,
            f"{after.escrow_tokens} == {free} + {locked} + {at_stake} + {fees}",
        ),
        Check(
            "the stake contract's tokens are the stakes",
            after.stake_tokens == sum(each.stake for each in after.holdings.values()),
            f"{after.stake_tokens} == {sum(each.stake for each in after.holdings.values())}",
        ),
        Check(
            "the committee's tokens are the oracles' bonds",
            after.committee_tokens == bonds,
            f"{after.committee_tokens} == {bonds}",
        ),
        Check(
            "as much money as before, over all wallets and contracts",
            before.everything == after.everything,
            f"{before.everything} == {after.everything}",
        ),
        Check(
            "what all parties gained and lost sums to minus the treasury's fees",
            sum(after.holdings[name].total - before.holdings[name].total for name in parties)
            == -(after.fees - before.fees) - locked - at_stake,
            f"fees {after.fees - before.fees}, still locked {locked + at_stake}",
        ),
        Check("no lease is left open", not books.locked, f"{len(books.closed)} closed, {len(books.locked)} open"),
    ]
    checks += _lease_checks(books)
    checks += _replay_checks(after, books, parties, committees)
    return checks


def _lease_checks(books: Replayed) -> list[Check]:
    uneven = [
        lease_id
        for lease_id, end in books.closed.items()
        if end.paid + end.fee + end.refund != books.opened[lease_id].price
    ]
    unpaid = [
        lease_id for lease_id, end in books.closed.items() if end.outcome is not Outcome.PAID and (end.paid or end.fee)
    ]
    frauds = sum(books.opened[lease_id].price for lease_id, end in books.closed.items() if end.outcome is Outcome.FRAUD)
    return [
        Check(
            "of every lease, paid + fee + refund is what it had locked",
            not uneven,
            f"{len(books.closed)} leases{f', not {uneven}' if uneven else ''}",
        ),
        Check("nobody was paid for a job that failed or was forged", not unpaid, f"{len(unpaid)} such payments"),
        Check(
            "stakes were slashed by the penalties of the forged leases",
            books.slashed == frauds,
            f"{books.slashed} == {frauds}",
        ),
    ]


def _replay_checks(
    after: Snapshot, books: Replayed, parties: Mapping[str, str], committees: Iterable[Committee]
) -> list[Check]:
    wrong = [name for name, address in parties.items() if books.free.get(address, 0) != after.holdings[name].free]
    strangers = [address for address, amount in books.free.items() if amount and address not in parties.values()]
    shares: dict[str, int] = defaultdict(int)
    for committee in committees:
        for index, member in enumerate(committee.members):
            shares[member] += books.shares.get((committee.epoch, index), 0)
    unequal = [name for name, address in parties.items() if shares.get(address, 0) != after.holdings[name].credit]
    return [
        Check(
            "the events alone give every balance and the fees",
            not wrong and not strangers and books.fees == after.fees + after.credits,
            f"{len(parties)} accounts{f', not {wrong + strangers}' if wrong or strangers else ''}",
        ),
        Check(
            "the oracles that signed a batch share a fifth of its fees, in equal parts",
            not unequal,
            f"{after.credits} of {books.fees}{f', not {unequal}' if unequal else ''}",
        ),
    ]
