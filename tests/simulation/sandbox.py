"""A sandbox without a program: what a job leaves follows from its specification and inputs.

The one part of the agents that is not the real one: `agent.sandbox.wasm` is tested by itself, and would only be slower.
What fetches inputs, packages outputs, signs and judges is `agent.work` and what stands around it.
"""

from threading import Event

from agent.adapters import Job
from agent.sandbox import sandbox_descriptor
from agent.sandbox.types import Limits, RunResult
from agent.work import FetchBlob, JobRunner, package
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.jobspec import JobSpec

FUEL, SECONDS = 10**9, 3.0


class Computed:
    """`agent.adapters.Adapter`. With `lies` it leaves something else than the job does."""

    def __init__(self, *, lies: bool = False) -> None:
        self._lies = lies

    def descriptor(self) -> dict[str, object]:
        """That of the real sandbox, which oracles compare with their own."""
        return sandbox_descriptor()

    def run(self, job: Job, limits: Limits, stop: Event | None = None) -> RunResult:
        """The same for everybody who does not lie."""
        return compute(job.spec, b"!" if self._lies else b"")


def compute(spec: JobSpec, lie: bytes = b"") -> RunResult:
    """What a run of this job leaves."""
    answer = sha256_digest(spec.digest().encode() + lie).encode()
    return RunResult(ExitKind.EXITED, 0, FUEL, SECONDS, {"answer": answer}, b"done\n", b"")


def true_result(spec: JobSpec) -> str:
    """The digest of what an honest run of this job leaves."""
    return package(compute(spec), "").result_digest


def make_runner(fetch: FetchBlob, *, lies: bool = False) -> JobRunner:
    """The agents' own runner over this sandbox."""
    return JobRunner({"wasm": Computed(lies=lies)}, fetch)
