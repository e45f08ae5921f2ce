"""The signed messages. `docs/protocol.md` describes them; `contracts/libraries` holds the same type strings."""

from collections.abc import Sequence
from typing import ClassVar, Self

from eth_abi import encode as abi_encode
from eth_utils import keccak

from marketplace.errors import InvalidSignature
from marketplace.protocol.eip712 import (
    Address,
    Bytes32,
    Domain,
    Int32,
    TypedMessage,
    Uint8,
    Uint16,
    Uint32,
    Uint40,
    Uint48,
    Uint64,
    Uint256,
)
from marketplace.protocol.encoding import checksum
from marketplace.protocol.metering import Rates, Resources, compute_metered_usage
from marketplace.protocol.usage import UsageReport


class Ask(TypedMessage):
    """A provider's offer of capacity. Rates are micro-USDC, gross of the protocol fee."""

    signer_field: ClassVar[str] = "provider"

    provider: Address
    market: Address
    """The operator that alone may match this order."""
    agent: Address
    """The key that signs attestations: a hot key, while the provider's own stays cold."""
    profile_digest: Bytes32
    """Content digest of the node profile the ask was made for."""
    gpu_hour_rate: Uint48
    vcpu_hour_rate: Uint48
    gb_hour_rate: Uint48
    gfuel_rate: Uint48
    egress_gb_rate: Uint48
    minimum_charge: Uint64
    units: Uint16
    """How many leases the provider may have open once one of this ask is opened."""
    valid_until: Uint40
    salt: Uint32
    """Counts upwards: a provider cancels its asks below a salt."""

    @property
    def rates(self) -> Rates:
        """The prices alone."""
        return Rates(
            gpu_hour=self.gpu_hour_rate,
            vcpu_hour=self.vcpu_hour_rate,
            gb_hour=self.gb_hour_rate,
            gfuel=self.gfuel_rate,
            egress_gb=self.egress_gb_rate,
            minimum=self.minimum_charge,
        )


class Bid(TypedMessage):
    """A renter's offer to pay for one job, each of its replicas at most `max_price`."""

    signer_field: ClassVar[str] = "renter"

    renter: Address
    market: Address
    job_digest: Bytes32
    gpus: Uint16
    vcpus: Uint16
    memory_mb: Uint32
    duration_seconds: Uint32
    fuel: Uint64
    egress_mb: Uint32
    max_price: Uint64
    """Micro-USDC that one replica may lock at most."""
    replicas: Uint8
    verification: Uint8
    settlement: Uint8
    """Which way of settling the renter allows: see `enums.Settlement`."""
    deadline: Uint40
    """When the result must be there; afterwards anyone may refund."""
    valid_until: Uint40
    """Until when the bid may be matched."""
    salt: Uint48
    """Next after the renter's last: opening a bid voids the renter's bids whose salt is 144 or more below."""

    @property
    def resources(self) -> Resources:
        """What the bid reserves."""
        return Resources(
            gpus=self.gpus,
            vcpus=self.vcpus,
            memory_mb=self.memory_mb,
            seconds=self.duration_seconds,
            fuel=self.fuel,
            egress_mb=self.egress_mb,
        )


class Attestation(TypedMessage):
    """The agent's evidence of what it ran (RFC 9334: evidence)."""

    lease_id: Bytes32
    job_digest: Bytes32
    result_digest: Bytes32
    fuel: Uint64
    wall_seconds: Uint32
    """Measured, rounded up. Pay follows fuel, which others can reproduce; only where none is reserved, these."""
    egress_bytes: Uint64
    exit_kind: Uint8
    exit_code: Int32
    sandbox_digest: Bytes32
    """Digest of the sandbox's name, version and configuration."""
    started_at: Uint64
    finished_at: Uint64

    def usage_of(self, reserved: Resources) -> Resources:
        """What is charged of a reservation. Raises MalformedMessage if more was used than reserved."""
        return compute_metered_usage(reserved, self.fuel, self.egress_bytes, self.wall_seconds)


class Verdict(TypedMessage):
    """One oracle's decision about one lease (RFC 9334: attestation result). `pay` is gross of the fee.

    Signed in a `VerdictReveal`, and with others in a `VerdictBatch`.
    """

    lease_id: Bytes32
    outcome: Uint8
    pay: Uint64
    result_digest: Bytes32


class VerdictSeal(TypedMessage):
    """An oracle's promise of a verdict that nobody can read yet."""

    lease_id: Bytes32
    commitment: Bytes32
    """`VerdictReveal.commitment` of what will open it."""


class VerdictReveal(TypedMessage):
    """What opens an oracle's seal: its verdict, and the secret that kept it from being guessed."""

    lease_id: Bytes32
    outcome: Uint8
    pay: Uint64
    result_digest: Bytes32
    secret: Bytes32
    """32 random bytes, new for each lease."""

    @classmethod
    def of(cls, verdict: Verdict, secret: str) -> Self:
        """The reveal of this verdict."""
        return cls(**verdict.model_dump(), secret=secret)

    @property
    def verdict(self) -> Verdict:
        """What it reveals."""
        return Verdict(**self.model_dump(exclude={"secret"}))

    def commitment(self, oracle: str) -> str:
        """What this opens in a seal (`MessageLib.commitVerdict`). It names the oracle: nobody else can use it."""
        kinds = ["bytes32", "address", "uint8", "uint64", "bytes32", "bytes32"]
        lease_id, result, secret = (bytes.fromhex(one[2:]) for one in (self.lease_id, self.result_digest, self.secret))
        return "0x" + keccak(abi_encode(kinds, [lease_id, oracle, self.outcome, self.pay, result, secret])).hex()

    def seal(self, oracle: str) -> VerdictSeal:
        """The seal that this opens."""
        return VerdictSeal(lease_id=self.lease_id, commitment=self.commitment(oracle))


class VerdictBatch(TypedMessage):
    """What `settle` takes: verdicts that k of n oracles signed together, as the contract packs them."""

    lease_ids: tuple[Bytes32, ...]
    outcomes: tuple[Uint256, ...]
    """Three verdicts a word, 80 bits each from the lowest: gross pay 64, outcome 8."""
    result_digests: tuple[Bytes32, ...]

    @classmethod
    def of(cls, verdicts: Sequence[Verdict]) -> Self:
        """The batch that says what these verdicts say, in their order."""
        return cls(
            lease_ids=tuple(one.lease_id for one in verdicts),
            outcomes=pack_outcomes(verdicts),
            result_digests=tuple(one.result_digest for one in verdicts),
        )


def pack_outcomes(verdicts: Sequence[Verdict]) -> tuple[int, ...]:
    """Three verdicts a word, 80 bits each from the lowest: gross pay 64, outcome 8."""
    singles = [one.pay | one.outcome << 64 for one in verdicts]
    return tuple(
        sum(single << 80 * place for place, single in enumerate(singles[start : start + 3]))
        for start in range(0, len(singles), 3)
    )


class Receipt(TypedMessage):
    """The renter's acceptance: settles at once, no oracle needed."""

    lease_id: Bytes32
    pay: Uint64
    result_digest: Bytes32


class Cancel(TypedMessage):
    """Withdraws the signer's bid of this salt, or all its bids or asks with a smaller one."""

    signer_field: ClassVar[str] = "signer"

    signer: Address
    kind: Uint8
    """See `enums.CancelKind`."""
    salt: Uint48


class Heartbeat(TypedMessage):
    """An agent's sign of life; never goes on chain."""

    signer_field: ClassVar[str] = "agent"

    agent: Address
    profile_digest: Bytes32
    sent_at: Uint64
    drains_by: Uint64
    """0 while it takes new leases; else when it will have left at the latest."""


SIGNED_MESSAGES: tuple[type[TypedMessage], ...] = (
    Ask,
    Bid,
    Attestation,
    VerdictSeal,
    VerdictReveal,
    VerdictBatch,
    Receipt,
    Cancel,
    Heartbeat,
    UsageReport,
)


def require_signed_by(message: TypedMessage, expected: str, domain: Domain, signature: str) -> None:
    """Raises InvalidSignature unless `expected`'s own key (an EOA) signed `message` for `domain`."""
    actual = message.recover(domain, signature)
    if actual != checksum(expected):
        raise InvalidSignature(
            f"The {type(message).__name__} was not signed by {expected}: the signature recovers {actual}.",
            hint="Sign with that account, for this chain id and Escrow address, exactly the fields you send.",
            expected=expected,
            recovered=actual,
        )
