"""The `mcp` sandbox: tools of MCP servers that the provider runs. Offered where a setting names them.

What a server may do on this machine is its provider's matter: nothing here isolates it. A job chooses the tool and its
arguments, never the program.
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from threading import Event
from typing import TYPE_CHECKING

from agent.adapters.interface import AdapterSettings, Job
from agent.sandbox.types import Limits, RunResult
from marketplace.errors import InvalidModule, SettingsError
from marketplace.protocol.jobspec import ToolProgram

if TYPE_CHECKING:
    from agent.mcp.servers import Server

PROFILE_VERSION = 1
"""Raised whenever an answer becomes other files."""


def open_mcp(settings: AdapterSettings) -> "McpAdapter | None":
    """The servers of the settings; None where they name none. Raises SettingsError, see `load_servers`."""
    if settings.mcp_servers is None:
        return None
    from agent.mcp.servers import load_servers

    require_sdk()
    import_module("mcp")  # slow: now rather than in the first job's time
    return McpAdapter(load_servers(settings.mcp_servers))


def require_sdk() -> None:
    """Raises SettingsError where MCP's SDK is not installed."""
    if find_spec("mcp") is None:
        raise SettingsError("MCP's SDK is not installed.", hint="Install it: pip install 'computehive[mcp]'.")


class McpAdapter:
    """The servers by the module that each is."""

    def __init__(self, servers: "Mapping[str, Server]") -> None:
        self._servers = servers

    def descriptor(self) -> dict[str, object]:
        """How answers become files, and by which SDK they are read."""
        return {"sandbox": "mcp", "profile": PROFILE_VERSION, "sdk": version("mcp")}

    def carried(self) -> dict[str, str]:
        """As `Carrying.carried`."""
        return {module: server.digest for module, server in self._servers.items()}

    def run(self, job: Job, limits: Limits, stop: Event | None = None) -> RunResult:
        """As `Adapter.run`."""
        from agent.mcp.call import Order, call_tool
        from agent.mcp.servers import find_server

        program = job.spec.program
        if not isinstance(program, ToolProgram):
            raise InvalidModule(f"A program of kind {program.kind!r} is nothing that the mcp sandbox runs.")
        server = find_server(self._servers, program.module, program.digest)
        return call_tool(Order(server, program.tool, program.arguments, job.inputs), limits, stop)
