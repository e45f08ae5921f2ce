"""What the model knows of one renter, provider, lease or oracle, and how the contracts' views show it."""

from dataclasses import dataclass, field

from eth_abi import encode
from eth_utils import keccak

from marketplace.protocol.enums import ClaimState
from marketplace.protocol.messages import Ask, Bid
from marketplace.protocol.packing import GROUP_SIZE, LeaseGroup, LeaseTerms

WINDOW = 144
BPS = 10_000


def share_fees(fees: int, signers: int) -> tuple[int, int]:
    """What each oracle that signed gets, and what is left for the treasury."""
    each = fees // 5 // signers
    return each, fees - each * signers


@dataclass
class Renter:
    """Money to bid with, and the salts that are void: all below the base, and the used ones."""

    free: int = 0
    base: int = 0
    used: set[int] = field(default_factory=set)

    def is_void(self, salt: int) -> bool:
        return salt < self.base or salt in self.used

    def use(self, salt: int) -> None:
        self.used.add(salt)
        self.base = max(self.base, salt - WINDOW + 1)

    def void_before(self, salt: int) -> None:
        self.base = max(self.base, salt)

    def view(self) -> tuple[int, ...]:
        return self.free, self.base, sum(1 << salt - self.base for salt in self.used if salt >= self.base)


@dataclass
class Provider:
    """What it earned, its bond and its record; what its open leases need is added up from the leases."""

    earned: int = 0
    withdrawn: int = 0
    cover: int = 0
    ask_salt: int = 0
    settled: int = 0
    failed: int = 0
    expired: int = 0
    frauds: int = 0
    unbonding: int = 0
    withdrawable_at: int = 0
    since: int = 0

    def view(self, covered: int, leases: int) -> tuple[int, ...]:
        record = (self.settled, self.failed, self.expired, self.frauds)
        return (self.earned, self.cover, covered, leases, self.ask_salt, *record, self.withdrawn)

    def bond_view(self, covered: int) -> tuple[int, ...]:
        return self.cover, covered, self.unbonding, self.withdrawable_at, self.since


@dataclass(eq=False)
class Group:
    """Leases that were opened under one number."""

    packed: LeaseGroup
    leases: list["Lease"]
    commitment: int

    @property
    def number(self) -> int:
        return self.packed.number

    @property
    def is_open(self) -> bool:
        """Whether a lease of it is."""
        return any(lease.state == "open" for lease in self.leases)

    def word(self) -> int:
        """What the escrow stores."""
        bits = sum(1 << lease.place for lease in self.leases if lease.state == "open")
        return (self.commitment & 2**224 - 1) << GROUP_SIZE | bits


@dataclass(eq=False)
class Lease:
    """A lease from its opening on; `parts` is how its money was split when it closed: paid, fee, refund."""

    id: str
    bid: Bid
    ask: Ask
    terms: LeaseTerms
    group: Group
    place: int
    state: str = "open"
    claim: ClaimState = ClaimState.NONE
    pay: int = 0
    until: int = 0
    bond: int = 0
    parts: tuple[int, int, int] | None = None
    undecided: bool = False
    """Its dispute expired: it counts as nothing."""

    @property
    def price(self) -> int:
        return self.terms.price

    @property
    def live(self) -> bool:
        return self.state != "closed"

    def fee_of(self, pay: int) -> int:
        return pay * self.terms.fee_bps // BPS

    def claimed(self) -> tuple:
        """`ClaimedLease` as calls take it."""
        return (self.id, *self.terms.words())

    def claim_view(self) -> tuple[int, ...]:
        if self.claim == ClaimState.NONE:
            return 0, 0, 0, 0, 0
        return int(self.claim), self.pay, self.until, self.bond, terms_digest(*self.terms.words())


def terms_digest(first: int, second: int) -> int:
    """What the escrow keeps of a claimed lease's terms."""
    return int.from_bytes(keccak(encode(["uint256", "uint256"], [first, second])))


@dataclass
class Oracle:
    """A bond in OracleCommittee."""

    active: int = 0
    unbonding: int = 0
    withdrawable_at: int = 0

    def view(self) -> tuple[int, ...]:
        return self.active, self.unbonding, self.withdrawable_at


@dataclass(frozen=True)
class Offer:
    """A match as it is submitted, and whose signatures hold."""

    bid: Bid
    ask: Ask
    price: int
    bid_signed: bool = True
    ask_signed: bool = True
    """By the provider itself, or by the agent that the ask names."""
    ask_by_agent: bool = False


@dataclass(frozen=True)
class Signed:
    """A batch of verdicts as it is submitted: whom it claims to be signed by, and whether that holds."""

    epoch: int
    threshold: int
    members: tuple[str, ...]
    signers: tuple[int, ...]
    forged: bool = False
    """The last signer's signature is not its own."""
