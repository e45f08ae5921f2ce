"""An MCP server as a process of its own, for one job: what it says is bounded, and nothing of it is left behind."""

import os
import secrets
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from anyio.abc import Process
    from mcp.client._transport import TransportStreams

INHERITED = ("PATH", "HOME", "LANG")
"""Variables of the agent that a server gets to see: not its password, not its keys' places."""
RUN_VARIABLE = "COMPUTEHIVE_MCP_RUN"
"""Marks a run's processes, also those that left its process group."""
LEAVE_SECONDS = 2.0
"""How long a server may take to leave by itself after its answer."""
REAP_SECONDS = 5.0
ERROR_BYTES = 4_000
"""How much of a server's standard error is kept, the last of it, for the provider's own log."""
_CHUNK = 1 << 16


class ServerProcess:
    """One server from its start to its end. To the SDK it is a transport: `connect`."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], folder: Path, max_bytes: int) -> None:
        self._command, self._folder, self._max_bytes = command, folder, max_bytes
        self._run = secrets.token_hex(16)
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        self._env = inherited | dict(env) | {RUN_VARIABLE: self._run}
        self._errors = bytearray()
        self.has_answered = False
        """Set by whoever got what it wanted: the server may leave by itself."""
        self.has_flooded = False
        self.status: int | None = None
        """How it ended, where it ended before it was asked to."""
        self._has_hung_up = False

    @property
    def errors(self) -> str:
        """The last it wrote to standard error."""
        return self._errors.decode(errors="replace")

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["TransportStreams"]:
        """Start it; its streams of messages. Raises OSError where it cannot be started."""
        import anyio
        from mcp.shared.message import SessionMessage

        process = await anyio.open_process(
            self._command, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=self._folder, env=self._env, start_new_session=True
        )
        try:
            async with AsyncExitStack() as streams:
                said, heard = anyio.create_memory_object_stream[SessionMessage | Exception](0)
                asked, asking = anyio.create_memory_object_stream[SessionMessage](0)
                for stream in (said, heard, asked, asking):
                    await streams.enter_async_context(stream)
                async with anyio.create_task_group() as pumps:
                    pumps.start_soon(self._listen, process, said)
                    pumps.start_soon(self._keep_errors, process)
                    pumps.start_soon(_tell, process, asking)
                    try:
                        yield heard, asked
                    finally:
                        with anyio.CancelScope(shield=True):
                            await self._part(process)
                        pumps.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self._end(process)

    async def _listen(self, process: "Process", said: Any) -> None:
        """Messages, one a line; lines that are none are what careless servers print. Ends with the server."""
        import anyio
        from mcp.shared.message import SessionMessage
        from mcp_types import jsonrpc_message_adapter

        async with said:
            async for line in self._lines(process):
                with suppress(ValueError):
                    message = SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
                    try:
                        await said.send(message)
                    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                        return

    async def _lines(self, process: "Process") -> AsyncIterator[bytes]:
        import anyio

        begun, total = bytearray(), 0
        while True:
            try:
                chunk = await process.stdout.receive(_CHUNK)
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                self._has_hung_up = True
                return
            total += len(chunk)
            if total > self._max_bytes:
                self.has_flooded = True
                return
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                begun += line
                yield bytes(begun)
                begun.clear()
            begun += rest

    async def _keep_errors(self, process: "Process") -> None:
        """Read on to the end: a server whose errors nobody takes stands still."""
        import anyio

        with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            while True:
                self._errors += await process.stderr.receive(_CHUNK)
                del self._errors[:-ERROR_BYTES]

    async def _part(self, process: "Process") -> None:
        """The end as MCP has it: its input closes, and it leaves. Who gave no answer is not waited for."""
        import anyio

        if self._has_hung_up:
            with anyio.move_on_after(LEAVE_SECONDS):
                self.status = await process.wait()
            return
        with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            await process.stdin.aclose()
        if self.has_answered:
            with anyio.move_on_after(LEAVE_SECONDS):
                await process.wait()

    async def _end(self, process: "Process") -> None:
        import anyio

        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        kill_marked(self._run)
        with anyio.move_on_after(REAP_SECONDS):
            await process.aclose()


async def _tell(process: "Process", asking: Any) -> None:
    import anyio

    with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for message in asking:
            line = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            await process.stdin.send(line.encode() + b"\n")


def kill_marked(run: str) -> None:
    """Kill what left the process group of a run: its environment names the run, unless it cleared that as well."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(RUN_VARIABLE) == run:
                process.kill()
