"""One tool of one server, called once: from a job's arguments and inputs to its outputs, whatever the server does."""

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from agent.mcp.addresses import ServerAddress
from agent.mcp.answers import Answer, MalformedAnswer, TooMuch, read_answer, require_fitting
from agent.mcp.processes import ServerProcess
from agent.mcp.servers import Server
from agent.sandbox.types import Limits, RunResult
from marketplace.errors import NotFound
from marketplace.protocol.arguments import INPUT_SCHEME, map_texts
from marketplace.protocol.enums import ExitKind

if TYPE_CHECKING:
    from mcp import Client
    from mcp_types import CallToolResult

log = structlog.get_logger("mcp")
TICK_SECONDS = 0.05
"""How exactly the wall-clock bound is kept."""
MAX_ANSWER_BYTES = 50_000_000
"""Of all outputs and logs together, whatever the bid reserves: they are held in memory."""
WIRE_FACTOR, WIRE_BYTES = 4, 1_000_000
"""How much a server may say for each byte that it may leave, and beside it: JSON and base64 take more room."""
MAX_PAGES = 20
"""Of a server's list of tools."""
FAILED = 1
"""Exit code of a tool that says that it failed."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be called. A text `input://<path>` in the arguments becomes the path of that input's file."""

    server: Server
    tool: str
    arguments: Mapping[str, Any]
    inputs: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class _End:
    """Why there is no answer."""

    kind: ExitKind
    detail: str


def call_tool(order: Order, limits: Limits, stop: threading.Event | None = None) -> RunResult:
    """Call to the end, to a limit, or until `stop`.

    Raises NotFound for a tool that the server does not have, AgentError for a server whose file does not have the
    digest any more.

    A server that breaks off, cannot be reached or answers nonsense is the machine's trouble: SANDBOX_ERROR.
    """
    import anyio

    limits = replace(limits, egress_bytes=min(limits.egress_bytes, MAX_ANSWER_BYTES))
    with _inputs_folder(order.inputs) as folder:
        call = _Call(order, limits, stop, folder)
        anyio.run(call.run)
        return call.result()


@contextmanager
def _inputs_folder(inputs: Mapping[str, bytes]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="computehive-mcp-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        for path, data in inputs.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            file.chmod(0o444)
        yield folder


class _Call:
    """The steps of one call, in order."""

    def __init__(self, order: Order, limits: Limits, stop: threading.Event | None, folder: Path) -> None:
        self._order, self._limits, self._stop, self._folder = order, limits, stop, folder
        self._started = time.monotonic()
        self._seconds: float | None = None
        """Until the answer, where there is one."""
        wire = WIRE_FACTOR * limits.egress_bytes + WIRE_BYTES
        server = order.server
        self._server: ServerProcess | ServerAddress = (
            ServerProcess(server.command_line(), server.env, folder, wire)
            if server.command
            else ServerAddress(server.url, wire)
        )
        self._answer: Answer | None = None
        self._end: _End | None = None
        self._missing: NotFound | None = None

    async def run(self) -> None:
        import anyio

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch, tasks.cancel_scope)
            try:
                await self._ask()
            except Exception as error:  # from the SDK's tasks they come in groups, of any kind that it has
                self._end = self._end or self._explain(_first(error))
            tasks.cancel_scope.cancel()

    def result(self) -> RunResult:
        """How it ended. Raises NotFound."""
        seconds = self._seconds or time.monotonic() - self._started
        if self._missing is not None:
            raise self._missing
        if self._answer is not None and self._end is None:
            try:
                require_fitting(self._answer, self._limits)
            except TooMuch as error:
                self._end = _End(ExitKind.OUTPUT_LIMIT, str(error))
        if self._answer is None or self._end is not None:
            return self._without_answer(self._end or _End(ExitKind.SANDBOX_ERROR, "no answer"), seconds)
        answer, code = self._answer, FAILED if self._answer.has_failed else 0
        stdout, stderr = (b"", answer.text) if answer.has_failed else (answer.text, b"")
        return RunResult(ExitKind.EXITED, code, 0, seconds, answer.outputs, stdout, stderr)

    def _without_answer(self, end: _End, seconds: float) -> RunResult:
        if end.kind is ExitKind.SANDBOX_ERROR:
            # What a server writes to standard error is its provider's own: it may name places and keys.
            log.warning(
                "tool call failed", module=self._order.server.module, detail=end.detail, says=self._server.errors
            )
        stderr = end.detail.encode()[: min(1_000, self._limits.egress_bytes)]
        return RunResult(end.kind, 0, 0, seconds, {}, b"", stderr, end.detail)

    async def _watch(self, scope: Any) -> None:
        import anyio

        while not self._server.has_answered and self._end is None:
            await anyio.sleep(TICK_SECONDS)
            # What a server does after its answer is no longer the job's time: it is given its own to leave.
            self._end = None if self._server.has_answered else self._forced_end()
        if self._end is not None:
            scope.cancel()

    def _forced_end(self) -> _End | None:
        if self._stop is not None and self._stop.is_set():
            return _End(ExitKind.EVICTED, "stopped by its machine")
        if self._server.has_flooded:
            return _End(ExitKind.OUTPUT_LIMIT, "the server says more than outputs and logs may take up")
        if time.monotonic() >= self._started + self._limits.wall_seconds:
            return _End(ExitKind.TIMEOUT, f"still running after {self._limits.wall_seconds:g} s")
        return None

    async def _ask(self) -> None:
        from mcp import Client, MCPError

        async with Client(self._server.connect(), cache=None, list_roots_callback=self._roots) as client:
            if await self._has_tool(client):
                arguments = map_texts(self._order.arguments, self._placed)
                try:
                    result = await client.call_tool(self._order.tool, arguments)
                except MCPError as error:
                    self._answer = self._refused(error)
                else:
                    self._answer = self._read(result)
            self._seconds = time.monotonic() - self._started
            self._server.has_answered = True

    async def _has_tool(self, client: "Client") -> bool:
        """Asked beforehand: servers tell a tool that they do not have from one that failed in many ways."""
        cursor = None
        for _ in range(MAX_PAGES):
            page = await client.list_tools(cursor=cursor)
            if any(tool.name == self._order.tool for tool in page.tools):
                return True
            cursor = page.next_cursor
            if cursor is None:
                break
        self._missing = NotFound("tool", f"{self._order.tool} of {self._order.server.module}")
        return False

    def _refused(self, error: Any) -> Answer:
        """An error instead of a result: what the tool did with its arguments, unless the connection is what failed."""
        from mcp_types import CONNECTION_CLOSED

        if error.code == CONNECTION_CLOSED:
            raise error
        return Answer(has_failed=True, text=f"{self._hide(error.message)}\n".encode())

    def _read(self, result: "CallToolResult") -> Answer:
        return read_answer(result, self._hide)

    async def _roots(self, context: Any) -> Any:
        """The one folder that servers which ask are told to work in."""
        from mcp_types import ListRootsResult, Root

        return ListRootsResult(roots=[Root(uri=self._folder.as_uri(), name="inputs")])

    def _placed(self, text: str) -> str:
        is_input = text.startswith(INPUT_SCHEME)
        return str(self._folder / text.removeprefix(INPUT_SCHEME)) if is_input else text

    def _hide(self, text: str) -> str:
        """Without the folder's name, which is another for every run: replicas would not agree."""
        return text.replace(self._folder.as_uri() + "/", INPUT_SCHEME).replace(f"{self._folder}/", INPUT_SCHEME)

    def _explain(self, error: BaseException) -> _End:
        if self._server.has_flooded:
            return _End(ExitKind.OUTPUT_LIMIT, "the server says more than outputs and logs may take up")
        if self._server.status is not None:
            return _End(
                ExitKind.SANDBOX_ERROR, f"the server ended with status {self._server.status} before it had answered"
            )
        if isinstance(error, MalformedAnswer | ValueError | RuntimeError):
            return _End(ExitKind.SANDBOX_ERROR, f"the server's answer is not what MCP says: {error}")
        return _End(ExitKind.SANDBOX_ERROR, f"the server failed: {error or type(error).__name__}")


def _first(error: BaseException) -> BaseException:
    """Of a group the first that is no group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
