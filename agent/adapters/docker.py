"""The `docker` sandbox: container images on an engine that the provider runs. Offered where a setting names one."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from agent.adapters.gpus import GpuPool
from agent.adapters.interface import AdapterSettings, Job
from agent.metering.gpus import LOOK_SECONDS, GpuMeter
from agent.metering.polling import polled
from agent.sandbox.types import Limits, RunResult
from marketplace.errors import AgentError, InvalidModule
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.images import ImageProgram
from marketplace.protocol.jobspec import ContainerProgram

if TYPE_CHECKING:
    from agent.containers.cache import ImageCache, Loaded
    from agent.containers.engine import Engine
    from agent.containers.freezing import Freezing
    from agent.containers.sources import Puller
    from agent.network.gate import Gate
    from agent.network.proxy import Proxy

PROFILE_VERSION = 2
"""Raised whenever what a container may do or see changes."""


def open_docker(settings: AdapterSettings, *, sweep: bool = True) -> "DockerAdapter | None":
    """The sandbox on the engine of the settings; None where they name none. Raises AgentError, see `Engine`,
    `require_enterable` and `require_freezing`, and where both network and freezing are wanted.

    `sweep` removes what an agent with these settings has left there; not where one may be running.
    """
    if not settings.container_engine:
        return None
    _require_one_at_most(settings)
    from agent.containers.cache import ImageCache
    from agent.containers.engine import Engine
    from agent.containers.sources import Puller
    from agent.network.gate import Gate, require_enterable

    agent = "computehive-" + hashlib.sha256(str(settings.data.resolve()).encode()).hexdigest()[:12]
    engine = Engine(settings.container_engine, agent, settings.container_runtime)
    freezing = _open_freezing(engine, settings, sweep=sweep)
    if sweep:
        engine.sweep(freezing.runs if freezing else ())
    if settings.network_hosts:
        require_enterable(engine, agent)
    gate = Gate(settings.network_hosts) if settings.network_hosts else None
    cache = ImageCache(engine, settings.data / "images.json", settings.image_cache_mb)
    puller = Puller(engine, settings.registries, settings.data)
    if sweep:
        puller.sweep()
    return DockerAdapter(engine, agent, cache, GpuPool.survey(), puller, gate, freezing)


class DockerAdapter:
    """One engine, its images, and the GPUs that jobs take turns with."""

    def __init__(
        self,
        engine: "Engine",
        agent: str,
        images: "ImageCache",
        gpus: GpuPool,
        puller: "Puller | None" = None,
        gate: "Gate | None" = None,
        freezing: "Freezing | None" = None,
    ) -> None:
        """Without a `puller`, images come out of no registry; without a `gate`, no job has network; without `freezing`
        no process outlives its daemon."""
        self._engine, self._agent, self._images, self._gpus, self._puller = engine, agent, images, gpus, puller
        self._gate, self._freezing = gate, freezing

    def descriptor(self) -> dict[str, object]:
        """What a container finds around it, as far as this agent decides it."""
        return {
            "sandbox": "docker",
            "profile": PROFILE_VERSION,
            "runtime": self._engine.runtime or "default",
            "architecture": self._engine.architecture,
        }

    @property
    def unused_gvisor(self) -> str:
        """The name by which the engine offers gVisor, where jobs run without it; else empty."""
        return "" if self._engine.is_gvisor else next(iter(self._engine.gvisors), "")

    def registries(self) -> Sequence[str]:
        """As `Pulling.registries`."""
        return self._puller.allowed if self._puller else ()

    def network_hosts(self) -> Sequence[str]:
        """As `Networked.network_hosts`."""
        return self._gate.allowed if self._gate else ()

    def lapse(self, is_over: Callable[[str], bool]) -> None:
        """As `Keeping.lapse`."""
        if self._freezing is not None:
            self._freezing.lapse(is_over)

    def close(self) -> None:
        """Let go of the engine."""
        self._engine.close()

    def run(self, job: Job, limits: Limits, stop: Event | None = None) -> RunResult:
        """As `Adapter.run`."""
        from agent.containers.engine import ENGINE_ERRORS
        from agent.containers.run import failed
        from agent.containers.sources import Interrupted

        if isinstance(job.spec.program, ImageProgram):
            self._require_puller().require_allowed(job.spec.program)
        if job.spec.network is not None:
            self._require_gate().require_allowed(job.spec.network)
        pulled: list[int] = []
        try:
            job = _opened(job)
            with self._images.hold(_key(job), lambda: self._load(job, stop, pulled.append)) as image:
                result = self._run(image, job, limits, stop)
        except Interrupted:
            return RunResult(ExitKind.EVICTED, 0, 0, 0.0, {}, b"", b"", "stopped while its image was fetched")
        except ENGINE_ERRORS as error:
            return failed(error, limits)
        return replace(
            result, usage=replace(result.usage, ingress_bytes=sum(pulled) + (result.usage.ingress_bytes or 0))
        )

    def _load(self, job: Job, stop: Event | None, count: Callable[[int], None]) -> "Loaded":
        from agent.containers.sources import load_archive

        program = job.spec.program
        if isinstance(program, ContainerProgram):
            return load_archive(self._engine, program, job.fetch)
        assert isinstance(program, ImageProgram), "other kinds have no key"
        return self._require_puller().load(program, stop, count)

    def _require_puller(self) -> "Puller":
        if self._puller is None:
            raise AgentError("This machine takes images from no registry.")
        return self._puller

    def _require_gate(self) -> "Gate":
        if self._gate is None:
            raise AgentError("This machine's provider lets jobs reach no host.")
        return self._gate

    def _run(self, image: str, job: Job, limits: Limits, stop: Event | None) -> RunResult:
        from agent.containers.order import Order
        from agent.containers.run import run_container
        from agent.network.gate import ENVIRONMENT

        env = ENVIRONMENT | job.spec.env if job.spec.network else job.spec.env
        with self._gpus.take(limits.gpus) as gpus:
            order = Order(image, job.spec.args, env, job.inputs, gpus, job.secrets, self._opening(job))
            freezer = self._freezing.of(job.snapshots, image, is_bare=order.is_bare) if self._freezing else None
            meter = GpuMeter(gpus)
            with polled(meter.look, LOOK_SECONDS) if gpus else nullcontext():
                result = run_container(
                    self._engine, self._agent, order, limits, stop, job.snapshots, job.printed, freezer
                )
            return replace(result, usage=meter.add_to(result.usage))

    def _opening(self, job: Job) -> "Callable[[str, int, int], Proxy] | None":
        return partial(self._require_gate().open, job.spec.network) if job.spec.network else None


def _require_one_at_most(settings: AdapterSettings) -> None:
    if settings.network_hosts and settings.freeze_mb:
        raise AgentError(
            "Jobs are frozen in gVisor alone, where they can have no network.",
            hint="Empty COMPUTEHIVE_AGENT_NETWORK_HOSTS, or set COMPUTEHIVE_AGENT_FREEZE_MB=0.",
        )


def _open_freezing(engine: "Engine", settings: AdapterSettings, *, sweep: bool) -> "Freezing | None":
    from agent.containers.freezing import Freezing, require_freezing
    from agent.containers.frozen import discard_frozen

    if not settings.freeze_mb:
        if sweep:
            discard_frozen(settings.data / "frozen")
        return None
    if not sweep:
        require_freezing(engine)
        return None
    return Freezing.open(engine, settings.data / "frozen", settings.freeze_mb)


def _opened(job: Job) -> Job:
    """A private job with its image decrypted once, before the cache is asked for it."""
    program = job.spec.program
    if job.spec.privacy is None or not isinstance(program, ContainerProgram):
        return job
    archive = job.fetch(program.digest)
    return replace(job, fetch=lambda _: archive)


def _key(job: Job) -> str:
    """What the cache knows an image by. A digest of an archive is none of a manifest.

    A private job's image is known by what was decrypted: who only names the ciphertext, which anybody can, gets no
    image that another job has left here.
    """
    program = job.spec.program
    if isinstance(program, ContainerProgram):
        return program.digest if job.spec.privacy is None else sha256_digest(job.fetch(program.digest))
    if isinstance(program, ImageProgram):
        return f"manifest {program.digest}"
    raise InvalidModule(f"A program of kind {program.kind!r} is nothing that the docker sandbox runs.")
