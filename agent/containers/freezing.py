"""Freezing a job's whole process and going on with it, in the same container of the same engine.

By the engine's own checkpoints with gVisor as the runtime: its kernel, the sentry, writes itself down and reads itself
back from within its walls. CRIU is never asked: it runs as root outside of them, over a stranger's process, and
believes what it reads (docs/decisions/0040-frozen-processes.md).

A container that is frozen has ended, as far as the engine is concerned, and keeps its moment on the engine's disk. Its
files in memory end with its holder: they are kept beside it, and put back.
"""

import io
import secrets
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog
from docker.models.containers import Container

from agent.containers.engine import ENGINE_ERRORS, IN, OUT, Engine
from agent.containers.frozen import Frozen, FrozenJobs
from agent.containers.harvest import OutputLimit
from agent.containers.logs import LogPump
from agent.containers.streams import file_of
from agent.sandbox.snapshots import Freeze, Snapshots
from agent.sandbox.types import Limits, Usage
from marketplace.errors import AgentError

log = structlog.get_logger("containers")
FREEZE_SECONDS = 300
"""How long the engine may take to write a process down, or to read it back."""
RELEASE_SECONDS = 20
FORGET_SECONDS, AGAIN_SECONDS = 30, 0.2
_TOO_EARLY = ("already in use", "already exists")
_KEPT_KINDS = (tarfile.DIRTYPE, tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE)
_REMEDY = "or set COMPUTEHIVE_AGENT_FREEZE_MB=0: jobs go on from the folder in which they save their state, then."


class NotThawed(Exception):
    """There is nothing to go on with any more: the job begins anew."""


def require_freezing(engine: Engine) -> str:
    """The release of what freezes on this engine, after a container was frozen and thawed there. Raises AgentError."""
    if not engine.is_gvisor:
        raise AgentError(
            f"Jobs are frozen by gVisor, and run in {engine.runtime or 'the default runtime'} here.",
            hint=f"Set COMPUTEHIVE_AGENT_CONTAINER_RUNTIME=runsc (apt install runsc), {_REMEDY}",
        )
    if not engine.is_experimental:
        raise AgentError(
            "The container engine keeps no checkpoints: they are an experimental feature of its.",
            hint=f'Put "experimental": true into its daemon.json and restart it, {_REMEDY}',
        )
    try:
        _try_once(engine)
    except (*ENGINE_ERRORS, NotThawed) as error:
        raise AgentError(
            f"The container engine froze a container and could not go on with it: {error}",
            hint=f"Look into the engine's log, {_REMEDY}",
        ) from error
    return _release(engine.runtime_program)


def _try_once(engine: Engine) -> None:
    run = f"{engine.agent}-trial-{secrets.token_hex(4)}"
    limits = Limits(fuel=0, memory_bytes=64_000_000, wall_seconds=60, egress_bytes=1_000, output_files=1)
    try:
        engine.create_folders(run, limits, 1, 1)
        container = engine.create_job(run, engine.holder, (), {"RUN": run}, limits, ())
        container.start()
        _freeze(engine, container, "trial")
        _start_from(engine, container, "trial")
    finally:
        engine.remove_run(run)


def _release(program: str) -> str:
    """What gVisor says of itself; empty where it is not on this machine, or says nothing."""
    try:
        ran = subprocess.run(
            [program, "--version"], capture_output=True, text=True, errors="replace", timeout=RELEASE_SECONDS,
            check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return next(iter(ran.stdout.splitlines()), "").strip()


def _freeze(engine: Engine, container: Container, point: str) -> None:
    engine.ask(f"/containers/{container.id}/checkpoints", FREEZE_SECONDS, {"CheckpointID": point, "Exit": True})
    container.wait(timeout=FREEZE_SECONDS)


def _start_from(engine: Engine, container: Container, point: str) -> None:
    """Raises NotThawed.

    The engine forgets that a container has ended, and what it handed over for that, a moment after it says so.
    """
    until = time.monotonic() + FORGET_SECONDS
    while True:
        try:
            return engine.ask(f"/containers/{container.id}/start?checkpoint={point}", FREEZE_SECONDS)
        except ENGINE_ERRORS as error:
            if not any(words in str(error) for words in _TOO_EARLY) or time.monotonic() > until:
                raise NotThawed(f"the engine could not go on with it: {error}") from error
        time.sleep(AGAIN_SECONDS)


class Freezing:
    """What an engine that can freeze has frozen for this machine."""

    def __init__(self, engine: Engine, jobs: FrozenJobs, release: str) -> None:
        self._engine, self._jobs, self._release = engine, jobs, release

    @classmethod
    def open(cls, engine: Engine, folder: Path, quota_mb: int) -> "Freezing":
        """Raises AgentError as `require_freezing`."""
        release = require_freezing(engine)
        return cls(engine, FrozenJobs(folder, quota_mb), release)

    @property
    def runs(self) -> set[str]:
        """As `FrozenJobs.runs`."""
        return self._jobs.runs

    def lapse(self, is_over: Callable[[str], bool]) -> None:
        """Remove what is kept of leases that are over, or whose deadline has passed, unless they run."""
        self._jobs.lapse(filter(is_over, self._jobs.leases))
        _remove_lost(self._engine, self._jobs)

    def of(self, snapshots: Snapshots | None, image: str, *, is_bare: bool) -> "Freezer | None":
        """What freezes one job; None for one that does not want it, or is not `Order.is_bare`.

        A GPU's memory is not in what gVisor writes down, secrets are written to no disk, and nobody at the other end of
        a connection waits.
        """
        wish = snapshots.freeze if snapshots is not None else None
        if wish is None:
            return None
        if not is_bare:
            log.info("this job is not frozen", lease=wish.lease, reason="it has GPUs, secrets or network")
            return None
        return Freezer(self._engine, self._jobs, self._release, wish, image)


class Freezer:
    """Freezes one lease's job, and goes on with it.

    Once: an engine that went on with a container cannot do so from a second moment of it (see the decision). A job that
    is stopped again is ended, and goes on from the same moment at the next start.
    """

    def __init__(self, engine: Engine, jobs: FrozenJobs, release: str, wish: Freeze, image: str) -> None:
        self._engine, self._jobs, self._release, self._wish, self._image = engine, jobs, release, wish, image
        jobs.hold(wish.lease)
        self.last = jobs.find(wish.lease)
        _remove_lost(engine, jobs)
        self.is_kept = False
        """Whether the run has ended only for this daemon."""

    @property
    def is_leaving(self) -> bool:
        """Whether what is stopped now is for the next start to go on with."""
        return self._wish.is_leaving()

    def freeze(
        self, run: str, job: Container, holder: Container, logs: LogPump, limits: Limits, seconds: float, usage: Usage
    ) -> bool:
        """Keep it for the next start. Whether it has ended by that; where not, it has to be."""
        if self.last is not None:
            self.is_kept = True
            return False
        began, point = time.monotonic(), f"at-{secrets.token_hex(4)}"
        try:
            self._require_room(limits)
            _freeze(self._engine, job, point)
            self._keep(run, holder, logs, limits, point, seconds, usage)
        except (*ENGINE_ERRORS, OutputLimit, tarfile.TarError) as error:
            log.warning("job not frozen, it will begin anew", lease=self._wish.lease, reason=str(error))
            return False
        self.is_kept, took = True, time.monotonic() - began
        log.info("job frozen", lease=self._wish.lease, after=round(seconds, 3), took=round(took, 3))
        return True

    def thaw(self, inputs: bytes, limits: Limits) -> tuple[Container, Container]:
        """The job and the holder of its files, all as it was but for that it does not run yet. Raises NotThawed.

        `inputs`: a tar.
        """
        last = self.last
        assert last is not None, "only what was frozen is thawed"
        if (last.image, last.release) != (self._image, self._release):
            raise NotThawed(f"it was frozen by {last.release or 'an unknown release'!r} in {last.image[:19]}")
        if not self._jobs.reserve(self._wish.lease, last.reserved_bytes) or last.seconds >= limits.wall_seconds:
            raise NotThawed("there is no room for it any more, or no time")
        try:
            job, holder = self._engine.container(last.run), self._engine.container(f"{last.run}-holder")
            end_container(job)
            holder.restart(timeout=0)  # its folders in memory begin empty, whatever has happened since
            holder.put_archive(IN, inputs)
            holder.put_archive(OUT, last.files)
        except ENGINE_ERRORS as error:
            raise NotThawed(f"its container is not as it was left: {error}") from error
        return job, holder

    def start(self, job: Container) -> None:
        """Have it go on. Raises NotThawed."""
        assert self.last is not None, "only what was frozen is thawed"
        _start_from(self._engine, job, self.last.point)

    def forget(self) -> None:
        """It has come to its end, or cannot be gone on with."""
        self._jobs.drop(self._wish.lease)
        self.last = None

    def let_go(self) -> None:
        """The run is over, whatever came of it."""
        self._jobs.let_go(self._wish.lease)

    def _require_room(self, limits: Limits) -> None:
        """Raises OutputLimit."""
        if not self._jobs.reserve(self._wish.lease, limits.memory_bytes):
            raise OutputLimit(f"COMPUTEHIVE_AGENT_FREEZE_MB leaves no room for {limits.memory_bytes} bytes of memory")

    def _keep(
        self, run: str, holder: Container, logs: LogPump, limits: Limits, point: str, seconds: float, usage: Usage
    ) -> None:
        logs.finish(FREEZE_SECONDS)
        if logs.overflow:
            raise OutputLimit(logs.overflow)
        chunks, _stat = holder.get_archive(OUT)
        frozen = Frozen(
            run=run, point=point, release=self._release, image=self._image, seconds=seconds, until=self._wish.until,
            reserved_bytes=limits.memory_bytes, cpu_seconds=usage.cpu_seconds,
            peak_memory_bytes=usage.peak_memory_bytes, files=copy_files(chunks, OUT.strip("/"), limits),
            stdout=logs.stdout, stderr=logs.stderr,
        )  # fmt: skip
        self._jobs.keep(self._wish.lease, frozen)


def _remove_lost(engine: Engine, jobs: FrozenJobs) -> None:
    for run in jobs.take_lost():
        log.info("what was frozen is removed", run=run)
        engine.remove_run(run)


def end_container(container: Container) -> None:
    """What a killed daemon left running: what it did since counts for nothing."""
    container.reload()
    if container.attrs["State"]["Running"]:
        container.kill()
        container.wait(timeout=FREEZE_SECONDS)


def copy_files(chunks: Iterable[bytes], folder: str, limits: Limits) -> bytes:
    """The tree below `folder` of a tar as a tar of its own, owners, modes and links included. Raises OutputLimit.

    Only for the volume that it is from: what is in it is as the job left it, and its links lead wherever it likes.
    """
    buffer, left = io.BytesIO(), limits.egress_bytes
    with (
        tarfile.open(fileobj=file_of(chunks), mode="r|") as archive,
        tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as copy,
    ):
        for count, entry in enumerate(archive):
            left -= entry.size
            if left < 0 or count > 2 * limits.output_files + 64:
                raise OutputLimit(f"its files are more than the {limits.egress_bytes} bytes reserved")
            entry.name = entry.name.removeprefix(folder).lstrip("/")
            if not entry.name or entry.type not in _KEPT_KINDS:
                continue
            if entry.islnk():
                entry.linkname = entry.linkname.removeprefix(folder).lstrip("/")
            copy.addfile(entry, archive.extractfile(entry) if entry.isreg() else None)
    return buffer.getvalue()
