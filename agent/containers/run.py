"""One job in one container: from its inputs in memory to its outputs in memory, whatever the program does meanwhile."""

import secrets
import tarfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass, field, replace

import docker
import structlog
from docker.models.containers import Container

from agent.containers import cgroups
from agent.containers.cgroups import Reading
from agent.containers.engine import ANSWER_SECONDS, ENGINE_ERRORS, IN, OUT, SECRETS, Engine
from agent.containers.harvest import OutputLimit, pack, unpack
from agent.containers.logs import LogPump
from agent.network.proxy import Proxy
from agent.network.traffic import Bounds, Traffic
from agent.sandbox.printed import Printed
from agent.sandbox.snapshots import Snapshots
from agent.sandbox.types import Limits, RunResult
from marketplace.protocol.enums import ExitKind

log = structlog.get_logger("containers")
AGAIN_SECONDS, KILLED_SECONDS = 1, 15
"""How long the engine has to end a container before it is asked again, and to notice that somebody else ended it."""
TICK_SECONDS = 0.05
"""How exactly the wall-clock bound is kept."""
MAX_WRITTEN_BYTES = 512_000_000
"""Of all outputs together, whatever the bid reserves: they are held in memory."""


NO_TRAFFIC = Traffic(Bounds(sent_bytes=0, received_bytes=0))


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run: an image by its id, arguments instead of the image's own, and files for `/in`."""

    image: str
    args: Sequence[str]
    env: Mapping[str, str]
    inputs: Mapping[str, bytes]
    gpus: Sequence[str] = ()
    """Devices, by the ids that the driver gives them."""
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Files for `/secrets`."""
    open_network: Callable[[str, int, int], Proxy] | None = None
    """Where the job bought network: what opens it to a container, by id and first process, for so many bytes sent."""


def run_container(
    engine: Engine,
    agent: str,
    order: Order,
    limits: Limits,
    stop: threading.Event | None,
    snapshots: Snapshots | None = None,
    printed: Printed | None = None,
) -> RunResult:
    """Run to the end, to a limit, or until `stop`. Raises InvalidModule for an image that cannot be started safely.

    An engine that fails or vanishes is the machine's trouble: SANDBOX_ERROR.
    """
    run = f"{agent}-{secrets.token_hex(6)}"
    bought = limits.egress_bytes
    limits = replace(limits, egress_bytes=min(bought, MAX_WRITTEN_BYTES))
    try:
        return _Run(engine, run, order, limits, stop, snapshots, printed, bought).result()
    except ENGINE_ERRORS as error:
        return failed(error, limits)
    finally:
        engine.remove_run(run)


class _Run:
    """The steps of one run, in order."""

    def __init__(
        self,
        engine: Engine,
        run: str,
        order: Order,
        limits: Limits,
        stop: threading.Event | None,
        snapshots: Snapshots | None,
        printed: Printed | None,
        egress_bought: int,
    ) -> None:
        self._engine, self._run, self._order, self._limits, self._stop = engine, run, order, limits, stop
        self._snapshots, self._printed, self._egress_bought = snapshots, printed, egress_bought
        self._reading = Reading()

    def result(self) -> RunResult:
        inputs, limits, secret = self._order.inputs, self._limits, self._order.secrets
        secret_bytes = sum(map(len, secret.values())) + len(secret)
        holder = self._engine.create_folders(
            self._run, limits, sum(map(len, inputs.values())), len(inputs), secret_bytes
        )
        holder.put_archive(IN, pack(inputs))
        if secret:
            holder.put_archive(SECRETS, pack(secret))
        with self._open_network(holder) as network:
            job = self._engine.create_job(
                self._run, self._order.image, self._order.args, dict(self._order.env), limits, self._order.gpus,
                has_secrets=bool(secret), network_of=holder if network else None,
            )  # fmt: skip
            traffic = network.traffic if network else NO_TRAFFIC
            with closing(self._engine.attach(job)) as streams:
                logs = LogPump(streams, limits, self._printed)
                started = time.monotonic()
                ended = self._watch(job, holder, logs, traffic, started)
                seconds = time.monotonic() - started
                logs.finish(ANSWER_SECONDS)
        kind, code, detail = ended or self._own_end(job, logs, traffic)
        outputs: dict[str, bytes] = {}
        logged = len(logs.stdout) + len(logs.stderr)
        if kind is ExitKind.EXITED:
            try:
                outputs = self._harvest(holder, logged)
                require_bought(logged + sum(map(len, outputs.values())), traffic.sent, self._egress_bought)
            except OutputLimit as error:
                kind, code, detail, outputs = ExitKind.OUTPUT_LIMIT, 0, str(error), {}
        sent = min(traffic.sent, self._egress_bought - logged)
        usage = replace(self._measure().usage, sent_bytes=sent, ingress_bytes=traffic.received)
        return RunResult(
            exit_kind=kind, exit_code=code, fuel_used=0, wall_seconds=seconds, outputs=outputs, stdout=logs.stdout,
            stderr=logs.stderr, detail=detail, usage=usage,
        )  # fmt: skip

    def _open_network(self, holder: Container) -> AbstractContextManager[Proxy | None]:
        """What ends with the job; None within it for a job that has no network."""
        if self._order.open_network is None:
            return nullcontext()
        return self._order.open_network(str(holder.id), self._engine.first_process(holder), self._egress_bought)

    def _watch(
        self, job: Container, holder: Container, logs: LogPump, traffic: Traffic, started: float
    ) -> tuple[ExitKind, int, str] | None:
        """Until the program has ended by itself, or had to be."""
        until = started + self._limits.wall_seconds
        waiting = call_aside(lambda: self._engine.run_to_end(job, self._limits.wall_seconds + ANSWER_SECONDS))
        group = ""
        while not is_over(waiting, TICK_SECONDS):
            group = group or self._find_group(job)
            self._measure(group)
            end = self._forced_end(logs, traffic, until)
            self._look(holder, logs, is_last=end is not None and end[0] is ExitKind.EVICTED)
            if end is not None:
                self._end(job, group, waiting)
                if waiting.done():
                    with suppress(docker.errors.APIError):  # gVisor may not have told yet that it has started
                        waiting.result()
                return end
        waiting.result()
        return None

    def _end(self, job: Container, group: str, waiting: Future[None]) -> None:
        """Kill it until it is over: what has not quite started yet cannot be killed, and starts."""
        until = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < until:
            self._kill(job, group, waiting)
            if is_over(waiting, AGAIN_SECONDS):
                return

    def _kill(self, job: Container, group: str, waiting: Future[None]) -> None:
        """Through the engine; but gVisor directly, where possible: without a thread left it answers late or never."""
        if self._engine.is_gvisor and cgroups.kill_group(group) and is_over(waiting, KILLED_SECONDS):
            return
        with suppress(docker.errors.APIError):  # it has ended in this very moment
            job.kill()

    def _look(self, holder: Container, logs: LogPump, *, is_last: bool) -> None:
        """Show the files as they are; what is more than the job may leave is not looked at."""
        if self._snapshots is not None:
            self._snapshots.look(lambda: self._files(holder, len(logs.stdout) + len(logs.stderr)), is_last=is_last)

    def _files(self, holder: Container, logged: int) -> dict[str, bytes]:
        try:
            return self._harvest(holder, logged)
        except (OutputLimit, tarfile.TarError):  # also of a file that has changed while it was read
            return {}

    def _forced_end(self, logs: LogPump, traffic: Traffic, until: float) -> tuple[ExitKind, int, str] | None:
        if self._stop is not None and self._stop.is_set():
            return ExitKind.EVICTED, 0, "stopped by its machine"
        if logs.overflow:
            return ExitKind.OUTPUT_LIMIT, 0, logs.overflow
        if traffic.overflow:
            return ExitKind.NETWORK_LIMIT, 0, traffic.overflow
        if self._reading.refused_processes:
            return ExitKind.PROCESS_LIMIT, 0, self._process_limit
        if time.monotonic() >= until:
            return ExitKind.TIMEOUT, 0, f"still running after {self._limits.wall_seconds:g} s"
        return None

    def _own_end(self, job: Container, logs: LogPump, traffic: Traffic) -> tuple[ExitKind, int, str]:
        job.reload()
        state = job.attrs["State"]
        if logs.overflow:
            return ExitKind.OUTPUT_LIMIT, 0, logs.overflow
        if traffic.overflow:
            return ExitKind.NETWORK_LIMIT, 0, traffic.overflow
        if self._measure().has_filled(self._engine.host_processes(self._limits.processes)) and state["ExitCode"] != 0:
            return ExitKind.PROCESS_LIMIT, 0, self._process_limit
        if state["OOMKilled"] and state["ExitCode"] != 0:
            return ExitKind.MEMORY_LIMIT, 0, f"the {self._limits.memory_bytes} bytes of memory were used up"
        return ExitKind.EXITED, state["ExitCode"], state.get("Error", "")

    def _harvest(self, holder: Container, logged: int) -> dict[str, bytes]:
        chunks, _stat = holder.get_archive(OUT)
        try:
            return unpack(chunks, OUT.strip("/"), self._limits, logged)
        finally:
            chunks.close()

    def _find_group(self, job: Container) -> str:
        """The container's own group; empty while it cannot be found."""
        if self._engine.has_cgroup_parents:
            return f"{cgroups.parent_path(self._run)}/{job.id}"
        job.reload()
        return cgroups.group_of(job.attrs["State"]["Pid"]) or ""

    def _measure(self, group: str = "") -> Reading:
        """What was used so far: by the container while it runs, by its parent group when it has ended."""
        path = group or cgroups.parent_path(self._run)
        self._reading = self._reading.at_least(cgroups.read_group(path))
        return self._reading

    @property
    def _process_limit(self) -> str:
        return f"more than {self._limits.processes} processes at once"


def require_bought(written: int, sent: int, bought: int) -> None:
    """Raises OutputLimit where outputs and logs have no room left beside what went over the network, bytes."""
    if written + sent > bought:
        raise OutputLimit(f"{written} bytes of outputs and logs, and {sent} sent, exceed the {bought} bytes reserved")


def call_aside(call: Callable[[], None]) -> Future[None]:
    """A call that blocks, in a thread that no exit of this process waits for, as it would for an executor's."""
    outcome: Future[None] = Future()

    def fulfil() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # whatever it is, it is raised where somebody waits for the call
            outcome.set_exception(error)

    threading.Thread(target=fulfil, name="container-wait", daemon=True).start()
    return outcome


def is_over(call: Future[None], seconds: float) -> bool:
    """Whether the call has come back within that time."""
    return bool(wait([call], seconds).done)


def failed(error: Exception, limits: Limits) -> RunResult:
    """A run that this machine's engine did not bring to its end. What it said of itself stays here."""
    detail = f"the container engine failed: {error}"
    log.warning("run failed", detail=detail)
    told = b"The container engine of this machine failed."[: limits.egress_bytes]
    return RunResult(ExitKind.SANDBOX_ERROR, 0, 0, 0.0, {}, b"", told, detail)
