"""What goes into a sandbox and what comes out."""

from dataclasses import dataclass, field

from marketplace.protocol.enums import ExitKind

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Task:
    """A program's whole world: nothing else is visible to it.

    `inputs` maps relative paths to bytes; they appear read-only under `/in` and, to be worked on, in the working
    directory, which is also `/out`. The clock starts at `clock` (unix seconds); randomness follows from `seed`.
    """

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, bytes] = field(default_factory=dict)
    clock: int = 0
    seed: bytes = bytes(32)
    secrets: dict[str, bytes] = field(default_factory=dict, repr=False)
    """Read-only under `/secrets`, which is there only if there are any."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use at most. Bytes are bytes, `wall_seconds` is the machine's own time."""

    fuel: int
    memory_bytes: int
    wall_seconds: float
    egress_bytes: int
    """Outputs and logs together."""
    log_bytes: int = 1_000_000
    """Standard output and standard error, each."""
    output_files: int = 1_000
    vcpus: int = 1
    gpus: int = 0
    processes: int = 256
    """Processes and threads at once, where a sandbox has any."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run took of its machine, as far as that can be measured here: None where it cannot."""

    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    ingress_bytes: int | None = None
    """Fetched for it: inputs, a program that was not there yet, and what came over the network that it bought."""
    gpu_seconds: float | None = None
    """How long GPUs were at work, of all of them together."""
    gpu_peak_memory_bytes: int | None = None
    gpu_joules: float | None = None
    cpu_joules: float | None = None
    """Its share of what processors and memory drew."""
    sent_bytes: int | None = None
    """Over the network that it bought: egress beside outputs and logs."""


NOT_MEASURED = Usage()


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a program ended and what it left. `outputs` is empty unless it exited by itself."""

    exit_kind: ExitKind
    exit_code: int
    fuel_used: int
    wall_seconds: float
    outputs: dict[str, bytes]
    stdout: bytes
    stderr: bytes
    detail: str = ""
    """For a person: which limit, which trap, where."""
    usage: Usage = NOT_MEASURED
