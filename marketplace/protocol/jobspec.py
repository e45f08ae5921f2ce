"""The job specification: what to run, on what, with which needs. Named by the SHA-256 of its canonical JSON.

`jobspec.schema.json` beside this file is the published JSON Schema; a test holds it equal to this model.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from marketplace.errors import InvalidJobSpec
from marketplace.protocol.arguments import named_inputs
from marketplace.protocol.audits import Audit
from marketplace.protocol.canonical import json_digest
from marketplace.protocol.checkpointing import Checkpointing
from marketplace.protocol.eip712 import Bytes32
from marketplace.protocol.images import ImageProgram
from marketplace.protocol.network import Network
from marketplace.protocol.paths import RelativePath
from marketplace.protocol.preferences import Label, LatencyLimit, Preferences
from marketplace.protocol.privacy import Privacy
from marketplace.protocol.profile import Tee
from marketplace.protocol.programs import MAX_INPUT_BYTES, Document
from marketplace.protocol.programs import ContainerProgram as ContainerProgram
from marketplace.protocol.programs import ModuleProgram as ModuleProgram
from marketplace.protocol.programs import RuntimeProgram as RuntimeProgram
from marketplace.protocol.programs import ToolProgram as ToolProgram
from marketplace.protocol.tee import TeeTrust
from marketplace.protocol.upstream import Awaited, Place

MAX_INPUTS = 1_000
DEFAULT_CLOCK = 1_577_836_800
"""2020-01-01T00:00:00Z: the time a deterministic job sees at its start unless its specification says otherwise."""
METERED_SANDBOX = "wasm"
"""The one sandbox that counts instructions: deterministic, so that its results and bills can be computed again."""
TOOL_SANDBOX = "mcp"
"""The one sandbox whose programs are the provider's own servers."""
ZERO_SEED = "0x" + "00" * 32


class InputFile(Document):
    """A file that the job finds, read-only, under `/in`."""

    path: RelativePath
    digest: Bytes32
    size: Annotated[int, Field(ge=0, le=MAX_INPUT_BYTES)]


class Requirements(Document):
    """Hard constraints on the node. Empty lists and None ask for nothing."""

    regions: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = ()
    architectures: tuple[Annotated[str, Field(min_length=1, max_length=32)], ...] = ()
    cpu_features: tuple[Annotated[str, Field(min_length=1, max_length=32)], ...] = ()
    gpu_models: tuple[Annotated[str, Field(min_length=1, max_length=128)], ...] = ()
    min_gpu_memory_mb: Annotated[int, Field(ge=0, lt=2**32)] = 0
    min_disk_mb: Annotated[int, Field(ge=0, lt=2**32)] = 0
    min_settled_leases: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """On-chain reputation: leases the provider must have been paid for."""
    max_carbon_grams_per_kwh: Annotated[int, Field(ge=0, lt=2**16)] | None = None
    privacy_zones: Annotated[tuple[Label, ...], Field(max_length=16)] = ()
    """The node must be in all of them."""
    tees: tuple[Tee, ...] = ()
    """Trusted execution environments of which one will do."""
    mig: bool = False
    """Whether parts of GPUs (MIG instances) will do as well. One that `gpuModels` names always does."""
    zones: tuple[Label, ...] = ()
    racks: tuple[Label, ...] = ()
    max_latency: Annotated[tuple[LatencyLimit, ...], Field(max_length=16)] = ()


class Schedule(Document):
    """When the job may begin, and whether a better bid may take its place."""

    not_before: Annotated[int, Field(ge=0, lt=2**40)] = 0
    """Unix seconds before which no lease of it opens: a unit is reserved ahead. 0: at once."""
    preemption_notice_seconds: Annotated[int, Field(ge=10, le=3_600)] | None = None
    """How long it goes on after notice that its unit is wanted. None: nobody may take its place."""

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> "Schedule":
        if self.not_before and self.preemption_notice_seconds is not None:
            raise ValueError("a job that is reserved ahead cannot be preemptible")
        return self

    @property
    def is_preemptible(self) -> bool:
        """Whether a better bid may take its place."""
        return self.preemption_notice_seconds is not None


class Determinism(Document):
    """What a deterministic sandbox supplies instead of the machine's clock and entropy."""

    clock: Annotated[int, Field(ge=0, lt=2**40)] = DEFAULT_CLOCK
    seed: Bytes32 = ZERO_SEED


class JobSpec(Document):
    """A job. Resources, price and deadline are the bid's; this says what runs."""

    version: Literal[1] = 1
    name: Annotated[str, Field(max_length=120)] = ""
    sandbox: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")] = "wasm"
    """Which of a node's `NodeProfile.sandboxes` runs it. Only `wasm` meters instructions."""
    program: Annotated[
        RuntimeProgram | ModuleProgram | ContainerProgram | ImageProgram | ToolProgram, Field(discriminator="kind")
    ]
    args: Annotated[tuple[Annotated[str, Field(max_length=4096)], ...], Field(max_length=256)] = ()
    env: dict[
        Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")], Annotated[str, Field(max_length=4096)]
    ] = Field(default={})
    inputs: Annotated[tuple[InputFile, ...], Field(max_length=MAX_INPUTS)] = ()
    requirements: Requirements = Requirements()
    preferences: Preferences = Preferences()
    determinism: Determinism = Determinism()
    schedule: Schedule = Schedule()
    checkpoint: Checkpointing | None = None
    """None: a job that is stopped begins again."""
    tee: TeeTrust | None = None
    """Which evidence the renter takes; of a bid for the policy `attested`, and of no other."""
    privacy: Privacy | None = None
    """None: anybody can read the job. Else inputs and own program are ciphertexts, and outputs become such."""
    audit: Audit | None = None
    """How often oracles run it again; of a bid for the policy `reexecute`, and of no other. None: always."""
    network: Annotated[Network | None, Field(exclude_if=lambda given: given is None)] = None
    """Hosts that it talks to, of a container alone; what it sends counts as egress. None: none."""
    workflow: Annotated[Place | None, Field(exclude_if=lambda given: given is None)] = None
    """Which job of a workflow it is, and what of the others' results it needs. None: it stands alone."""

    @model_validator(mode="after")
    def _inputs_are_consistent(self) -> "JobSpec":
        paths = [*(entry.path for entry in self.inputs), *(entry.path for entry in self.awaited)]
        if len(set(paths)) != len(paths):
            raise ValueError("two inputs share a path")
        nested = [path for path in paths if any(other.startswith(path + "/") for other in paths)]
        if nested:
            raise ValueError(f"input {nested[0]!r} is both a file and a directory")
        if isinstance(self.program, RuntimeProgram) and self.program.script not in paths:
            raise ValueError(f"the script {self.program.script!r} is not among the inputs")
        return self

    @model_validator(mode="after")
    def _program_fits_the_sandbox(self) -> "JobSpec":
        kinds = {METERED_SANDBOX: ("runtime", "module"), TOOL_SANDBOX: ("tool",)}
        if self.program.kind not in kinds.get(self.sandbox, ("container", "image")):
            raise ValueError(f"the sandbox {self.sandbox!r} runs no program of kind {self.program.kind!r}")
        return self

    @model_validator(mode="after")
    def _frozen_is_a_container_in_the_clear(self) -> "JobSpec":
        if self.checkpoint is not None:
            private, networked = self.privacy is not None, self.network is not None
            self.checkpoint.require_fit(self.program.kind, is_private=private, has_network=networked)
        return self

    @model_validator(mode="after")
    def _audit_and_network_fit_the_sandbox(self) -> "JobSpec":
        if self.audit is not None and not self.is_metered:
            raise ValueError(f"the sandbox {self.sandbox!r} is not deterministic: there is no run to audit it by")
        if self.network is not None and self.program.kind not in ("container", "image"):
            raise ValueError(f"a program of kind {self.program.kind!r} has no network: only containers can buy it")
        return self

    @model_validator(mode="after")
    def _tool_is_given_arguments_only(self) -> "JobSpec":
        if not isinstance(self.program, ToolProgram):
            return self
        if self.args or self.env:
            raise ValueError("a tool has neither args nor env: what it is given stands in program.arguments")
        unknown = named_inputs(self.program.arguments) - {entry.path for entry in (*self.inputs, *self.awaited)}
        if unknown:
            raise ValueError(f"program.arguments name {min(unknown)!r}, which is not among the inputs")
        return self

    @model_validator(mode="after")
    def _tool_is_not_private(self) -> "JobSpec":
        if self.privacy is not None and isinstance(self.program, ToolProgram):
            raise ValueError("a tool's arguments stand in the specification: it cannot have privacy")
        return self

    @model_validator(mode="after")
    def _what_is_awaited_is_in_the_clear(self) -> "JobSpec":
        if self.awaited and self.privacy is not None:
            raise ValueError("a private job's inputs are encrypted to it alone: it cannot take another job's files")
        return self

    @property
    def awaited(self) -> tuple[Awaited, ...]:
        """Inputs that are other jobs' outputs: known only once those are paid."""
        return self.workflow.files if self.workflow else ()

    @property
    def is_metered(self) -> bool:
        """Whether its instructions are counted, so that anybody who runs it again finds the same usage."""
        return self.sandbox == METERED_SANDBOX

    @property
    def carried(self) -> tuple[str, str] | None:
        """Name and digest of what a node must have beforehand, as its profile's `runtimes` say; None where nothing."""
        if isinstance(self.program, RuntimeProgram):
            return self.program.name, self.program.digest
        return (self.program.module, self.program.digest) if isinstance(self.program, ToolProgram) else None

    @property
    def registry(self) -> str:
        """From where a node must be ready to take its image, as its profile's `registries` say; empty for none."""
        return self.program.registry if isinstance(self.program, ImageProgram) else ""

    @property
    def network_hosts(self) -> tuple[str, ...]:
        """What a node must let it reach, as its profile's `network_hosts` say; empty for nothing."""
        return self.network.hosts if self.network else ()

    @property
    def uploaded_program(self) -> ModuleProgram | ContainerProgram | None:
        """The program where the market must hold its bytes."""
        return self.program if isinstance(self.program, ModuleProgram | ContainerProgram) else None

    @classmethod
    def parse(cls, document: Any) -> "JobSpec":
        """The job specification in a JSON document. Raises InvalidJobSpec naming the first offending field."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise _first_fault(error) from error

    def to_json(self) -> dict[str, Any]:
        """The JSON form; equal jobs have equal digests: every field is present, but for later ones that say nothing."""
        return self.model_dump(mode="json", by_alias=True)

    def digest(self) -> str:
        """`Bid.jobDigest`."""
        return json_digest(self.to_json())

    def blob_digests(self) -> tuple[str, ...]:
        """Content digests that a provider must fetch from the market before it can run the job."""
        own = (self.uploaded_program.digest,) if self.uploaded_program else ()
        return own + tuple(entry.digest for entry in self.inputs)

    @property
    def ingress_bytes(self) -> int:
        """Bytes of those blobs, as it says itself; of an image in a registry, and of others' outputs, at most."""
        own = 0 if self.carried is not None else self.program.size
        return own + sum(entry.size for entry in self.inputs) + sum(entry.max_bytes for entry in self.awaited)


def parse_trust(document: Any) -> TeeTrust:
    """The part `tee` in a JSON document of its own. Raises InvalidJobSpec naming the first offending field."""
    try:
        return TeeTrust.model_validate(document)
    except ValidationError as error:
        raise _first_fault(error, "tee") from error


def parse_audit(document: Any) -> Audit:
    """The part `audit` in a JSON document of its own. Raises InvalidJobSpec naming the first offending field."""
    try:
        return Audit.model_validate(document)
    except ValidationError as error:
        raise _first_fault(error, "audit") from error


def _first_fault(error: ValidationError, *inside: str) -> InvalidJobSpec:
    first = error.errors(include_url=False)[0]
    field = ".".join([*inside, *map(str, first["loc"])]) or "document"
    return InvalidJobSpec(f"JobSpec.{field}: {first['msg']}", field=field)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a job specification."""
    schema = JobSpec.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:computehive:jobspec:1", **schema}
