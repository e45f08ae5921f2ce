"""The Docker engine as jobs need it: images by archive, containers without anything of the machine's, and no leftovers.

Everything that is made for a run carries a label with the agent's name, so that what a killed agent left behind is
found by the next one, and another agent's runs on the same engine are left alone.
"""

import contextlib
import posixpath
import socket
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import docker
from docker.models.containers import Container
from docker.types import DeviceRequest, LogConfig, Ulimit
from docker.utils.socket import STDOUT, frames_iter
from requests.exceptions import RequestException

from agent.containers import cgroups
from agent.containers.holder import ARCHITECTURES, holder_image
from agent.sandbox.types import Limits
from marketplace.errors import AgentError, InvalidModule

LABEL = "computehive.agent"
NOBODY = "65534:65534"
ANSWER_SECONDS = 60
"""How long the engine may take for an answer before it counts as gone."""
ENGINE_ERRORS = (docker.errors.DockerException, RequestException, OSError)
IN, OUT, TMP, SECRETS = "/in", "/out", "/tmp", "/secrets"
HOSTNAME = "job"
SHM_BYTES = 64_000_000
NO_GPUS = {"NVIDIA_VISIBLE_DEVICES": "void"}
"""Where NVIDIA's runtime is an engine's default, a container has the GPUs that its own environment names."""
_PAGE = 4_096
_KERNEL_PATHS = ("/proc", "/sys", "/dev")
_TMPFS = "rw,nosuid,nodev,noexec,mode=1777"
GVISOR = "runsc"
"""The program that is gVisor, and the name that engines usually have it by."""
SENTRY_PROCESSES, STUBS_PER_PROCESS = 64, 12
"""What gVisor's own kernel (the sentry) takes of the machine's processes and threads, at rest and for each process of
a job: 55 and 8 to 10.3 were measured with the platform `ptrace` of its release 20221219."""


class Engine:
    """One engine, and what this agent has in it. May be used by several threads at once."""

    def __init__(self, address: str, agent: str, runtime: str = "") -> None:
        """Raises AgentError where no engine answers there, or not one that jobs could be trusted to."""
        self.agent = self._agent = agent
        try:
            self._client = docker.DockerClient(base_url=address, timeout=ANSWER_SECONDS, max_pool_size=64)
            info = self._client.info()
        except ENGINE_ERRORS as error:
            raise AgentError(
                f"No container engine answers at {address}: {error}", hint="Start it, or offer no containers."
            ) from error
        self.runtime = _require_runtime(info, runtime)
        self.runtime_program = ((info.get("Runtimes") or {}).get(runtime) or {}).get("path") or ""
        self.is_experimental = bool(info.get("ExperimentalBuild"))
        self.gvisors = gvisor_runtimes(info)
        self.architecture = _require_walls(info)
        self.has_cgroup_parents = info.get("CgroupDriver") == "cgroupfs"
        archive, self.holder = holder_image(self.architecture)
        self.load(archive)

    @property
    def is_gvisor(self) -> bool:
        """Whether jobs run on a kernel of their own in front of the machine's."""
        return self.runtime in self.gvisors

    def host_processes(self, processes: int) -> int:
        """Processes and threads of the machine that a job takes which has so many of its own."""
        return SENTRY_PROCESSES + STUBS_PER_PROCESS * processes if self.is_gvisor else processes

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    # --- images --------------------------------------------------------------------------------------------------

    def load(self, archive: bytes | Iterable[bytes]) -> str:
        """Load an image that has no name; its id. Raises InvalidModule where the engine refuses it."""
        try:
            return self._client.images.load(archive)[0].id
        except (docker.errors.ImageLoadError, docker.errors.APIError, IndexError) as error:
            raise InvalidModule(f"The container engine does not take the image: {error}.") from error

    def has_image(self, image: str) -> bool:
        """Whether an image is in the engine."""
        try:
            self._client.images.get(image)
        except docker.errors.ImageNotFound:
            return False
        return True

    def drop_image(self, image: str) -> bool:
        """Remove an image; False where something still uses it, or it has a name, which jobs' images never have."""
        try:
            if self._client.images.get(image).tags:
                return False
            self._client.images.remove(image, force=False)
        except docker.errors.ImageNotFound:
            return True
        except docker.errors.APIError:
            return False
        return True

    # --- a run's parts ---------------------------------------------------------------------------------------------

    def create_folders(
        self, run: str, limits: Limits, input_bytes: int, input_files: int, secret_bytes: int = 0
    ) -> Container:
        """A running container that holds the run's `/in` and `/out`, both in bounded memory.

        With `secret_bytes` also `/secrets`.
        """
        in_bytes = input_bytes + _PAGE * (2 * input_files + 16)
        self._create_volume(f"{run}-in", in_bytes, 4 * input_files + 64, "0755")
        out_bytes = limits.egress_bytes + _PAGE * (limits.output_files + 16)
        self._create_volume(f"{run}-out", out_bytes, 2 * limits.output_files + 64, "1777")
        mounts = {f"{run}-in": {"bind": IN, "mode": "rw,nocopy"}, f"{run}-out": {"bind": OUT, "mode": "rw,nocopy"}}
        if secret_bytes:
            self._create_volume(f"{run}-secrets", secret_bytes + _PAGE * 160, 128, "0755")
            mounts[f"{run}-secrets"] = {"bind": SECRETS, "mode": "rw,nocopy"}
        holder = self._client.containers.create(
            self.holder, name=f"{run}-holder", hostname=HOSTNAME, labels={LABEL: self._agent}, volumes=mounts,
            network_mode="none", read_only=True, user=NOBODY, cap_drop=["ALL"], security_opt=["no-new-privileges"],
            log_config=LogConfig(type="none"),
        )  # fmt: skip
        holder.start()
        return holder

    def first_process(self, container: Container) -> int:
        """Of a running container, as the machine numbers it."""
        container.reload()
        return container.attrs["State"]["Pid"]

    def create_job(
        self, run: str, image: str, args: Sequence[str], env: dict[str, str], limits: Limits, gpus: Sequence[str],
        *, has_secrets: bool = False, network_of: Container | None = None,
    ) -> Container:  # fmt: skip
        """The job's container, not started. Raises InvalidModule for an image that cannot be held in its limits.

        It has a loopback and no network; with `network_of` that container's loopback, for which a proxy can listen
        before the job begins.
        """
        config = self._client.images.get(image).attrs["Config"]
        half = max(_PAGE, limits.memory_bytes // 2)
        scratch = {path: f"{_TMPFS},size={half},nr_inodes=65536" for path in (TMP, *_volumes(config))}
        options: dict[str, Any] = _network_options(network_of)
        mounts = {f"{run}-in": {"bind": IN, "mode": "ro,nocopy"}, f"{run}-out": {"bind": OUT, "mode": "rw,nocopy"}}
        if has_secrets:
            mounts[f"{run}-secrets"] = {"bind": SECRETS, "mode": "ro,nocopy"}
        if gpus:
            options["device_requests"] = [DeviceRequest(device_ids=list(gpus), capabilities=[["gpu"]])]
        if self.runtime:
            options["runtime"] = self.runtime
        if self.has_cgroup_parents:
            options["cgroup_parent"] = cgroups.parent_path(run)
        return self._client.containers.create(
            image, command=list(args) or None, name=run, labels={LABEL: self._agent},
            environment={"HOME": TMP} | env | ({} if gpus else NO_GPUS), user=NOBODY,
            working_dir=config.get("WorkingDir") or OUT,
            volumes=mounts, tmpfs=scratch, read_only=True, cap_drop=["ALL"], ipc_mode="private",
            security_opt=["no-new-privileges"], healthcheck={"test": ["NONE"]}, log_config=LogConfig(type="none"),
            mem_limit=limits.memory_bytes, memswap_limit=limits.memory_bytes, nano_cpus=limits.vcpus * 10**9,
            pids_limit=self.host_processes(limits.processes), shm_size=min(SHM_BYTES, half), oom_score_adj=500,
            ulimits=[Ulimit(name="core", soft=0, hard=0), Ulimit(name="nofile", soft=4096, hard=4096)], **options,
        )  # fmt: skip

    def _create_volume(self, name: str, size: int, inodes: int, mode: str) -> None:
        options = f"size={size},nr_inodes={inodes},mode={mode},nosuid,nodev"
        self._client.volumes.create(
            name, driver="local", driver_opts={"type": "tmpfs", "device": "tmpfs", "o": options},
            labels={LABEL: self._agent},
        )  # fmt: skip

    def attach(self, container: Container) -> "Streams":
        """What a container writes from its start on; to be asked for before that."""
        return Streams(self._client.api.attach_socket(container.id, {"stdout": 1, "stderr": 1, "stream": 1}))

    def run_to_end(self, container: Container, seconds: float, *, has_started: bool = False) -> None:
        """Start a container, unless that has happened, and wait until it has ended."""
        if not has_started:
            container.start()
        container.wait(timeout=seconds)

    def container(self, name: str) -> Container:
        """One that is there. Raises NotFound of the engine."""
        return self._client.containers.get(name)

    def ask(self, path: str, seconds: float, body: dict[str, Any] | None = None) -> None:
        """Post what the SDK has no words for. Raises APIError."""
        api = self._client.api
        api._raise_for_status(api.post(f"{api.base_url}/v{api.api_version}{path}", json=body, timeout=seconds))

    # --- leftovers -------------------------------------------------------------------------------------------------

    def remove_run(self, run: str) -> None:
        """Remove whatever there is of a run. What the engine does not let go of now, `sweep` finds later."""
        for name in (run, f"{run}-holder"):
            with contextlib.suppress(*ENGINE_ERRORS):
                self._client.containers.get(name).remove(force=True, v=True)
        for name in (f"{run}-in", f"{run}-out", f"{run}-secrets"):
            with contextlib.suppress(*ENGINE_ERRORS):
                self._client.volumes.get(name).remove(force=True)
        cgroups.remove_parent(run)

    def sweep(self, kept: Collection[str] = ()) -> int:
        """Remove what an agent of this name has left behind; how many containers and volumes that were.

        What belongs to the runs in `kept` stays, and does not run on.
        """
        mine, prefixes = {"label": f"{LABEL}={self._agent}"}, tuple(f"{run}-" for run in kept)
        listed = self._client.containers.list(all=True, filters=mine)
        containers = [one for one in listed if not f"{one.name}-".startswith(prefixes)]
        for container in containers:
            with contextlib.suppress(docker.errors.NotFound):
                container.remove(force=True, v=True)
        for container in listed:
            if container.name in kept and container.status == "running":
                with contextlib.suppress(docker.errors.APIError):  # it has ended meanwhile
                    container.kill()
        volumes = [one for one in self._client.volumes.list(filters=mine) if not one.name.startswith(prefixes)]
        for volume in volumes:
            with contextlib.suppress(docker.errors.NotFound):
                volume.remove(force=True)
        for run in cgroups.leftover_runs(f"{self._agent}-"):
            cgroups.remove_parent(run)
        return len(containers) + len(volumes)


class Streams:
    """Pieces of a container's standard output and error as they come: (bytes, None) and (None, bytes)."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._socket = getattr(connection, "_sock", connection)
        self._socket.settimeout(None)  # a program may be silent for as long as it runs

    def __iter__(self) -> Iterator[tuple[bytes | None, bytes | None]]:
        for kind, chunk in frames_iter(self._connection, tty=False):
            yield (chunk, None) if kind == STDOUT else (None, chunk)

    def close(self) -> None:
        """Let go of the connection; what is being read of it ends."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._connection._response.close()


def _network_options(shared: Container | None) -> dict[str, Any]:
    """A loopback of the job's own, or another container's, whose host name it then has too."""
    if shared is None:
        return {"network_mode": "none", "hostname": HOSTNAME}
    return {"network_mode": f"container:{shared.id}"}


def _volumes(config: dict[str, Any]) -> list[str]:
    """Folders that the image wants to be able to write to: they get memory instead of the machine's disk."""
    wanted = [path for path in config.get("Volumes") or {} if path not in (IN, OUT, TMP, SECRETS)]
    for path in wanted:
        below = any(path == one or path.startswith(one + "/") for one in (*_KERNEL_PATHS, IN, OUT, TMP, SECRETS))
        if below or path == "/" or posixpath.normpath(path) != path or not path.startswith("/") or "," in path:
            raise InvalidModule(f"The image declares a volume at {path!r}, which no job can have.")
    return wanted


def gvisor_runtimes(info: dict[str, Any]) -> list[str]:
    """Names under which an engine offers gVisor; of the engine's own description of itself."""
    runtimes = info.get("Runtimes") or {}
    return sorted(name for name, how in runtimes.items() if GVISOR in (name, posixpath.basename(how.get("path") or "")))


def _require_runtime(info: dict[str, Any], runtime: str) -> str:
    known = sorted(info.get("Runtimes") or {})
    if runtime and runtime not in known:
        raise AgentError(
            f"The container engine has no runtime {runtime!r}.",
            hint=f"It has {', '.join(known)}. Change COMPUTEHIVE_AGENT_CONTAINER_RUNTIME, or the engine's daemon.json.",
        )
    return runtime


def _require_walls(info: dict[str, Any]) -> str:
    """The architecture. Raises AgentError where the engine cannot hold a job in its limits."""
    if not any("seccomp" in one for one in info.get("SecurityOptions") or ()):
        raise AgentError("The container engine filters no system calls (seccomp).", hint="Use one that does.")
    lacking = [name for name in ("MemoryLimit", "CpuCfsQuota", "PidsLimit") if not info.get(name)]
    if lacking:
        raise AgentError(f"The container engine cannot limit what jobs use: {', '.join(lacking)} is missing.")
    architecture = info.get("Architecture", "")
    if architecture not in ARCHITECTURES:
        raise AgentError(f"Containers are not offered on {architecture!r} here, only on {', '.join(ARCHITECTURES)}.")
    return architecture
