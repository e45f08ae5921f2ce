"""A job as a cluster's machine is handed it, and a result as it comes back: packets, checked where they are read."""

from dataclasses import asdict, dataclass

from agent.adapters.interface import Job
from agent.clusters.packets import Packet, pack, unpack
from agent.sandbox.types import Limits, RunResult, Usage
from marketplace.errors import MalformedMessage
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.jobspec import JobSpec, ModuleProgram

_INPUT, _OUTPUT, _MODULE, _STDOUT, _STDERR = "in/", "out/", "module", "stdout", "stderr"


@dataclass(frozen=True, slots=True)
class Order:
    """A job with all its bytes: a cluster's machine fetches nothing."""

    job: Job
    limits: Limits
    is_watched: bool = False
    """Whether what it prints is wanted while it runs."""


def pack_order(job: Job, limits: Limits) -> bytes:
    """The job, its program's module where it brings one, its inputs. Raises what `Job.fetch` raises."""
    head = {"spec": job.spec.to_json(), "limits": asdict(limits), "watched": job.printed is not None}
    blobs = {_INPUT + path: data for path, data in job.inputs.items()}
    if isinstance(job.spec.program, ModuleProgram):
        blobs[_MODULE] = job.fetch(job.spec.program.digest)
    return pack(Packet(head, blobs))


def unpack_order(data: bytes) -> Order:
    """What `pack_order` packed. Raises MalformedMessage, InvalidJobSpec."""
    packet = unpack(data)
    inputs = _below(_INPUT, packet)
    spec = JobSpec.parse(packet.head["spec"])
    job = Job(spec, inputs, lambda _: packet.blobs[_MODULE])
    return Order(job, Limits(**packet.head["limits"]), packet.head["watched"])


def pack_result(result: RunResult) -> Packet:
    """How a program ended and all that it left."""
    head = {
        "exitKind": int(result.exit_kind),
        "exitCode": result.exit_code,
        "fuel": result.fuel_used,
        "wallSeconds": result.wall_seconds,
        "detail": result.detail,
        "cpuSeconds": result.usage.cpu_seconds,
        "peakMemoryBytes": result.usage.peak_memory_bytes,
    }
    blobs = {_OUTPUT + path: data for path, data in result.outputs.items()}
    return Packet(head, blobs | {_STDOUT: result.stdout, _STDERR: result.stderr})


def read_result(packet: Packet, limits: Limits) -> RunResult:
    """What `pack_result` packed. Raises MalformedMessage for what no sandbox of ours leaves within these limits."""
    head = packet.head
    try:
        result = RunResult(
            exit_kind=ExitKind(head["exitKind"]),
            exit_code=int(head["exitCode"]),
            fuel_used=int(head["fuel"]),
            wall_seconds=float(head["wallSeconds"]),
            outputs=_below(_OUTPUT, packet),
            stdout=packet.blobs[_STDOUT],
            stderr=packet.blobs[_STDERR],
            detail=str(head["detail"]),
            usage=Usage(cpu_seconds=head["cpuSeconds"], peak_memory_bytes=head["peakMemoryBytes"]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise MalformedMessage("result", f"is none: {type(error).__name__}: {error}") from error
    _require_within(result, limits)
    return result


def _require_within(result: RunResult, limits: Limits) -> None:
    sizes = [len(result.stdout), len(result.stderr), *map(len, result.outputs.values())]
    excesses = {
        "fuel": not 0 <= result.fuel_used <= limits.fuel,
        "exitCode": not 0 <= result.exit_code <= 0x7FFFFFFF,
        "wallSeconds": not result.wall_seconds >= 0,
        "logs": max(sizes[:2]) > limits.log_bytes,
        "outputs": sum(sizes) > limits.egress_bytes or len(result.outputs) > limits.output_files,
    }
    for name, is_excess in excesses.items():
        if is_excess:
            raise MalformedMessage(f"result.{name}", "is more than the job's limits allow")


def _below(prefix: str, packet: Packet) -> dict[str, bytes]:
    return {name.removeprefix(prefix): data for name, data in packet.blobs.items() if name.startswith(prefix)}
