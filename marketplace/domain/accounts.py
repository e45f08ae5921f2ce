"""What the contracts' views say of accounts, claims and the committee, as values. Micro-USDC, unix seconds."""

from dataclasses import dataclass

from marketplace.protocol.enums import ClaimState


@dataclass(frozen=True, slots=True)
class Balance:
    """Somebody's money in the escrow, micro-USDC: what can be withdrawn now, deposited, refunded or earned."""

    free: int


@dataclass(frozen=True, slots=True)
class StakeState:
    """A provider's bond, micro-USDC. `active >= locked` at every moment (invariant 6)."""

    active: int
    locked: int
    unbonding: int
    withdrawable_at: int

    @property
    def available(self) -> int:
        """What can still cover the penalty of a new lease."""
        return self.active - self.locked


@dataclass(frozen=True, slots=True)
class ReputationRecord:
    """Counters of a provider's past leases; `volume` is gross micro-USDC, `since` unix seconds (0: never)."""

    settled: int
    failed: int
    expired: int
    slashed: int
    volume: int
    since: int


@dataclass(frozen=True, slots=True)
class RenterAccount:
    """A renter's account as the escrow keeps it. Only this `free` can be bid with, micro-USDC.

    Salts below `salt_base` are void; bit i of `window`: salt `salt_base + i` is used or cancelled.
    """

    free: int
    salt_base: int
    window: int

    def is_void(self, salt: int) -> bool:
        """Whether a bid with this salt cannot be opened (any more)."""
        return salt < self.salt_base or self.window >> (salt - self.salt_base) & 1 == 1

    @property
    def next_salt(self) -> int:
        """Above every salt that was used or cancelled one by one."""
        return self.salt_base + self.window.bit_length()


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """A provider's account as the escrow keeps it, micro-USDC; asks with a salt below `ask_salt` are void."""

    earned: int
    """Net pay ever."""
    cover: int
    """Its bond."""
    covered: int
    """What of the bond open leases need."""
    open_leases: int
    ask_salt: int
    settled: int
    failed: int
    expired: int
    frauds: int
    withdrawn: int
    """What of `earned` was paid out."""


@dataclass(frozen=True, slots=True)
class ClaimView:
    """The claim on a lease. `until`: when its window (claimed) or the dispute (disputed) ends."""

    state: ClaimState
    pay: int
    until: int
    bond: int


@dataclass(frozen=True, slots=True)
class Committee:
    """Who may sign verdicts. `members` ascend as numbers; epoch 0: it has not begun."""

    epoch: int
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OracleBond:
    """An oracle's bond, micro-USDC. `unbonding` can be withdrawn from `withdrawable_at` on, slashed until it was."""

    active: int
    unbonding: int
    withdrawable_at: int
    kept: int
    """What of `active` it may not take out: a member's minimum."""

    @property
    def available(self) -> int:
        """What it can start to take out."""
        return max(0, self.active - self.kept)
