"""Random audits: all members of the committee draw together which deterministic jobs they run again.

Each member seals a random share about what was attested; once all have sealed the same, each shows its share, and the
draw follows from all of them. Nobody knows it before the last share is shown, so nobody can lie where it is safe; and
a share that is missing, different or forged means that the job is run. `docs/decisions/0034-random-audits.md` says why
each field is there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from eth_abi import encode as abi_encode
from eth_utils import keccak
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from marketplace.errors import InvalidSignature, MalformedMessage
from marketplace.protocol.eip712 import Bytes32, Domain, TypedMessage

ALL_PPM = 1_000_000
"""Every job is run: nothing is drawn."""
LEAST_RATE_PPM = 500_000
"""The rate from which on a lie brings nothing, at whatever fee φ the contracts allow: it is paid with 1 − φ of the
price and costs the price, so that it brings nothing from (1 − φ) / ((1 − φ) + 1) on, which is greatest, a half, without
any fee. `docs/explanation/verification.md` derives it."""


def _validate_rate(rate: int) -> int:
    if rate < LEAST_RATE_PPM:
        raise ValueError(
            f"{rate} is below {LEAST_RATE_PPM} ({LEAST_RATE_PPM / ALL_PPM:.0%}): a lie that is caught costs one price,"
            f" so that lying would pay; expected {LEAST_RATE_PPM} to {ALL_PPM}"
        )
    if rate > ALL_PPM:
        raise ValueError(f"{rate} is more than every job; expected {LEAST_RATE_PPM} to {ALL_PPM}")
    return rate


class Audit(BaseModel):
    """How often oracles run a job again: the part `audit` of a job specification."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    rate_ppm: Annotated[
        int,
        AfterValidator(_validate_rate),
        Field(json_schema_extra={"minimum": LEAST_RATE_PPM, "maximum": ALL_PPM}),
    ]
    """Parts in a million, from 500,000 to 1,000,000."""


def is_draw_wanted(audit: Audit | None) -> bool:
    """Whether a job with this `audit` may go unrun, so that there is something to draw."""
    return audit is not None and audit.rate_ppm < ALL_PPM


class AuditSeal(TypedMessage):
    """A member's promise of a share in the draw about one attestation, which nobody can read yet."""

    lease_id: Bytes32
    attestation: Bytes32
    """`Attestation.digest` in the domain: other evidence about the lease has another."""
    commitment: Bytes32
    """`compute_commitment` of the share."""


class AuditShare(TypedMessage):
    """What opens a member's audit seal, beside the seals of all that it saw first."""

    lease_id: Bytes32
    attestation: Bytes32
    seals: Bytes32
    """`Draw.seals_digest`: who shows two members different seals gets shares that are good for no draw."""
    share: Bytes32
    """32 random bytes, new for each lease."""


Message = TypeVar("Message", AuditSeal, AuditShare)
AUDIT_MESSAGES: tuple[type[TypedMessage], ...] = (AuditSeal, AuditShare)


def compute_commitment(oracle: str, lease_id: str, attestation: str, share: str) -> str:
    """`AuditSeal.commitment`. It names the oracle, so that none can pass off another's as its own.

    `keccak256(abi.encode("ComputeHive audit share", oracle, leaseId, attestation, share))`.
    """
    values = ["ComputeHive audit share", oracle, *map(_word, (lease_id, attestation, share))]
    return "0x" + keccak(abi_encode(["string", "address", "bytes32", "bytes32", "bytes32"], values)).hex()


def is_drawn(draw: int, rate_ppm: int) -> bool:
    """Whether the job is to be run: `draw < rate · 2^256 / 10^6`, in integers. At a rate of 10^6 always."""
    return draw * ALL_PPM < rate_ppm << 256


@dataclass(frozen=True, slots=True)
class Draw:
    """The draw about one attestation by one committee: reads what members signed, and computes what follows."""

    domain: Domain
    members: tuple[str, ...]
    """The whole committee, in the order of the chain."""
    lease_id: str
    attestation: str
    """Its EIP-712 digest."""

    def read_seals(self, documents: Any) -> dict[str, str]:
        """Commitments by member, of what members signed about this attestation; anything else is passed over.

        `documents` as the market shows them: `{seal, sealSignature}` each.
        """
        found: dict[str, str] = {}
        for member, message in self._read(AuditSeal, documents, "seal"):
            found.setdefault(member, message.commitment)
        return found

    def read_shares(self, documents: Any, commitments: Mapping[str, str]) -> dict[str, str]:
        """Shares by member that open these commitments, of all members, and say so; anything else is passed over.

        `documents` as the market shows them: `{share, shareSignature}` each.
        """
        if not self.is_complete(commitments):
            return {}
        seals = self.seals_digest(commitments)
        return {
            member: message.share
            for member, message in self._read(AuditShare, documents, "share")
            if message.seals == seals
            and compute_commitment(member, self.lease_id, self.attestation, message.share) == commitments[member]
        }

    def is_complete(self, by_member: Mapping[str, str]) -> bool:
        """Whether every member is there."""
        return bool(self.members) and all(member in by_member for member in self.members)

    def seals_digest(self, commitments: Mapping[str, str]) -> str:
        """`AuditShare.seals`: all commitments in the members' order.

        `keccak256(abi.encode("ComputeHive audit seals", leaseId, attestation, members, commitments))`.
        """
        values = ["ComputeHive audit seals", _word(self.lease_id), _word(self.attestation), self.members]
        kinds = ["string", "bytes32", "bytes32", "address[]", "bytes32[]"]
        return "0x" + keccak(abi_encode(kinds, [*values, [_word(commitments[one]) for one in self.members]])).hex()

    def compute(self, shares: Mapping[str, str]) -> int | None:
        """The draw, uniform below 2^256 if the share of one member is random; None while one is missing.

        `keccak256(abi.encode("ComputeHive audit draw", chainId, escrow, leaseId, attestation, members, shares))`.
        """
        if not self.is_complete(shares):
            return None
        kinds = ["string", "uint256", "address", "bytes32", "bytes32", "address[]", "bytes32[]"]
        place = [self.domain.chain_id, self.domain.escrow, _word(self.lease_id), _word(self.attestation)]
        values = ["ComputeHive audit draw", *place, self.members, [_word(shares[one]) for one in self.members]]
        return int.from_bytes(keccak(abi_encode(kinds, values)))

    def read(self, document: Mapping[str, Any]) -> int | None:
        """The draw that a market's `{seals, shares}` about the lease come to; None while they are incomplete."""
        commitments = self.read_seals(document.get("seals"))
        return self.compute(self.read_shares(document.get("shares"), commitments))

    def _read(self, kind: type[Message], documents: Any, field: str) -> Iterator[tuple[str, Message]]:
        """Each member's valid message about this attestation, whatever else is in the list."""
        for document in documents if isinstance(documents, list) else ():
            if not isinstance(document, dict):
                continue
            try:
                message = kind.parse(document.get(field))
                signer = message.recover(self.domain, str(document.get(f"{field}Signature")))
            except (InvalidSignature, MalformedMessage):
                continue
            is_ours = (message.lease_id, message.attestation) == (self.lease_id, self.attestation)
            if is_ours and signer in self.members:
                yield signer, message


def _word(value: str) -> bytes:
    return bytes.fromhex(value[2:])
