"""The usage report: what a run took of its machine, signed by the agent beside the attestation. Never on chain.

Nobody is paid by it, and another machine need not find the same figures. What anybody can check, `require_possible`
does: they fit into what the bid reserves, and into what is attested and signed.
"""

from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict

from marketplace.errors import MalformedMessage
from marketplace.protocol.eip712 import Bytes32, TypedMessage, Uint16, Uint64
from marketplace.protocol.enums import FigureOrigin
from marketplace.protocol.units import BYTES_PER_MB

if TYPE_CHECKING:
    from marketplace.protocol.jobspec import JobSpec
    from marketplace.protocol.messages import Attestation, Bid

FIGURES = (
    "cpu_milliseconds", "peak_memory_bytes", "gpu_milliseconds", "gpu_peak_memory_bytes", "ingress_bytes",
    "egress_bytes", "energy_millijoules", "carbon_milligrams",
)  # fmt: skip
"""Fields of a report that are figures, in the order of their origins."""
CPU_GRACE_PER_MILLE, CPU_GRACE_MS = 1_100, 500
"""Processor time may be this much beyond vCPUs x wall seconds: kernels hand out time in slices, and count the start."""
_ORIGIN_BITS = 2


class UsageReport(TypedMessage):
    """What a run took of its machine, as its agent says."""

    lease_id: Bytes32
    result_digest: Bytes32
    """As attested: a report is about one result."""
    cpu_milliseconds: Uint64
    """Of all its processors together."""
    peak_memory_bytes: Uint64
    gpu_milliseconds: Uint64
    """How long its GPUs were at work, of all of them together."""
    gpu_peak_memory_bytes: Uint64
    """Of all its GPUs together."""
    ingress_bytes: Uint64
    """Fetched for it: inputs, a program that was not there yet, and what came over the network that it bought."""
    egress_bytes: Uint64
    energy_millijoules: Uint64
    """Of processors, memory and GPUs, without what the data centre draws beside them."""
    carbon_milligrams: Uint64
    """CO2e of that energy, with what the data centre draws."""
    origins: Uint16
    """`FigureOrigin` of each figure, two bits each, in the order of `FIGURES` from the lowest."""

    @classmethod
    def of(cls, lease_id: str, result_digest: str, figures: dict[str, tuple[int, FigureOrigin]]) -> Self:
        """The report with these figures, each with its origin; what is missing is not known."""
        known = {name: figures.get(name, (0, FigureOrigin.UNKNOWN)) for name in FIGURES}
        origins = sum(origin << _ORIGIN_BITS * place for place, (_, origin) in enumerate(known.values()))
        values = {name: value for name, (value, _) in known.items()}
        return cls(lease_id=lease_id, result_digest=result_digest, **values, origins=origins)

    def origin(self, figure: str) -> FigureOrigin:
        """Where a figure is from. Raises MalformedMessage for bits that mean nothing."""
        bits = self.origins >> _ORIGIN_BITS * FIGURES.index(figure) & (1 << _ORIGIN_BITS) - 1
        if bits not in set(FigureOrigin):
            raise MalformedMessage("UsageReport.origins", f"{bits} is no origin of {figure}")
        return FigureOrigin(bits)

    def figure(self, name: str) -> int | None:
        """A figure; None where it is not known."""
        return None if self.origin(name) is FigureOrigin.UNKNOWN else getattr(self, name)

    def figures_json(self) -> dict[str, dict[str, str | None]]:
        """Every figure with where it is from, for people and programs that do not want to take bits apart."""
        values = {name: self.figure(name) for name in FIGURES}
        return {
            _alias(name): {"value": None if value is None else str(value), "origin": self.origin(name).name.lower()}
            for name, value in values.items()
        }

    def require_possible(self, attestation: "Attestation", bid: "Bid", job_spec: "JobSpec") -> None:
        """Raises MalformedMessage naming the first field that cannot be, by what was attested and what was signed."""
        _require(self.lease_id == attestation.lease_id, "leaseId", f"the attestation is of {attestation.lease_id}")
        digest = attestation.result_digest
        _require(self.result_digest == digest, "resultDigest", f"the attested result is {digest}")
        for name in FIGURES:
            _require(
                getattr(self, name) == (self.figure(name) or 0), _alias(name), "has a value though it is not known"
            )
        for name, most, why in _bounds(attestation, bid, job_spec):
            value = getattr(self, name)
            _require(value <= most, _alias(name), f"{value} is more than {most}, {why}")
        sent = self.figure("egress_bytes")
        if sent is not None:
            attested = attestation.egress_bytes
            _require(sent == attested, "egressBytes", f"{sent} are not the {attested} bytes attested")
        known = self.figure("carbon_milligrams") is None or self.figure("energy_millijoules") is not None
        _require(known, "carbonMilligrams", "is known though the energy is not")


class SignedUsage(BaseModel):
    """A report and the agent's signature, as they travel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    report: UsageReport
    signature: str

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {"report": self.report.to_json(), "signature": self.signature}

    @classmethod
    def parse(cls, document: dict[str, object]) -> Self:
        """A report and its signature out of JSON. Raises MalformedMessage."""
        if not isinstance(document, dict) or set(document) != {"report", "signature"}:
            raise MalformedMessage("usage", "expected an object with report and signature")
        if not isinstance(document["signature"], str):
            raise MalformedMessage("usage.signature", "expected text: 0x and hex digits")
        return cls(report=UsageReport.parse(document["report"]), signature=document["signature"])


def _bounds(attestation: "Attestation", bid: "Bid", job_spec: "JobSpec") -> list[tuple[str, int, str]]:
    """Figure, the most that it can be, and why."""
    wall_ms = attestation.wall_seconds * 1_000
    received = job_spec.network.received_bytes if job_spec.network else 0
    vcpus, named = max(1, bid.vcpus), job_spec.ingress_bytes + received
    return [
        (
            "cpu_milliseconds",
            vcpus * (wall_ms * CPU_GRACE_PER_MILLE // 1_000 + CPU_GRACE_MS),
            f"what {vcpus} vCPUs have in {attestation.wall_seconds} s",
        ),
        ("peak_memory_bytes", bid.memory_mb * BYTES_PER_MB, f"the {bid.memory_mb} MB reserved"),
        ("gpu_milliseconds", bid.gpus * wall_ms, f"what {bid.gpus} GPUs have in {attestation.wall_seconds} s"),
        ("gpu_peak_memory_bytes", bid.gpus and 2**64 - 1, "the job has no GPU"),
        ("ingress_bytes", named, "the bytes that the job specification names"),
    ]


def _require(holds: bool, field: str, problem: str) -> None:
    if not holds:
        raise MalformedMessage(f"UsageReport.{field}", problem)


def _alias(name: str) -> str:
    return UsageReport.model_fields[name].alias or name
