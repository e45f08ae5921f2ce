"""From a job in hand to the end of a container that does nothing, in a real engine; beside `docker run` of the same."""

import statistics
import tempfile
import time
from pathlib import Path

import docker

from agent.adapters import AdapterSettings, Job
from agent.adapters.docker import open_docker
from agent.sandbox import Limits
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.jobspec import JobSpec
from scripts.bench.agent.timing import milliseconds, summary
from scripts.container_engine import missing, running_engine, shell_image

REPEATS = 15
LIMITS = Limits(fuel=0, memory_bytes=64_000_000, wall_seconds=60, egress_bytes=1_000_000)


def report() -> tuple[list[str], dict[str, float]]:
    """Lines for people, and figures by name; where no engine can be started, a line that says why."""
    reason = missing()
    if reason:
        return [f"Containers: not measured, {reason}"], {}
    with tempfile.TemporaryDirectory() as folder, running_engine(Path(folder) / "engine") as address:
        ours, bare = _starts(Path(folder), address)
    lines = [
        "Containers",
        summary("docker, warm: the image is in the engine", ours),
        summary("the engine's own create, start, wait, remove", bare),
        f"{'ours / the engine alone':<46}{statistics.median(ours) / statistics.median(bare):10.2f}",
    ]
    figures = {
        "docker_warm_start_ms": statistics.median(ours),
        "docker_to_bare_ratio": statistics.median(ours) / statistics.median(bare),
    }
    return lines, figures


def _starts(folder: Path, address: str) -> tuple[list[float], list[float]]:
    adapter = open_docker(AdapterSettings(data=folder, container_engine=address))
    assert adapter is not None, "an engine is named"
    archive, image = shell_image()
    digest = sha256_digest(archive)
    program = {"kind": "container", "digest": digest, "size": len(archive)}
    spec = JobSpec.parse({"sandbox": "docker", "program": program, "args": ["true"]})

    def run() -> None:
        result = adapter.run(Job(spec, {}, {digest: archive}.__getitem__), LIMITS)
        assert (result.exit_kind, result.exit_code) == (ExitKind.EXITED, 0), result.detail

    run()
    client = docker.DockerClient(base_url=address)
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(REPEATS):  # by turns: a machine that slows down slows down both
        ours += milliseconds(run, 1)
        bare += milliseconds(lambda: client.containers.run(image, ["true"], network_mode="none", remove=True), 1)
        time.sleep(0.05)
    client.close()
    adapter.close()
    return ours, bare
