"""Orders and leases as the escrow's calls and events pack them. `IEscrow.sol` is the manual, and this its Python.

A lease stands in a group of at most 32. A group's commitment is `keccak256(keccak256(bid hashes), keccak256(terms))`,
and the id of its i-th lease is `keccak256(commitment, i)`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_utils import keccak, to_checksum_address

from marketplace.protocol.messages import Ask, Bid

GROUP_SIZE = 32
_ADDRESS_MASK = 2**160 - 1


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """One lease as {LeasesOpened} told it. `price` is what is locked, micro-USDC, and the penalty too."""

    bid_hash: str
    renter: str
    provider: str
    price: int
    fee_bps: int
    deadline: int
    salt: int

    def words(self) -> tuple[int, int]:
        """The two words of the lease."""
        first = int(self.renter, 16) | self.deadline << 160 | self.salt << 200
        second = int(self.provider, 16) | self.price << 160 | self.fee_bps << 224
        return first, second

    @classmethod
    def from_words(cls, bid_hash: str, first: int, second: int) -> "LeaseTerms":
        """The lease behind two words."""
        return cls(
            bid_hash=bid_hash,
            renter=_address(first),
            provider=_address(second),
            price=second >> 160 & 2**64 - 1,
            fee_bps=second >> 224 & 2**16 - 1,
            deadline=first >> 160 & 2**40 - 1,
            salt=first >> 200 & 2**48 - 1,
        )


@dataclass(frozen=True, slots=True)
class ClaimedLease:
    """A claimed lease as calls about it take it: its id and its two words."""

    lease_id: str
    first: int
    second: int

    @property
    def terms(self) -> LeaseTerms:
        """What the words say; they do not name the bid."""
        return LeaseTerms.from_words("0x" + "00" * 32, self.first, self.second)


@dataclass(frozen=True, slots=True)
class LeaseGroup:
    """The leases that one `LeasesOpened` told of, in order."""

    market: str
    number: int
    leases: tuple[LeaseTerms, ...]

    def bids_digest(self) -> bytes:
        """`keccak256` of the bid hashes, one after another."""
        return keccak(b"".join(bytes.fromhex(lease.bid_hash[2:]) for lease in self.leases))

    def terms(self) -> list[int]:
        """Two words a lease."""
        return [word for lease in self.leases for word in lease.words()]

    def commitment(self) -> bytes:
        """What the escrow keeps 224 bits of."""
        return keccak(self.bids_digest() + keccak(b"".join(word.to_bytes(32) for word in self.terms())))

    def lease_ids(self) -> list[str]:
        """The leases' ids, in order."""
        commitment = self.commitment()
        return ["0x" + keccak(commitment + place.to_bytes(32)).hex() for place in range(len(self.leases))]

    def chosen(self, places: Sequence[int]) -> tuple[int, int, bytes, list[int]]:
        """The `GroupTerms` of a call that is about the leases at `places`."""
        bits = sum(1 << place for place in set(places))
        return self.number, bits, self.bids_digest(), self.terms()


def pack_ask(
    ask: Ask, signature: str, *, by_key: bool, contract_signatures: list[bytes]
) -> tuple[bytes, bytes, bytes, int, int, int]:
    """A `SignedAsk`. A signature that is not by the provider's own key (an ERC-1271 account's) goes into the list."""
    rates = (ask.gpu_hour_rate, ask.vcpu_hour_rate, ask.gb_hour_rate, ask.gfuel_rate, ask.egress_gb_rate)
    r, vs = split_signature(signature, by_key, contract_signatures)
    return (
        r,
        vs,
        bytes.fromhex(ask.profile_digest[2:]),
        int(ask.provider, 16) | ask.valid_until << 160 | ask.salt << 200,
        int(ask.agent, 16) | ask.minimum_charge << 160,
        sum(rate << 48 * place for place, rate in enumerate(rates)) | ask.units << 240,
    )


def pack_bid(
    bid: Bid, signature: str, *, price: int, renter: int, ask: int, by_key: bool, contract_signatures: list[bytes]
) -> tuple[bytes, bytes, bytes, int, int]:
    """A `SignedBid` matched at `price`; `renter` and `ask` are indexes into the call's tables."""
    r, vs = split_signature(signature, by_key, contract_signatures)
    resources = (
        renter
        | ask << 16
        | bid.gpus << 32
        | bid.vcpus << 48
        | bid.memory_mb << 64
        | bid.duration_seconds << 96
        | bid.fuel << 128
        | bid.egress_mb << 192
        | bid.replicas << 224
        | bid.verification << 232
        | bid.settlement << 240
    )
    terms = bid.max_price | price << 64 | bid.deadline << 128 | bid.valid_until << 168 | bid.salt << 208
    return r, vs, bytes.fromhex(bid.job_digest[2:]), resources, terms


def compact(signature: str) -> tuple[bytes, bytes]:
    """A key's 65-byte signature (r, s, v) as EIP-2098's r and vs. Low s and v of 27 or 28 are the caller's to check."""
    raw = bytes.fromhex(signature[2:])
    parity = raw[64] - 27
    return raw[:32], (int.from_bytes(raw[32:64]) | parity << 255).to_bytes(32)


def split_signature(signature: str, by_key: bool, contract_signatures: list[bytes]) -> tuple[bytes, bytes]:
    """r and vs of a key's signature; for an account contract's its index in `contract_signatures`, and 0."""
    if by_key:
        return compact(signature)
    contract_signatures.append(bytes.fromhex(signature[2:]))
    return (len(contract_signatures) - 1).to_bytes(32), bytes(32)


def _address(word: int) -> str:
    return to_checksum_address((word & _ADDRESS_MASK).to_bytes(20))
