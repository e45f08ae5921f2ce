"""The node profile: what a provider says its machine is. Named by its digest in every ask."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from marketplace.errors import MalformedMessage
from marketplace.protocol.canonical import json_digest
from marketplace.protocol.eip712 import Bytes32
from marketplace.protocol.privacy import Recipient

_Count = Annotated[int, Field(ge=0, lt=2**32)]
_Name = Annotated[str, Field(max_length=128)]
_Score = Annotated[int, Field(ge=0, lt=2**48)]
Tee = Literal["sgx", "tdx", "sev-snp"]
"""Trusted execution environments: Intel SGX, Intel TDX, AMD SEV-SNP."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    @classmethod
    def parse(cls, document: Any) -> Self:
        """The document's content. Raises MalformedMessage naming the field."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise MalformedMessage(f"{cls.__name__}.{'.'.join(map(str, first['loc']))}", first["msg"]) from error


class Cpu(_Document):
    """The processor. `features` are Linux' flag names, such as `avx2`."""

    model: _Name = ""
    architecture: _Name
    cores: Annotated[int, Field(ge=1, lt=2**16)]
    features: tuple[_Name, ...] = ()


class Gpu(_Document):
    """One NVIDIA GPU as NVML describes it."""

    model: _Name
    memory_mb: _Count
    mig: bool = False
    """Whether it is an instance of a GPU in Multi-Instance mode: a part of one, not a whole one."""
    compute_capability: _Name = ""
    driver: _Name = ""


class Benchmark(_Document):
    """What standard workloads measured on the node: its provider's word, which the signed ask covers.

    Scores are medians, higher is better, None where not measured. Of one processor core, unless a field says otherwise.
    Scores of different versions do not compare; what each workload does is in `agent/benchmark`.
    """

    version: Annotated[int, Field(ge=1, lt=2**16)]
    """Of the workloads."""
    measured_at: Annotated[int, Field(ge=0, lt=2**40)]
    """Unix seconds."""
    sandbox_mfuel_per_second: _Score | None = None
    """A loop of integers and memory in the wasm sandbox; millions of fuel, as jobs are charged for."""
    python_mfuel_per_second: _Score | None = None
    """A script in the ready-made Python runtime, its start included."""
    integer_mops_per_second: _Score | None = None
    float_mflops_per_second: _Score | None = None
    memory_mb_per_second: _Score | None = None
    """Copying; bytes read and bytes written both count."""
    disk_write_mb_per_second: _Score | None = None
    disk_read_mb_per_second: _Score | None = None
    """In the agent's data folder."""
    sha256_mb_per_second: _Score | None = None
    matmul_mflops_per_second: _Score | None = None
    """Single precision, on as many cores as the linear algebra library takes."""
    inferences_per_minute: _Score | None = None
    """Of a small ONNX model."""
    gpu_gflops_per_second: _Score | None = None
    """Single precision matrices on the first GPU."""

    def to_json(self) -> dict[str, Any]:
        """The JSON form, without the scores that there are not."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


LEFT_OUT_WHERE_EMPTY = frozenset({"benchmark", "networkHosts", "recipient", "registries", "sandboxDigests"})
"""Fields of a node profile that came after there were signed ones."""


class NodeProfile(_Document):
    """Everything about a node that a bid can ask for. Of the whole machine: one unit of an ask has its share."""

    region: _Name
    cpu: Cpu
    memory_mb: _Count
    disk_mb: _Count
    gpus: Annotated[tuple[Gpu, ...], Field(max_length=64)] = ()
    sandboxes: tuple[_Name, ...] = ("wasm",)
    sandbox_digests: Annotated[dict[_Name, Bytes32], Field(max_length=64)] = {}
    """What results depend on in those sandboxes whose jobs are run again, as `Attestation.sandboxDigest` names it: the
    provider's promise. Oracles with that very sandbox take no other one as an excuse for another result."""
    runtimes: dict[_Name, Bytes32] = {}
    """Ready-made runtimes by name, with the digest of their module."""
    carbon_grams_per_kwh: Annotated[int, Field(ge=0, lt=2**16)] | None = None
    privacy_zones: Annotated[tuple[_Name, ...], Field(max_length=16)] = ()
    """Regimes that the node keeps to, such as "eu-gdpr" or "hipaa"."""
    tees: Annotated[tuple[Tee, ...], Field(max_length=8)] = ()
    """Trusted execution environments that jobs can have."""
    zone: _Name = ""
    rack: _Name = ""
    """Where in its region the node stands; empty where the provider does not say."""
    fixed_cost_per_hour: Annotated[int, Field(ge=0, lt=2**40)] = 0
    """What the machine costs its provider while it is on, used or not, micro-USDC: C_idle follows from it."""
    preemptible_jobs: bool = False
    """Whether it takes jobs that may be evicted, and are then paid nothing."""
    registries: Annotated[tuple[_Name, ...], Field(max_length=16)] = ()
    """From which it takes container images: hosts, with their ports, compared as texts."""
    network_hosts: Annotated[tuple[_Name, ...], Field(max_length=16)] = ()
    """Which hosts jobs may reach that bought network, as `network.Pattern` says them; empty: none."""
    benchmark: Benchmark | None = None
    """What was measured on it; None where its provider has not run the benchmark."""
    recipient: Recipient | None = None
    """The node's public key, to which keys of private jobs are encrypted; None where it runs none."""

    def to_json(self) -> dict[str, Any]:
        """The JSON form: every field present, but for those of `LEFT_OUT_WHERE_EMPTY`, and scores not measured.

        So a profile that was signed before there were these, or before a workload was added, keeps its digest.
        """
        document = self.model_dump(mode="json", by_alias=True)
        if self.benchmark is not None:
            document["benchmark"] = self.benchmark.to_json()
        return {key: value for key, value in document.items() if value or key not in LEFT_OUT_WHERE_EMPTY}

    def digest(self) -> str:
        """`Ask.profileDigest`."""
        return json_digest(self.to_json())
