"""The `docker` sandbox: container images on an engine that the provider runs. Offered where a setting names one."""

import hashlib
from contextlib import nullcontext
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

from agent.adapters.gpus import GpuPool
from agent.adapters.interface import AdapterSettings, Job
from agent.metering.gpus import LOOK_SECONDS, GpuMeter
from agent.metering.polling import polled
from agent.sandbox.types import Limits, RunResult
from marketplace.errors import InvalidModule
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.jobspec import ContainerProgram

if TYPE_CHECKING:
    from agent.containers.cache import ImageCache
    from agent.containers.engine import Engine

PROFILE_VERSION = 1
"""Raised whenever what a container may do or see changes."""


def open_docker(settings: AdapterSettings, *, sweep: bool = True) -> "DockerAdapter | None":
    """The sandbox on the engine of the settings; None where they name none. Raises AgentError, see `Engine`.

    `sweep` removes what an agent with these settings has left there; not where one may be running.
    """
    if not settings.container_engine:
        return None
    from agent.containers.cache import ImageCache
    from agent.containers.engine import Engine

    agent = "computehive-" + hashlib.sha256(str(settings.data.resolve()).encode()).hexdigest()[:12]
    engine = Engine(settings.container_engine, agent, settings.container_runtime)
    if sweep:
        engine.sweep()
    cache = ImageCache(engine, settings.data / "images.json", settings.image_cache_mb)
    return DockerAdapter(engine, agent, cache, GpuPool.survey())


class DockerAdapter:
    """One engine, its images, and the GPUs that jobs take turns with."""

    def __init__(self, engine: "Engine", agent: str, images: "ImageCache", gpus: GpuPool) -> None:
        self._engine, self._agent, self._images, self._gpus = engine, agent, images, gpus

    def descriptor(self) -> dict[str, object]:
        """What a container finds around it, as far as this agent decides it."""
        return {
            "sandbox": "docker",
            "profile": PROFILE_VERSION,
            "runtime": self._engine.runtime or "default",
            "architecture": self._engine.architecture,
        }

    def close(self) -> None:
        """Let go of the engine."""
        self._engine.close()

    def run(self, job: Job, limits: Limits, stop: Event | None = None) -> RunResult:
        """As `Adapter.run`."""
        from agent.containers.engine import ENGINE_ERRORS
        from agent.containers.run import Order, failed, run_container

        program = job.spec.program
        if not isinstance(program, ContainerProgram):
            raise InvalidModule(f"A program of kind {program.kind!r} is nothing that the docker sandbox runs.")
        try:
            image = self._image(job, program.digest)
        except ENGINE_ERRORS as error:
            return failed(error, limits)
        with self._gpus.take(limits.gpus) as gpus:
            order = Order(image, job.spec.args, job.spec.env, job.inputs, gpus, job.secrets)
            meter = GpuMeter(gpus)
            with polled(meter.look, LOOK_SECONDS) if gpus else nullcontext():
                result = run_container(self._engine, self._agent, order, limits, stop, job.snapshots)
            return replace(result, usage=meter.add_to(result.usage))

    def _image(self, job: Job, digest: str) -> str:
        """The image's id. That of a private job is known by what was decrypted: who only names the ciphertext, which
        anybody can, gets no image that another job has left here.
        """
        if job.spec.privacy is None:
            return self._images.get(digest, job.fetch)
        archive = job.fetch(digest)
        return self._images.get(sha256_digest(archive), lambda _: archive)
