"""The signed messages. `docs/protocol.md` describes them; `contracts/libraries` holds the same type strings."""

from typing import ClassVar

from eth_abi import encode as abi_encode
from eth_utils import keccak, to_checksum_address

from marketplace.errors import InvalidSignature
from marketplace.protocol.eip712 import (
    Address,
    Bool,
    Bytes32,
    Domain,
    Int32,
    TypedMessage,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Uint256,
)
from marketplace.protocol.metering import Rates, Resources


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
    gpu_hour_rate: Uint64
    vcpu_hour_rate: Uint64
    gb_hour_rate: Uint64
    gfuel_rate: Uint64
    egress_gb_rate: Uint64
    minimum_charge: Uint64
    units: Uint32
    """How many leases of this ask may be open at once."""
    valid_until: Uint64
    salt: Uint256

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
    deadline: Uint64
    """When the result must be there; afterwards anyone may refund."""
    valid_until: Uint64
    """Until when the bid may be matched."""
    salt: Uint256

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
    """Measured, informative: pay follows fuel, which others can reproduce."""
    egress_bytes: Uint64
    exit_kind: Uint8
    exit_code: Int32
    sandbox_digest: Bytes32
    """Digest of the sandbox's name, version and configuration."""
    started_at: Uint64
    finished_at: Uint64


class Verdict(TypedMessage):
    """One oracle's decision about one lease (RFC 9334: attestation result). `pay` is gross of the fee."""

    lease_id: Bytes32
    outcome: Uint8
    pay: Uint64
    result_digest: Bytes32


class VerdictBatch(TypedMessage):
    """What `settle` takes: verdicts that k of n oracles signed together."""

    verdicts: tuple[Verdict, ...]


class Receipt(TypedMessage):
    """The renter's acceptance: settles at once, no oracle needed."""

    lease_id: Bytes32
    pay: Uint64
    result_digest: Bytes32


class Cancel(TypedMessage):
    """Withdraws the signer's order of this salt, or all with a smaller one."""

    signer_field: ClassVar[str] = "signer"

    signer: Address
    salt: Uint256
    all_before: Bool


class Heartbeat(TypedMessage):
    """An agent's sign of life; never goes on chain."""

    signer_field: ClassVar[str] = "agent"

    agent: Address
    profile_digest: Bytes32
    sent_at: Uint64


SIGNED_MESSAGES: tuple[type[TypedMessage], ...] = (
    Ask,
    Bid,
    Attestation,
    Verdict,
    VerdictBatch,
    Receipt,
    Cancel,
    Heartbeat,
)


def compute_lease_id(bid_hash: str, provider: str) -> str:
    """`keccak256(abi.encode(bidHash, provider))`: one bid has at most one lease with one provider."""
    encoded = abi_encode(["bytes32", "address"], [bytes.fromhex(bid_hash[2:]), to_checksum_address(provider)])
    return "0x" + keccak(encoded).hex()


def require_signed_by(message: TypedMessage, expected: str, domain: Domain, signature: str) -> None:
    """Raises InvalidSignature unless `expected`'s own key (an EOA) signed `message` for `domain`."""
    actual = message.recover(domain, signature)
    if actual != to_checksum_address(expected):
        raise InvalidSignature(
            f"The {type(message).__name__} was not signed by {expected}: the signature recovers {actual}.",
            hint="Sign with that account, for this chain id and Escrow address, exactly the fields you send.",
            expected=expected,
            recovered=actual,
        )
