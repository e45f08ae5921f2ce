"""The node's sandboxes as tools of an MCP server: whoever drives one has this machine, within its provider's limits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from agent.adapters import Adapter, Job
from agent.inventory import survey_gpus
from agent.mcp.gpus import read_gpu_stats
from agent.mcp.reports import GpuEntry, GpuList, GpuStatsList, NodeReport, RunReport, report_caps, report_run
from agent.mcp.requests import Caps, GivenInput, GivenLimits, SharedFolder, limits_within, read_inputs, write_files
from agent.runtimes import RUNTIMES
from marketplace.errors import InputError, MarketError
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.profile import NodeProfile

if TYPE_CHECKING:
    from anyio import CapacityLimiter
    from mcp.server.mcpserver import MCPServer

ADAPTERS = ("wasm", "docker", "cuda")
"""What a client can be offered. `cuda` is what can be done without CUDA: to list GPUs, to say what they do, and to run
containers that have them."""
SCRIPTS = {"python": "script.py", "javascript": "script.js"}
INSTRUCTIONS = (
    "Runs programs on this machine in its sandboxes. A program finds its inputs under /in and leaves its outputs in its"
    " working directory, /out; it has no network. describe_node says what the machine has and what one run may take."
)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Node:
    """This machine as it is offered. `adapters` are those of ADAPTERS, without `cuda`, by name."""

    profile: NodeProfile
    adapters: Mapping[str, Adapter]
    caps: Caps
    shared: SharedFolder
    has_gpus: bool = False
    """Whether containers may be given GPUs."""


def build_server(node: Node) -> "MCPServer":
    """The MCP server: the tools of what the node has."""
    from importlib.metadata import version

    from mcp.server.mcpserver import MCPServer

    server: MCPServer = MCPServer(
        "computehive-node", instructions=INSTRUCTIONS, version=version("computehive"), log_level="WARNING"
    )
    tools = NodeTools(node)
    server.tool()(tools.describe_node)
    if "wasm" in node.adapters:
        server.tool()(tools.run_wasm)
    if "docker" in node.adapters:
        server.tool()(tools.run_container)
    if node.has_gpus:
        server.tool()(tools.list_gpus)
        server.tool()(tools.gpu_stats)
    return server


class NodeTools:
    """The tools. Their docstrings are what clients read."""

    def __init__(self, node: Node) -> None:
        import anyio

        self._node = node
        self._turns = anyio.CapacityLimiter(node.caps.at_once)

    async def describe_node(self) -> NodeReport:
        """What this machine is (processor, memory, GPUs, runtimes) and the most that one run may take of it."""
        node = self._node
        offered = [*sorted(node.adapters), *(["cuda"] if node.has_gpus else [])]
        return NodeReport(profile=node.profile.to_json(), adapters=offered, limits=report_caps(node.caps))

    async def list_gpus(self) -> GpuList:
        """The NVIDIA GPUs that containers can be given; of one in MIG mode, its instances."""
        survey = await self._in_thread(survey_gpus)
        found = [
            GpuEntry(
                id=name, model=gpu.model, memory_mb=gpu.memory_mb, is_mig=gpu.mig,
                compute_capability=gpu.compute_capability, driver=gpu.driver,
            )
            for name, gpu in zip(survey.ids, survey.gpus, strict=True)
        ]  # fmt: skip
        return GpuList(gpus=found, note=survey.note)

    async def gpu_stats(self) -> GpuStatsList:
        """Memory in use, utilisation, temperature and power of every NVIDIA GPU, now."""
        found, note = await self._in_thread(read_gpu_stats)
        return GpuStatsList(gpus=found, note=note)

    async def run_wasm(
        self,
        script: str | None = None,
        runtime: Literal["python", "javascript"] = "python",
        module: str | None = None,
        args: list[str] | None = None,
        env: dict[str, str] | None = None,
        inputs: list[GivenInput] | None = None,
        limits: GivenLimits | None = None,
        output_folder: str | None = None,
    ) -> RunReport:
        """Run a script, or a WebAssembly module (WASI preview 1), deterministically and without network.

        Give either `script`, source text for `runtime` (Python 3.12 with its standard library, or QuickJS), or
        `module`, a .wasm file below the folder that this machine shares. `output_folder`, a new folder below it, gets
        the outputs as files.
        """
        return await self._answer(
            "wasm", lambda: self._wasm_job(script, runtime, module, args, env, inputs), limits, output_folder
        )

    async def run_container(
        self,
        image: str,
        args: list[str] | None = None,
        env: dict[str, str] | None = None,
        inputs: list[GivenInput] | None = None,
        gpus: int = 0,
        limits: GivenLimits | None = None,
        output_folder: str | None = None,
    ) -> RunReport:
        """Run a container without network, as nobody, with a read-only root; /out is its only folder to write.

        `image` is an archive as `docker save` writes it, below the folder that this machine shares; `args` follow its
        entry point; `gpus` is how many GPUs it is given. `output_folder`, a new folder below the shared one, gets the
        outputs as files.
        """
        if gpus and not self._node.has_gpus:
            raise _error(InputError("gpus: this machine gives none.", hint="`hive provider mcp --adapter cuda` does."))
        return await self._answer(
            "docker", lambda: self._container_job(image, args, env, inputs), limits, output_folder, gpus
        )

    async def _answer(
        self,
        adapter: str,
        prepare: Callable[[], Job],
        limits: GivenLimits | None,
        output_folder: str | None,
        gpus: int = 0,
    ) -> RunReport:
        stop = Event()

        def run() -> RunReport:
            allowed, job = limits_within(self._node.caps, limits, gpus), prepare()
            folder = None if output_folder is None else self._node.shared.new_folder(output_folder)
            result = self._node.adapters[adapter].run(job, allowed, stop)
            if folder is not None:
                write_files(folder, result.outputs)
            return report_run(result, output_folder)

        return await self._in_thread(run, stop, self._turns)

    async def _in_thread(
        self, work: Callable[[], Result], stop: Event | None = None, turns: "CapacityLimiter | None" = None
    ) -> Result:
        """In a thread of its own, when its turn has come; a client that goes away stops it. Raises ToolError."""
        import anyio
        import anyio.to_thread

        stop = stop or Event()
        outcome: list[Result | MarketError] = []

        def keep() -> None:
            try:
                outcome.append(work())
            except MarketError as error:
                outcome.append(error)

        async def stop_with_client() -> None:
            try:
                await anyio.sleep_forever()
            finally:
                stop.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stop_with_client)
            await anyio.to_thread.run_sync(keep, limiter=turns)
            tasks.cancel_scope.cancel()
        (done,) = outcome
        if isinstance(done, MarketError):
            raise _error(done)
        return done

    def _wasm_job(
        self,
        script: str | None,
        runtime: str,
        module: str | None,
        args: list[str] | None,
        env: dict[str, str] | None,
        inputs: list[GivenInput] | None,
    ) -> Job:
        if (script is None) == (module is None):
            raise InputError("Give either script or module.")
        files = read_inputs(inputs or (), self._node.shared)
        if module is not None:
            return _job("wasm", "module", self._node.shared.read(module), files, args, env)
        name = SCRIPTS[runtime]
        if name in files:
            raise InputError(f"inputs: {name!r} is what the script itself is called.", hint="Rename the input.")
        files[name] = (script or "").encode()
        program = {"kind": "runtime", "name": runtime, "digest": RUNTIMES[runtime].digest, "script": name}
        return Job(_spec("wasm", program, files, args, env), files, _nothing)

    def _container_job(
        self,
        image: str,
        args: list[str] | None,
        env: dict[str, str] | None,
        inputs: list[GivenInput] | None,
    ) -> Job:
        files = read_inputs(inputs or (), self._node.shared)
        return _job("docker", "container", self._node.shared.read(image), files, args, env)


def _job(
    sandbox: str,
    kind: str,
    code: bytes,
    files: dict[str, bytes],
    args: list[str] | None,
    env: dict[str, str] | None,
) -> Job:
    program = {"kind": kind, "digest": sha256_digest(code), "size": len(code)}
    return Job(_spec(sandbox, program, files, args, env), files, partial(_given, {program["digest"]: code}))


def _spec(
    sandbox: str,
    program: Mapping[str, Any],
    files: Mapping[str, bytes],
    args: list[str] | None,
    env: dict[str, str] | None,
) -> JobSpec:
    """As a renter would have signed it, so that the same rules hold. Raises InvalidJobSpec."""
    entries = [{"path": path, "digest": sha256_digest(data), "size": len(data)} for path, data in files.items()]
    document = {"sandbox": sandbox, "program": program, "inputs": entries, "args": args or [], "env": env or {}}
    return JobSpec.parse(document)


def _given(blobs: Mapping[str, bytes], digest: str) -> bytes:
    return blobs[digest]


def _nothing(digest: str) -> bytes:
    raise AssertionError(f"a ready-made runtime needs no bytes, not even {digest}")


def _error(error: MarketError) -> Exception:
    """What MCP shows a client as the tool's error, whole."""
    from mcp.server.mcpserver.exceptions import ToolError

    return ToolError(str(error))
