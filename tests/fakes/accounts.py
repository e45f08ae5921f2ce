"""Accounts of the contracts, in Python: what `AccountLib.sol` and `FeeLib.sol` keep."""

from dataclasses import dataclass, field, replace

from marketplace.domain.chain import ProviderAccount, RenterAccount
from marketplace.errors import Reverted
from marketplace.protocol.enums import CancelKind, Outcome

WINDOW = 144
ORACLE_SHARE_BPS = 2_000
BPS = 10_000
_GREATEST = {"settled": 2**24 - 1, "failed": 2**12 - 1, "expired": 2**12 - 1, "frauds": 2**8 - 1}


def require(holds: object, error: str, **args: object) -> None:
    """Raises Reverted with a contract's error unless it holds."""
    if not holds:
        raise Reverted(error, dict(args))


class Renters(dict[str, RenterAccount]):
    """Renters' accounts by address; who is not there has an empty one."""

    def __missing__(self, renter: str) -> RenterAccount:
        return RenterAccount(free=0, salt_base=0, window=0)

    def add(self, renter: str, amount: int) -> None:
        """Change the free balance."""
        account = self[renter]
        self[renter] = replace(account, free=account.free + amount)

    def use(self, renter: str, salt: int) -> None:
        """Void one salt; what falls out of the window below is void, too."""
        account = self[renter]
        base, window = account.salt_base, account.window
        if salt - base >= WINDOW:
            shift = salt - base - (WINDOW - 1)
            base, window = base + shift, window >> shift
        self[renter] = RenterAccount(account.free, base, window | 1 << (salt - base))

    def void_before(self, renter: str, salt: int) -> None:
        """Void every smaller salt."""
        account = self[renter]
        if salt > account.salt_base:
            self[renter] = RenterAccount(account.free, salt, account.window >> (salt - account.salt_base))


class Providers(dict[str, ProviderAccount]):
    """Providers' accounts by address; who is not there has an empty one."""

    def __missing__(self, provider: str) -> ProviderAccount:
        return ProviderAccount(*[0] * 10)

    def change(self, provider: str, **more: int) -> None:
        """Add to fields; counters stop at their greatest value."""
        account = self[provider]
        values = {name: getattr(account, name) + by for name, by in more.items()}
        values = {name: min(value, _GREATEST.get(name, value)) for name, value in values.items()}
        self[provider] = replace(account, **values)

    def close(self, provider: str, outcome: Outcome, locked: int, net: int, *, expired: bool = False) -> None:
        """One open lease less."""
        counter = {Outcome.PAID: "settled", Outcome.FRAUD: "frauds", Outcome.FAILED: "expired" if expired else "failed"}
        counted = {counter[outcome]: 1} if outcome in counter else {}
        slashed = locked if outcome is Outcome.FRAUD else 0
        self.change(provider, earned=net, cover=-slashed, covered=-locked, open_leases=-1, **counted)


@dataclass
class Fees:
    """Fees not fetched yet, by epoch of the committee: the treasury's, and its members'."""

    treasury: dict[int, int] = field(default_factory=dict)
    members: dict[tuple[int, int], int] = field(default_factory=dict)

    def add(self, amount: int, epoch: int = 0) -> None:
        """The treasury's."""
        self.treasury[epoch] = self.treasury.get(epoch, 0) + amount

    def share(self, amount: int, epoch: int, signers: list[int]) -> None:
        """A fifth to those who signed, in equal parts; what does not divide is the treasury's."""
        each = amount * ORACLE_SHARE_BPS // BPS // len(signers)
        for index in signers:
            self.members[epoch, index] = self.members.get((epoch, index), 0) + each
        self.add(amount - each * len(signers), epoch)

    def total(self) -> int:
        """All that is there."""
        return sum(self.treasury.values()) + sum(self.members.values())


class Amounts:
    """One field of the accounts as if it were a dictionary: tests fund people with it."""

    def __init__(self, accounts: Renters | Providers, name: str) -> None:
        self._accounts, self._name = accounts, name

    def __getitem__(self, account: str) -> int:
        return getattr(self._accounts[account], self._name)

    def __setitem__(self, account: str, amount: int) -> None:
        self._accounts[account] = replace(self._accounts[account], **{self._name: amount})


def cancel(renters: Renters, providers: Providers, signer: str, kind: CancelKind, salt: int) -> None:
    """What a cancel voids."""
    if kind is CancelKind.BID:
        if not renters[signer].is_void(salt):
            renters.use(signer, salt)
    elif kind is CancelKind.BIDS_BEFORE:
        renters.void_before(signer, salt)
    else:
        require(salt < 2**32, "AmountTooLarge", amount=salt, largest=2**32 - 1)
        providers[signer] = replace(providers[signer], ask_salt=max(salt, providers[signer].ask_salt))
