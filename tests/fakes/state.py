"""What the contracts store, in Python, and what can be read of it."""

from copy import copy
from dataclasses import dataclass, field, replace
from typing import Self

from marketplace.domain.chain import ClaimView, Committee
from marketplace.errors import InvalidSignature
from marketplace.protocol.eip712 import Domain, TypedMessage
from marketplace.protocol.enums import ClaimState
from marketplace.protocol.packing import LeaseGroup, LeaseTerms
from tests.fakes.accounts import Amounts, Fees, Providers, Renters

_TABLES = ("renters", "providers", "agents", "words", "leases", "claims", "smart_accounts")


@dataclass
class Stored:
    """Everything the contracts store. Copied before each transaction, so that a revert changes nothing."""

    domain: Domain
    committee: Committee
    claim_window: int = 86_400
    dispute_window: int = 259_200
    fee_bps: int = 500
    paused: bool = False
    fees: Fees = field(default_factory=Fees)
    renters: Renters = field(default_factory=Renters)
    providers: Providers = field(default_factory=Providers)
    agents: set[tuple[str, str]] = field(default_factory=set)
    words: dict[tuple[str, int], tuple[LeaseGroup, int]] = field(default_factory=dict)
    """Group and open bits by market and number."""
    leases: dict[str, tuple[LeaseGroup, int]] = field(default_factory=dict)
    """Group and place of every lease there ever was."""
    claims: dict[str, ClaimView] = field(default_factory=dict)
    smart_accounts: dict[str, str] = field(default_factory=dict)
    """ERC-1271 accounts by address, with the key that signs for them."""

    def copy(self) -> Self:
        """Values are never changed in place, so that new tables of them are enough."""
        fees = Fees(dict(self.fees.treasury), dict(self.fees.members))
        tables = {name: copy(getattr(self, name)) for name in _TABLES}
        return replace(self, fees=fees, **tables)

    @property
    def free(self) -> Amounts:
        """What renters can bid with."""
        return Amounts(self.renters, "free")

    @property
    def active(self) -> Amounts:
        """Providers' bonds."""
        return Amounts(self.providers, "cover")

    def withdrawable(self, account: str) -> int:
        provider = self.providers[account]
        return self.renters[account].free + provider.earned - provider.withdrawn

    def total(self) -> int:
        """Invariant 1: what the escrow must hold: free, earned, locked, at stake in disputes, and fees."""
        total = sum(self.withdrawable(account) for account in {*self.renters, *self.providers}) + self.fees.total()
        for group, bits in self.words.values():
            total += sum(terms.price for place, terms in enumerate(group.leases) if bits >> place & 1)
        for lease_id, claim in self.claims.items():
            if claim.state is ClaimState.CLAIMED:
                total += self.terms_of(lease_id).price
            elif claim.state is ClaimState.DISPUTED:
                total += self.terms_of(lease_id).price + claim.bond
        return total

    def terms_of(self, lease_id: str) -> LeaseTerms:
        group, place = self.leases[lease_id]
        return group.leases[place]

    def is_open(self, group: LeaseGroup, place: int) -> bool:
        stored, bits = self.words.get((group.market, group.number), (None, 0))
        return stored == group and bits >> place & 1 == 1

    def free_groups(self, market: str, count: int) -> int:
        """The lowest number with which `count` groups in a row begin that have no open lease."""
        first = number = 0
        while number - first < count:
            number += 1
            if self.words.get((market, number - 1), (None, 0))[1]:
                first = number
        return first

    def accepts(self, account: str, message: TypedMessage, signature: str) -> bool:
        try:
            return message.recover(self.domain, signature) == self.smart_accounts.get(account, account)
        except InvalidSignature:
            return False
