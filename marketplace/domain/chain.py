"""What the contracts say: views and events as values. The chain is the truth about money; these only carry it."""

from dataclasses import dataclass
from enum import IntEnum

from marketplace.protocol.enums import LeaseState, Outcome


class CloseReason(IntEnum):
    """Which call closed a lease (`CloseReason` in `IEscrow.sol`)."""

    VERDICT = 0
    RECEIPT = 1
    DEADLINE = 2


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A block of the chain being followed."""

    number: int
    hash: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class Balance:
    """A renter's or provider's money in the escrow, micro-USDC: what can be withdrawn now."""

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
class LeaseView:
    """A lease as the contract stores it."""

    state: LeaseState
    renter: str
    provider: str
    locked: int
    penalty: int
    fee_bps: int
    deadline: int
    ask_hash: str


@dataclass(frozen=True, slots=True)
class EventOrigin:
    """Where an event stands in the chain; orders all events."""

    block_number: int
    block_hash: str
    tx_hash: str
    log_index: int


@dataclass(frozen=True, slots=True)
class Deposited:
    origin: EventOrigin
    account: str
    amount: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    origin: EventOrigin
    account: str
    amount: int


@dataclass(frozen=True, slots=True)
class RoundOpened:
    origin: EventOrigin
    market: str
    round_digest: str
    count: int


@dataclass(frozen=True, slots=True)
class LeaseOpened:
    origin: EventOrigin
    lease_id: str
    renter: str
    provider: str
    market: str
    agent: str
    bid_hash: str
    ask_hash: str
    job_digest: str
    price: int
    penalty: int
    fee_bps: int
    deadline: int
    round_digest: str


@dataclass(frozen=True, slots=True)
class LeaseClosed:
    origin: EventOrigin
    lease_id: str
    outcome: Outcome
    paid: int
    fee: int
    refund: int
    result_digest: str
    reason: CloseReason


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    origin: EventOrigin
    signer: str
    salt: int


@dataclass(frozen=True, slots=True)
class OrdersCancelledBefore:
    origin: EventOrigin
    signer: str
    salt: int


@dataclass(frozen=True, slots=True)
class Slashed:
    origin: EventOrigin
    provider: str
    amount: int
    lease_id: str


ChainEvent = (
    Deposited | Withdrawn | RoundOpened | LeaseOpened | LeaseClosed | OrderCancelled | OrdersCancelledBefore | Slashed
)
"""Every event the market and the agents act on. Others (stake, fee, committee) are read by view when needed."""
