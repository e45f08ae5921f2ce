"""One job in one container: from its inputs in memory to its outputs in memory, whatever the program does meanwhile."""

import secrets
import tarfile
import threading
import time
from concurrent.futures import Future
from contextlib import ExitStack, closing, suppress
from dataclasses import replace

import docker
import structlog
from docker.models.containers import Container

from agent.containers import cgroups
from agent.containers.aside import call_aside, is_over
from agent.containers.cgroups import Reading
from agent.containers.engine import ANSWER_SECONDS, ENGINE_ERRORS, IN, OUT, SECRETS, Engine
from agent.containers.freezing import Freezer, NotThawed
from agent.containers.harvest import OutputLimit, pack, unpack
from agent.containers.logs import LogPump
from agent.containers.order import Order
from agent.network.traffic import Bounds, Traffic
from agent.sandbox.printed import Printed
from agent.sandbox.snapshots import Snapshots
from agent.sandbox.types import NOT_MEASURED, Limits, RunResult
from marketplace.protocol.enums import ExitKind

log = structlog.get_logger("containers")
AGAIN_SECONDS, KILLED_SECONDS = 1, 15
"""How long the engine has to end a container before it is asked again, and to notice that somebody else ended it."""
TICK_SECONDS = 0.05
"""How exactly the wall-clock bound is kept."""
MAX_WRITTEN_BYTES = 512_000_000
"""Of all outputs together, whatever the bid reserves: they are held in memory."""
End = tuple[ExitKind, int, str]
"""How a run ended: kind, exit code, and for a person why."""
NO_TRAFFIC = Traffic(Bounds(sent_bytes=0, received_bytes=0))


def run_container(
    engine: Engine,
    agent: str,
    order: Order,
    limits: Limits,
    stop: threading.Event | None,
    snapshots: Snapshots | None = None,
    printed: Printed | None = None,
    freezer: Freezer | None = None,
) -> RunResult:
    """Run to the end, to a limit, or until `stop`. Raises InvalidModule for an image that cannot be started safely.

    An engine that fails or vanishes is the machine's trouble: SANDBOX_ERROR. With a `freezer` the job goes on from
    where it was frozen, if it was, and begins anew where that is not possible.
    """

    def run_once(freezer: Freezer | None) -> RunResult:
        last = freezer.last if freezer is not None else None
        run = last.run if last is not None else f"{agent}-{secrets.token_hex(6)}"
        return _Run(engine, run, order, limits, stop, snapshots, printed, freezer).to_end()

    if freezer is None:
        return run_once(None)
    try:
        return run_once(freezer)
    except NotThawed as error:
        log.warning("job begins anew", reason=str(error))
        return run_once(None)
    finally:
        freezer.let_go()


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
        freezer: Freezer | None,
    ) -> None:
        self._engine, self._run, self._order, self._stop = engine, run, order, stop
        self._egress_bought = limits.egress_bytes
        self._limits = replace(limits, egress_bytes=min(limits.egress_bytes, MAX_WRITTEN_BYTES))
        self._snapshots, self._printed, self._freezer = snapshots, printed, freezer
        self._last = freezer.last if freezer is not None else None
        self._reading, self._before, self._started, self._traffic = Reading(), NOT_MEASURED, 0.0, NO_TRAFFIC

    def to_end(self) -> RunResult:
        """Leaves nothing of it in the engine but what was frozen. Raises InvalidModule and NotThawed."""
        try:
            return self._result()
        except ENGINE_ERRORS as error:
            return failed(error, self._limits)
        finally:
            self._clear()

    def _clear(self) -> None:
        if self._freezer is not None and self._freezer.is_kept:
            return
        self._engine.remove_run(self._run)
        if self._freezer is not None:
            self._freezer.forget()

    def _result(self) -> RunResult:
        with ExitStack() as until_ended:
            job, holder = self._prepare(until_ended) if self._last is None else self._thaw()
            before = (self._last.stdout, self._last.stderr) if self._last is not None else (b"", b"")
            streams = until_ended.enter_context(closing(self._engine.attach(job)))
            logs = LogPump(streams, self._limits, self._printed, before)
            if self._freezer is not None and self._last is not None:
                self._freezer.start(job)
            self._started = time.monotonic()
            ended = self._watch(job, holder, logs)
            seconds = self._ran_seconds
            logs.finish(ANSWER_SECONDS)
        kind, code, detail = ended or self._own_end(job, logs)
        outputs: dict[str, bytes] = {}
        logged = len(logs.stdout) + len(logs.stderr)
        if kind is ExitKind.EXITED:
            try:
                outputs = self._harvest(holder, logged)
                self._require_bought(logged + sum(map(len, outputs.values())))
            except OutputLimit as error:
                kind, code, detail, outputs = ExitKind.OUTPUT_LIMIT, 0, str(error), {}
        sent = min(self._traffic.sent, self._egress_bought - logged)
        usage = replace(self._measure().usage, sent_bytes=sent, ingress_bytes=self._traffic.received)
        return RunResult(
            exit_kind=kind, exit_code=code, fuel_used=0, wall_seconds=seconds, outputs=outputs, stdout=logs.stdout,
            stderr=logs.stderr, detail=detail, usage=usage,
        )  # fmt: skip

    def _prepare(self, until_ended: ExitStack) -> tuple[Container, Container]:
        inputs, limits, secret = self._order.inputs, self._limits, self._order.secrets
        secret_bytes = sum(map(len, secret.values())) + len(secret)
        holder = self._engine.create_folders(
            self._run, limits, sum(map(len, inputs.values())), len(inputs), secret_bytes
        )
        holder.put_archive(IN, pack(inputs))
        if secret:
            holder.put_archive(SECRETS, pack(secret))
        if self._order.open_network is not None:
            process = self._engine.first_process(holder)
            proxy = self._order.open_network(str(holder.id), process, self._egress_bought)
            self._traffic = until_ended.enter_context(proxy).traffic
        job = self._engine.create_job(
            self._run, self._order.image, self._order.args, dict(self._order.env), limits, self._order.gpus,
            has_secrets=bool(secret), network_of=holder if self._order.open_network is not None else None,
        )  # fmt: skip
        return job, holder

    def _thaw(self) -> tuple[Container, Container]:
        assert self._freezer is not None and self._last is not None
        containers = self._freezer.thaw(pack(self._order.inputs), self._limits)
        cgroups.remove_parent(self._run)
        if cgroups.read_group(cgroups.parent_path(self._run)) == Reading():  # else it has counted on from then
            self._before = self._last.usage
        if self._snapshots is not None:
            self._snapshots.go_on(self._last.seconds)
        return containers

    def _watch(self, job: Container, holder: Container, logs: LogPump) -> End | None:
        """Until the program has ended by itself, or had to be."""
        most, has_started = self._limits.wall_seconds + ANSWER_SECONDS, self._last is not None
        waiting = call_aside(lambda: self._engine.run_to_end(job, most, has_started=has_started))
        group = ""
        while not is_over(waiting, TICK_SECONDS):
            group = group or self._find_group(job)
            self._measure(group)
            end = self._forced_end(logs)
            is_stopped = end is not None and end[0] is ExitKind.EVICTED
            self._look(holder, logs, is_last=is_stopped)
            if end is not None:
                if not (is_stopped and self._freeze(job, holder, logs)):
                    self._end(job, group, waiting)
                if waiting.done():
                    with suppress(docker.errors.APIError):  # gVisor may not have told yet that it has started
                        waiting.result()
                return end
        waiting.result()
        return None

    def _freeze(self, job: Container, holder: Container, logs: LogPump) -> bool:
        """Whether it has ended by being frozen, which only who ends for another start does."""
        if self._freezer is None or not self._freezer.is_leaving:
            return False
        usage = self._measure().usage
        return self._freezer.freeze(self._run, job, holder, logs, self._limits, self._ran_seconds, usage)

    @property
    def _ran_seconds(self) -> float:
        """How long the program has run, the time in which it was frozen left out."""
        before = self._last.seconds if self._last is not None else 0.0
        return before + time.monotonic() - self._started

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

    def _forced_end(self, logs: LogPump) -> End | None:
        if self._stop is not None and self._stop.is_set():
            return ExitKind.EVICTED, 0, "stopped by its machine"
        if logs.overflow:
            return ExitKind.OUTPUT_LIMIT, 0, logs.overflow
        if self._traffic.overflow:
            return ExitKind.NETWORK_LIMIT, 0, self._traffic.overflow
        if self._reading.refused_processes:
            return ExitKind.PROCESS_LIMIT, 0, self._process_limit
        if self._ran_seconds >= self._limits.wall_seconds:
            return ExitKind.TIMEOUT, 0, f"still running after {self._limits.wall_seconds:g} s"
        return None

    def _own_end(self, job: Container, logs: LogPump) -> End:
        job.reload()
        state = job.attrs["State"]
        if logs.overflow:
            return ExitKind.OUTPUT_LIMIT, 0, logs.overflow
        if self._traffic.overflow:
            return ExitKind.NETWORK_LIMIT, 0, self._traffic.overflow
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

    def _require_bought(self, written: int) -> None:
        """Raises OutputLimit where outputs and logs have no room left beside what went over the network, bytes."""
        sent, bought = self._traffic.sent, self._egress_bought
        if written + sent > bought:
            raise OutputLimit(
                f"{written} bytes of outputs and logs, and {sent} sent, exceed the {bought} bytes reserved"
            )

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
        return self._reading.after(self._before)

    @property
    def _process_limit(self) -> str:
        return f"more than {self._limits.processes} processes at once"


def failed(error: Exception, limits: Limits) -> RunResult:
    """A run that this machine's engine did not bring to its end. What it said of itself stays here."""
    detail = f"the container engine failed: {error}"
    log.warning("run failed", detail=detail)
    told = b"The container engine of this machine failed."[: limits.egress_bytes]
    return RunResult(ExitKind.SANDBOX_ERROR, 0, 0, 0.0, {}, b"", told, detail)
