"""Which MCP servers this machine runs, as its provider wrote it down: commands and addresses of its own choice.

    {"servers": [
        {"module": "chain://words@1.0.0", "digest": "0x…", "file": "words.py", "command": ["python", "{file}"]},
        {"module": "chain://weather@2.1.0", "digest": "0x…", "url": "http://127.0.0.1:9000/mcp"}
    ]}

A job names a module and its digest, and gets the one server that stands here under both. With `file` the digest is
held against that file whenever a job runs; without, it is the provider's word.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from marketplace.errors import AgentError, NotFound, SettingsError
from marketplace.protocol.arguments import VersionedUri
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.eip712 import Bytes32

LOOPBACK = ("127.0.0.1", "::1", "localhost")
FILE_MARK = "{file}"


class Server(BaseModel):
    """One server: started anew for each job by `command`, or always there at `url`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    module: VersionedUri
    digest: Bytes32
    command: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Program and arguments of a server that speaks over standard input and output."""
    env: dict[str, str] = {}
    """Variables of that process, beside PATH, HOME and LANG. Nothing else of the agent's reaches it."""
    file: Path | None = None
    """Whose bytes have the digest; `{file}` in the command is its path."""
    url: str = ""
    """Of a server that speaks streamable HTTP, on this machine."""

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> "Server":
        if bool(self.command) == bool(self.url):
            raise ValueError("expected either a command or a url")
        if self.url and (self.env or self.file):
            raise ValueError("env and file go with a command: a server with a url is started by somebody else")
        return self

    @model_validator(mode="after")
    def _is_on_this_machine(self) -> "Server":
        parts = urlsplit(self.url)
        if self.url and (parts.scheme not in ("http", "https") or parts.hostname not in LOOPBACK):
            raise ValueError(f"url {self.url!r} is not http on this machine ({', '.join(LOOPBACK)})")
        return self

    def command_line(self) -> list[str]:
        """What is started. Raises AgentError where the file does not have the digest."""
        if self.file is None:
            return list(self.command)
        try:
            actual = sha256_digest(self.file.read_bytes())
        except OSError as error:
            raise AgentError(f"The file of {self.module} cannot be read ({error.strerror}).") from error
        if actual != self.digest:
            raise AgentError(f"The file of {self.module} here hashes to {actual}, not to {self.digest}.")
        return [part.replace(FILE_MARK, str(self.file)) for part in self.command]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    servers: Annotated[tuple[Server, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_each_module_once(self) -> "_Document":
        modules = [server.module for server in self.servers]
        twice = sorted({module for module in modules if modules.count(module) > 1})
        if twice:
            raise ValueError(f"{twice[0]} stands there twice")
        return self


def load_servers(path: Path) -> dict[str, Server]:
    """The servers in a file, by module; relative paths in it are relative to its folder.

    Raises SettingsError for a file that cannot be read, by field, for a command that is not installed, and for a file
    that does not have its digest.
    """
    try:
        document = _Document.model_validate(json.loads(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"COMPUTEHIVE_AGENT_MCP_SERVERS: {path}: {_problem(error)}.", hint="See docs/how-to/mcp.md for its form."
        ) from error
    servers = [_placed(server, path.parent) for server in document.servers]
    for server in servers:
        _require_ready(server)
    return {server.module: server for server in servers}


def find_server(servers: Mapping[str, Server], module: str, digest: str) -> Server:
    """The server for a job. Raises NotFound where none has this name and these bytes."""
    server = servers.get(module)
    if server is None or server.digest != digest:
        raise NotFound("MCP server", f"{module} {digest}")
    return server


def _placed(server: Server, folder: Path) -> Server:
    return server if server.file is None else server.model_copy(update={"file": (folder / server.file).resolve()})


def _require_ready(server: Server) -> None:
    if not server.command:
        return
    try:
        program = server.command_line()[0]
    except AgentError as error:
        raise SettingsError(
            error.message, hint="Install the published version, or say the digest that it has."
        ) from error
    if shutil.which(program) is None:
        raise SettingsError(f"The command {program!r} of {server.module} is not installed here.")


def _problem(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'document'}: {first['msg']}"
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
