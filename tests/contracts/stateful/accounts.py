"""The model's accounts, bonds, committee and governance. `model.py` adds the leases.

Written from the interfaces' manual. Every call either raises `Refused` before it has changed anything, or changes the
model as the contracts must change; `now` is the timestamp of the block in which the chain ran the same call.
"""

from dataclasses import dataclass, field

from eth_abi import encode
from eth_utils import keccak

from marketplace.protocol.enums import CancelKind
from tests.contracts.stateful.parties import Lease, Oracle, Provider, Renter, Signed
from tests.contracts.stateful.refused import refuse_if

MAX_FEE_BPS = 1_000
MAX_COVER = 2**48 - 1
REPORTER_SHARE = 10
"""One part of so many of a slashed bond is the reporter's."""


@dataclass
class Times:
    """The delays that the contracts were deployed with, seconds."""

    unbonding: int
    bond: int
    claim: int
    dispute: int
    timelock: int


@dataclass
class Accounts:
    """Everything that the contracts know, but for how leases come and go."""

    market: str
    treasury: str
    times: Times
    minimum_bond: int
    tokens: dict[str, int]
    renters: dict[str, Renter]
    providers: dict[str, Provider]
    oracles: dict[str, Oracle]
    committees: list[tuple[int, tuple[str, ...]]]
    """Threshold and members of every epoch, from the first."""
    slashed: set[str] = field(default_factory=set)
    """Who contradicted itself; it stays a member where too few would be left."""
    fee_bps: int = 500
    paused: bool = False
    agents: set[tuple[str, str]] = field(default_factory=set)
    treasury_fees: dict[int, int] = field(default_factory=lambda: {0: 0})
    slashed_unsent: int = 0
    oracle_fees: dict[tuple[int, int], int] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    announced: dict[int, tuple[int, str, tuple]] = field(default_factory=dict)

    def refuse(self, now: int, error: str) -> None:
        """A call that cannot but be refused."""
        refuse_if(True, error)

    # --- money ---------------------------------------------------------------------------------------------

    def deposit(self, now: int, payer: str, account: str, amount: int) -> None:
        refuse_if(amount == 0, "ZeroAmount")
        refuse_if(amount > self.tokens[payer], "ERC20InsufficientBalance")
        self.tokens[payer] -= amount
        self.renters[account].free += amount

    def withdraw(self, now: int, account: str, amount: int) -> None:
        refuse_if(amount == 0, "ZeroAmount")
        refuse_if(amount > self.free(account), "InsufficientBalance")
        from_free = min(amount, self.renters[account].free)
        self.renters[account].free -= from_free
        if amount > from_free:
            self.providers[account].withdrawn += amount - from_free
        self.tokens[account] += amount

    def free(self, account: str) -> int:
        """What an account could withdraw."""
        provider = self.providers.get(account, Provider())
        return self.renters[account].free + provider.earned - provider.withdrawn

    def withdraw_fees(self, now: int, epoch: int) -> None:
        amount = self.treasury_fees.get(epoch, 0)
        refuse_if(amount == 0, "ZeroAmount")
        self.treasury_fees[epoch] = 0
        self.tokens[self.treasury] += amount

    def credit_oracle(self, now: int, epoch: int, index: int) -> None:
        amount = self.oracle_fees.get((epoch, index), 0)
        refuse_if(amount == 0, "ZeroAmount")
        self.oracle_fees[epoch, index] = 0
        self.renters[self.committees[epoch - 1][1][index]].free += amount

    # --- providers' bonds, agents, cancelling --------------------------------------------------------------

    def stake(self, now: int, account: str, amount: int) -> None:
        provider = self.providers[account]
        refuse_if(amount == 0, "StakeZeroAmount")
        refuse_if(provider.cover + amount > MAX_COVER, "AmountTooLarge")
        refuse_if(amount > self.tokens[account], "ERC20InsufficientBalance")
        provider.since = provider.since or now
        self.tokens[account] -= amount
        provider.cover += amount

    def unbond(self, now: int, account: str, amount: int) -> None:
        provider = self.providers[account]
        refuse_if(amount == 0, "StakeZeroAmount")
        refuse_if(amount > provider.cover - self.covered(account), "InsufficientCover")
        provider.cover -= amount
        provider.unbonding += amount
        provider.withdrawable_at = now + self.times.unbonding

    def withdraw_stake(self, now: int, account: str) -> None:
        provider = self.providers[account]
        refuse_if(provider.unbonding == 0, "NothingUnbonding")
        refuse_if(now < provider.withdrawable_at, "StillUnbonding")
        self.tokens[account] += provider.unbonding
        provider.unbonding = 0

    def live_leases(self, provider: str) -> list[Lease]:
        """A provider's leases that are not closed."""
        return [lease for lease in self.leases.values() if lease.live and lease.ask.provider == provider]

    def covered(self, provider: str) -> int:
        """What of a provider's bond its leases need."""
        return sum(lease.price for lease in self.live_leases(provider))

    def set_agent(self, now: int, provider: str, agent: str, allowed: bool) -> None:
        self.agents = self.agents | {(provider, agent)} if allowed else self.agents - {(provider, agent)}

    def cancel(self, now: int, signer: str, kind: CancelKind, salt: int, signed: bool = True) -> None:
        refuse_if(not signed, "InvalidSignature")
        if kind == CancelKind.BID:
            if not self.renters[signer].is_void(salt):
                self.renters[signer].use(salt)
        elif kind == CancelKind.BIDS_BEFORE:
            self.renters[signer].void_before(salt)
        else:
            refuse_if(salt >= 2**32, "AmountTooLarge")
            provider = self.providers[signer]
            provider.ask_salt = max(provider.ask_salt, salt)

    # --- the committee -------------------------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        return len(self.committees)

    @property
    def threshold(self) -> int:
        return self.committees[-1][0]

    @property
    def members(self) -> tuple[str, ...]:
        return self.committees[-1][1]

    def bond(self, now: int, payer: str, member: str, amount: int) -> None:
        refuse_if(amount == 0, "BondZeroAmount")
        refuse_if(amount > self.tokens[payer], "ERC20InsufficientBalance")
        self.tokens[payer] -= amount
        self.oracles[member].active += amount

    def unbond_oracle(self, now: int, account: str, amount: int) -> None:
        oracle = self.oracles[account]
        kept = self.minimum_bond if account in self.members else 0
        refuse_if(amount == 0, "BondZeroAmount")
        refuse_if(amount > max(oracle.active - kept, 0), "BondInsufficient")
        oracle.active -= amount
        oracle.unbonding += amount
        oracle.withdrawable_at = now + self.times.bond

    def withdraw_bond(self, now: int, account: str) -> None:
        oracle = self.oracles[account]
        refuse_if(oracle.unbonding == 0, "BondZeroAmount")
        refuse_if(now < oracle.withdrawable_at, "BondStillLocked")
        self.tokens[account] += oracle.unbonding
        oracle.unbonding = 0

    def report(self, now: int, reporter: str, member: str, contradicting: bool, signed: bool) -> None:
        refuse_if(not contradicting, "NotContradicting")
        refuse_if(not signed, "NotSigned")
        oracle = self.oracles[member]
        slashed = oracle.active + oracle.unbonding
        refuse_if(slashed == 0, "NothingToSlash")
        self.oracles[member] = Oracle()
        self.slashed.add(member)
        rest = tuple(each for each in self.members if each != member)
        if member in self.members and len(rest) >= self.threshold:
            self.committees.append((self.threshold, rest))
        self.tokens[reporter] += slashed // REPORTER_SHARE
        self.slashed_unsent += slashed - slashed // REPORTER_SHARE

    def send_slashed(self, now: int) -> None:
        refuse_if(self.slashed_unsent == 0, "BondZeroAmount")
        self.tokens[self.treasury] += self.slashed_unsent
        self.slashed_unsent = 0

    def resign(self, now: int, member: str) -> None:
        refuse_if(member not in self.members, "NotMember")
        self.committees.append((self.threshold, tuple(each for each in self.members if each != member)))

    def require_committee(self, signed: Signed) -> None:
        """Refused unless this is the committee in office and a quorum of it signed."""
        given = (signed.epoch, signed.threshold, signed.members)
        refuse_if(given != (self.epoch, self.threshold, self.members), "WrongCommittee")
        refuse_if(signed.forged, "NotSigned")
        refuse_if(len(signed.signers) < self.threshold, "TooFewSignatures")

    # --- governance ----------------------------------------------------------------------------------------

    def announce(self, now: int, salt: int, effect: str, values: tuple) -> None:
        self.announced[salt] = (now + self.times.timelock, effect, values)

    def execute(self, now: int, salt: int) -> None:
        refuse_if(salt not in self.announced, "TimelockUnexpectedOperationState")
        ready, effect, values = self.announced[salt]
        refuse_if(now < ready, "TimelockUnexpectedOperationState")
        getattr(self, effect)(*values)
        del self.announced[salt]

    def set_fee(self, fee_bps: int) -> None:
        refuse_if(fee_bps > MAX_FEE_BPS, "FeeAboveCap")
        self.fee_bps = fee_bps

    def set_paused(self, paused: bool) -> None:
        self.paused = paused

    def set_treasury(self, treasury: str) -> None:
        self.treasury = treasury

    def set_committee(self, members: tuple[str, ...], threshold: int) -> None:
        refuse_if(not 0 < threshold <= len(members), "InvalidThreshold")
        for member in members:
            refuse_if(self.oracles[member].active < self.minimum_bond, "BondTooSmall")
        self.committees.append((threshold, members))

    # --- what the contracts' views must show ---------------------------------------------------------------

    def account_views(self) -> dict[tuple, tuple[int, ...]]:
        """Views of accounts, bonds, fees, committee and governance by name and arguments."""
        covered = {account: self.covered(account) for account in self.providers}
        counts = {account: len(self.live_leases(account)) for account in self.providers}
        views = {("renter", account): renter.view() for account, renter in self.renters.items()}
        for account, provider in self.providers.items():
            views["provider", account] = provider.view(covered[account], counts[account])
            views["bond", account] = provider.bond_view(covered[account])
        views |= {("oracle", account): oracle.view() for account, oracle in self.oracles.items()}
        for epoch in range(self.epoch + 1):
            views["fees", epoch] = (self.treasury_fees.get(epoch, 0),)
        for epoch, (_, members) in enumerate(self.committees, 1):
            for index in range(len(members)):
                views["credit", epoch, index] = (self.oracle_fees.get((epoch, index), 0),)
        views["quorum", self.epoch] = (quorum_hash(self.epoch, self.threshold, self.members),)
        views["slashed",] = (self.slashed_unsent,)
        views["fee_bps",] = (self.fee_bps,)
        views["paused",] = (int(self.paused),)
        views["treasury",] = (int(self.treasury, 16),)
        return views


def quorum_hash(epoch: int, threshold: int, members: tuple[str, ...]) -> int:
    """What the committee's contract keeps of a committee."""
    return int.from_bytes(keccak(encode(["uint256", "uint256", "address[]"], [epoch, threshold, list(members)])))
