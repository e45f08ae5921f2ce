"""What the contracts say: views and events as values. The chain is the truth about money; these only carry it."""

from dataclasses import dataclass
from enum import IntEnum

from marketplace.domain.accounts import Balance as Balance
from marketplace.domain.accounts import ClaimView as ClaimView
from marketplace.domain.accounts import Committee as Committee
from marketplace.domain.accounts import OracleBond as OracleBond
from marketplace.domain.accounts import ProviderAccount as ProviderAccount
from marketplace.domain.accounts import RenterAccount as RenterAccount
from marketplace.domain.accounts import ReputationRecord as ReputationRecord
from marketplace.domain.accounts import StakeState as StakeState
from marketplace.protocol.enums import CancelKind, Outcome, SkipReason


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
class BondReturned:
    """A dispute ended, and its bond went `to` whoever was right."""

    origin: EventOrigin
    lease_id: str
    to: str
    bond: int


@dataclass(frozen=True, slots=True)
class ClaimsSettled:
    """A batch of verdicts closed claimed leases; `fees` of them all, micro-USDC. Signers as in `LeasesSettled`."""

    origin: EventOrigin
    epoch: int
    signers: int
    fees: int


@dataclass(frozen=True, slots=True)
class OracleFeeCredited:
    """A member's share of the fees of an epoch moved into its free balance."""

    origin: EventOrigin
    member: str
    epoch: int
    amount: int


@dataclass(frozen=True, slots=True)
class AgentSet:
    """A provider lets a key sign asks and claims for it, or no longer."""

    origin: EventOrigin
    provider: str
    agent: str
    allowed: bool


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
    | BondReturned
    | ClaimsSettled
    | OracleFeeCredited
    | AgentSet
    | OrdersCancelled
    | Slashed
)
"""Every event that anybody here acts on. `adapters/chain/events.py` says why the others are left out."""
