"""What the contracts say: views and events as values. The chain is the truth about money; these only carry it."""

from dataclasses import dataclass
from enum import IntEnum

from marketplace.protocol.enums import CancelKind, ClaimState, Outcome, SkipReason


class CloseReason(IntEnum):
    """Which call closed a lease (`CloseReason` in `IEscrow.sol`)."""

    VERDICT = 0
    RECEIPT = 1
    DEADLINE = 2
    CLAIM_RELEASED = 3
    DISPUTE_EXPIRED = 4


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A block of the chain being followed."""

    number: int
    hash: str
    timestamp: int


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
class EventOrigin:
    """Where an event stands in the chain; orders all logs. The leases of one group share a log."""

    block_number: int
    block_hash: str
    tx_hash: str
    log_index: int


@dataclass(frozen=True, slots=True)
class Deposited:
    """`from_` paid into `account`."""

    origin: EventOrigin
    account: str
    from_: str
    amount: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """`from_free + from_earned` left the escrow."""

    origin: EventOrigin
    account: str
    from_free: int
    from_earned: int


@dataclass(frozen=True, slots=True)
class LeaseOpened:
    """One lease of a `LeasesOpened`: the `place`-th of its group. `price` is locked, and it is the penalty."""

    origin: EventOrigin
    lease_id: str
    market: str
    renter: str
    provider: str
    bid_hash: str
    price: int
    fee_bps: int
    deadline: int
    salt: int
    """Of the bid."""
    group: int
    place: int
    round_digest: str


@dataclass(frozen=True, slots=True)
class MatchSkipped:
    """The `index`-th match of the `open` in this transaction was left out."""

    origin: EventOrigin
    index: int
    reason: SkipReason


@dataclass(frozen=True, slots=True)
class SettledLease:
    """What verdicts did to one lease. `pay` is gross of the fee."""

    group: int
    place: int
    outcome: Outcome
    pay: int
    result_digest: str


@dataclass(frozen=True, slots=True)
class LeasesSettled:
    """A batch of verdicts closed these leases of `market`. Bit i of `signers`: member i of the epoch signed."""

    origin: EventOrigin
    market: str
    epoch: int
    signers: int
    settled: tuple[SettledLease, ...]


@dataclass(frozen=True, slots=True)
class LeaseClosed:
    """One lease closed otherwise than by `LeasesSettled`."""

    origin: EventOrigin
    lease_id: str
    outcome: Outcome
    paid: int
    fee: int
    refund: int
    result_digest: str
    reason: CloseReason


@dataclass(frozen=True, slots=True)
class LeaseClaimed:
    """The provider claimed `pay`; undisputed `until`, it is paid. `first` and `second` are the lease's terms."""

    origin: EventOrigin
    lease_id: str
    renter: str
    provider: str
    pay: int
    result_digest: str
    until: int
    first: int
    second: int


@dataclass(frozen=True, slots=True)
class LeaseDisputed:
    """The renter disputed a claim; undecided `until`, the money goes back to it."""

    origin: EventOrigin
    lease_id: str
    renter: str
    bond: int
    until: int


@dataclass(frozen=True, slots=True)
class OrdersCancelled:
    """What a `Cancel` of this kind voids is void."""

    origin: EventOrigin
    signer: str
    kind: CancelKind
    salt: int


@dataclass(frozen=True, slots=True)
class Slashed:
    """A provider lost a lease's penalty to its renter."""

    origin: EventOrigin
    provider: str
    amount: int
    lease_id: str


ChainEvent = (
    Deposited
    | Withdrawn
    | LeaseOpened
    | MatchSkipped
    | LeasesSettled
    | LeaseClosed
    | LeaseClaimed
    | LeaseDisputed
    | OrdersCancelled
    | Slashed
)
"""Every event the market and the agents act on. Others (stake, fee, committee) are read by view when needed."""
