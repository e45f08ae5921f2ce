"""Jobs that tests hand to a cluster's machines."""

from agent.adapters.interface import Job
from agent.runtimes import RUNTIMES
from agent.sandbox.types import Limits
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.jobspec import JobSpec

LIMITS = Limits(fuel=10**13, memory_bytes=128_000_000, wall_seconds=60, egress_bytes=2_000_000)


def python_job(source: str, **more: object) -> Job:
    """A script for the Python runtime; `more` of its specification."""
    script = source.encode()
    program = {"kind": "runtime", "name": "python", "digest": RUNTIMES["python"].digest, "script": "job.py"}
    inputs = [{"path": "job.py", "digest": sha256_digest(script), "size": len(script)}]
    spec = JobSpec.parse({"program": program, "inputs": inputs} | more)
    return Job(spec, {"job.py": script}, lambda digest: b"")


def module_job(wasm: bytes) -> Job:
    """A module of the renter's own."""
    spec = JobSpec.parse({"program": {"kind": "module", "digest": sha256_digest(wasm), "size": len(wasm)}})
    return Job(spec, {}, {spec.program.digest: wasm}.__getitem__)
