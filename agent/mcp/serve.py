"""`hive provider mcp`: the node's MCP server over standard input and output, or over HTTP on this machine."""

import hmac
import os
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.adapters import Adapter, AdapterSettings
from agent.adapters.docker import open_docker
from agent.adapters.mcp import require_sdk
from agent.adapters.wasm import open_wasm
from agent.inventory import take_inventory
from agent.lock import hold_folder
from agent.loglines import configure_logging
from agent.mcp.bodies import require_json
from agent.mcp.node import ADAPTERS, Node, build_server
from agent.mcp.requests import Caps, SharedFolder
from agent.runtimes import RUNTIMES
from agent.settings import NodeSettings
from marketplace.errors import ConflictError, InputError, SettingsError

HOST = "127.0.0.1"
TOKEN_FILE = "mcp-token"
MOST_SERVERS = 32
"""At once on one machine: every client of the stdio kind starts its own."""
LEAVE_SECONDS = 5
"""How long clients may take to go when the server ends."""
_TOKEN_BYTES = 32


def serve(
    settings: NodeSettings, adapters: Sequence[str], shared: Path, max_seconds: int, port: int | None = None
) -> None:
    """Serve until the client goes (stdio), or until SIGTERM or SIGINT (`port`).

    Raises InputError for an adapter that is none, SettingsError for one that is not set up, AgentError.
    """
    require_sdk()
    configure_logging()
    with own_folder(settings.data / "mcp") as folder:
        places = replace(settings.adapters, data=folder, freeze_mb=0, ray_address="")  # this machine, and no cluster
        node = _open_node(settings, places, adapters, shared, max_seconds)
        server = build_server(node)
        if port is None:
            server.run("stdio")
        else:
            _serve_http(server, port, read_token(settings.data / TOKEN_FILE))


@contextmanager
def own_folder(parent: Path) -> Iterator[Path]:
    """A folder that no other server works in: each sweeps the containers that it finds under its own name."""
    for number in range(MOST_SERVERS):
        folder = parent / str(number)
        with ExitStack() as held:
            try:
                held.enter_context(hold_folder(folder, "mcp"))
            except ConflictError:
                continue
            yield folder
            return
    raise ConflictError(f"{MOST_SERVERS} MCP servers of this node run already.", hint="End some of them.")


def _open_node(
    settings: NodeSettings, places: AdapterSettings, chosen: Sequence[str], shared: Path, max_seconds: int
) -> Node:
    opened = _open_adapters(places, chosen)
    profile = take_inventory(
        settings.region,
        runtimes={name: runtime.digest for name, runtime in RUNTIMES.items()} if "wasm" in opened else {},
        sandboxes=tuple(sorted(opened)),
        data_folder=settings.data,
    )
    caps = Caps(
        memory_mb=max(1, profile.memory_mb // settings.units),
        seconds=max_seconds,
        vcpus=max(1, profile.cpu.cores // settings.units),
        at_once=settings.units,
    )
    return Node(profile, opened, caps, SharedFolder(shared), has_gpus="cuda" in chosen or not chosen)


def _open_adapters(places: AdapterSettings, chosen: Sequence[str]) -> dict[str, Adapter]:
    """Those that were chosen, or all that this machine is set up for."""
    unknown = sorted(set(chosen) - set(ADAPTERS))
    if unknown:
        raise InputError(f"There is no adapter {unknown[0]!r}.", hint=f"Expected {', '.join(ADAPTERS)}.")
    opened: dict[str, Adapter] = {}
    if "wasm" in chosen or not chosen:
        opened["wasm"] = open_wasm(places)
    if {"docker", "cuda"} & set(chosen) or not chosen:
        docker = open_docker(places)
        if docker is not None:
            opened["docker"] = docker
        elif "docker" in chosen:
            raise SettingsError(
                "No container engine is set up.", hint="Set COMPUTEHIVE_AGENT_CONTAINER_ENGINE to its address."
            )
    return opened


def read_token(path: Path) -> str:
    """The word that clients over HTTP have to say: made at the first use, readable by this user only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        token = path.read_text().strip()
        if not token:
            raise SettingsError(f"{path} is empty.", hint="Remove it: another one is made.") from None
        return token
    with os.fdopen(descriptor, "w") as file:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        file.write(token + "\n")
    return token


def _serve_http(server: Any, port: int, token: str) -> None:
    import uvicorn

    # The SDK refuses requests whose Host or Origin is not this machine, so that no web page can reach it by a name.
    app = require_token(require_json(server.streamable_http_app(host=HOST)), token)
    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        raise ConflictError(
            f"Port {port} of {HOST} cannot be had ({error.strerror}).", hint="Choose another."
        ) from error
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=LEAVE_SECONDS)
    uvicorn.Server(config).run(sockets=[listening])


def require_token(app: Any, token: str) -> Any:
    """The ASGI application for those who say the token; 401 for everybody else.

    Listening on this machine only is not enough: every user of it, and every program that one runs, can connect.
    """
    expected = f"Bearer {token}".encode()

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, expected):
                headers = [(b"www-authenticate", b"Bearer"), (b"content-type", b"text/plain")]
                await send({"type": "http.response.start", "status": 401, "headers": headers})
                await send({"type": "http.response.body", "body": b"Say the bearer token of this node.\n"})
                return
        await app(scope, receive, send)

    return guarded
