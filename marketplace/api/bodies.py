"""What requests carry. Signed messages are the protocol's own models, so OpenAPI shows their fields."""

from typing import Annotated

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from marketplace.protocol.audits import AuditSeal, AuditShare
from marketplace.protocol.canaries import CanaryOpening
from marketplace.protocol.checkpoint import Checkpoint
from marketplace.protocol.eip712 import Address, Uint16, Uint32, Uint64
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.livelog import LogChunk
from marketplace.protocol.manifest import Manifest
from marketplace.protocol.messages import (
    Ask,
    Attestation,
    Bid,
    Cancel,
    Heartbeat,
    Receipt,
    VerdictReveal,
    VerdictSeal,
)
from marketplace.protocol.metering import Resources
from marketplace.protocol.profile import NodeProfile
from marketplace.protocol.usage import SignedUsage

Signature = Annotated[str, Field(pattern=r"^0x([0-9a-fA-F]{2})*$", max_length=20_000)]
"""65 bytes by a key; whatever an ERC-1271 account takes otherwise."""

MOST_VERDICTS = 100
"""Seals or reveals in one request."""


class Body(BaseModel):
    """What every request's body has in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class JobBody(Body):
    """A signed bid and the job it is for; with `now` it is filled at once where that is possible."""

    bid: Bid
    signature: Signature
    job_spec: JobSpec
    now: bool = False


class AskBody(Body):
    """A signed ask and the profile of the node it offers."""

    ask: Ask
    signature: Signature
    profile: NodeProfile


class CancelBody(Body):
    """A signed cancel."""

    cancel: Cancel
    signature: Signature


class HeartbeatBody(Body):
    """A signed heartbeat."""

    heartbeat: Heartbeat
    signature: Signature


class AttestationBody(Body):
    """A provider's evidence."""

    attestation: Attestation
    signature: Signature
    manifest: Manifest
    usage: SignedUsage | None = None
    """What the run took of its machine; an attestation is as good without."""
    sealed: Manifest | None = None
    """Of a private job: the ciphertexts of outputs and logs, by path."""


class CheckpointBody(Body):
    """A running job's saved state."""

    checkpoint: Checkpoint
    signature: Signature
    manifest: Manifest


class LogBody(Body):
    """Some bytes that a running job has printed."""

    chunk: LogChunk
    signature: Signature
    data: Base64Bytes
    """Base64."""


class AuditSealBody(Body):
    """An oracle's sealed share in the draw of a random audit."""

    seal: AuditSeal
    oracle: Address
    signature: Signature


class AuditShareBody(Body):
    """What opens it."""

    share: AuditShare
    oracle: Address
    signature: Signature


class SealBody(Body):
    """An oracle's seal of a verdict."""

    seal: VerdictSeal
    oracle: Address
    signature: Signature


class VerdictBody(Body):
    """What opens an oracle's seal."""

    reveal: VerdictReveal
    oracle: Address
    signature: Signature


class SealEntry(Body):
    """One seal of several."""

    seal: VerdictSeal
    signature: Signature


class SealsBody(Body):
    """Seals of one oracle."""

    oracle: Address
    seals: Annotated[list[SealEntry], Field(min_length=1, max_length=MOST_VERDICTS)]


class RevealEntry(Body):
    """What opens one seal of several."""

    reveal: VerdictReveal
    signature: Signature


class RevealsBody(Body):
    """What opens seals of one oracle."""

    oracle: Address
    reveals: Annotated[list[RevealEntry], Field(min_length=1, max_length=MOST_VERDICTS)]


class ReceiptBody(Body):
    """A renter's receipt."""

    receipt: Receipt
    signature: Signature


class BatchSignatureBody(Body):
    """An oracle's signature over a batch."""

    oracle: Address
    signature: Signature


class CanaryBody(Body):
    """An opened canary, signed by the market's operator."""

    opening: CanaryOpening
    signature: Signature


class AccountBody(Body):
    """An account to look up."""

    address: Address


class ResourcesBody(Body):
    """Resources under the names that a bid gives them."""

    gpus: Uint16 = 0
    vcpus: Uint16 = 1
    memory_mb: Uint32
    duration_seconds: Annotated[Uint32, Field(gt=0)]
    fuel: Annotated[Uint64, Field(lt=2**63)]
    egress_mb: Uint32 = 0

    def to_resources(self) -> Resources:
        """As the protocol computes with them."""
        return Resources(
            self.gpus,
            self.vcpus,
            self.memory_mb,
            self.duration_seconds,
            self.fuel,
            self.egress_mb,
        )


class QuoteBody(Body):
    """What to price; `maxPrice` is per replica, micro-USDC."""

    resources: ResourcesBody
    job_spec: JobSpec | None = None
    replicas: Annotated[int, Field(ge=1, le=255)] = 1
    max_price: Annotated[Uint64, Field(lt=2**62)] | None = None
