"""A real registry of container images on this machine's loopback, that tests start and end."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import httpx

from marketplace.devnet import ManagedProcess, free_port

PROGRAM = "docker-registry"
READY_SECONDS = 30


def missing() -> str:
    """Why no registry can be started here; empty where one can."""
    return "" if shutil.which(PROGRAM) else f"no registry can be started: {PROGRAM} not found (apt install {PROGRAM})"


@contextmanager
def running_registry(folder: Path) -> Iterator[str]:
    """Host and port of a registry that anybody may read and write, which ends with the context."""
    host = f"127.0.0.1:{free_port()}"
    config = folder / "registry.json"  # what is JSON is YAML
    config.write_text(
        json.dumps(
            {
                "version": 0.1,
                "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
                "http": {"addr": host},
            }
        )
    )
    process = ManagedProcess("registry", [PROGRAM, "serve", str(config)], folder / "registry.log")
    with process:
        process.wait_ready(lambda: answers(host), READY_SECONDS)
        yield host


def answers(host: str) -> bool:
    try:
        return httpx.get(f"http://{host}/v2/", timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def push(engine: str, image: str, host: str, repository: str) -> str:
    """Have an engine push its image to a registry; the digest of the manifest, `sha256:…`."""
    client = docker.DockerClient(base_url=engine, timeout=60)
    name = f"{host}/{repository}"
    try:
        client.images.get(image).tag(name, "pushed")
        said = [line for line in client.images.push(name, tag="pushed", stream=True, decode=True)]
        client.images.remove(f"{name}:pushed", noprune=True)
    finally:
        client.close()
    return next(line["aux"]["Digest"] for line in said if "aux" in line)
