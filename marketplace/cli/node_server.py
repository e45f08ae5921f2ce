"""`hive provider mcp`: this machine's sandboxes for any MCP client of the provider's own."""

from pathlib import Path
from typing import Annotated

import typer

from marketplace.cli.output import talk


def provider_mcp(
    adapter: Annotated[
        list[str] | None, typer.Option("--adapter", help="wasm, docker or cuda; may be repeated; else all set up here.")
    ] = None,
    http: Annotated[
        int | None, typer.Option("--http", min=1, max=65535, help="Serve HTTP at this port of 127.0.0.1; else stdio.")
    ] = None,
    files: Annotated[
        Path,
        typer.Option("--files", exists=True, file_okay=False, help="The folder whose files clients may name."),
    ] = Path(),
    max_seconds: Annotated[int, typer.Option("--max-seconds", min=1, help="The most that one run may take.")] = 600,
) -> None:
    """Offer this machine's sandboxes as an MCP server, to clients of your own. Needs no market and no key.

    Over HTTP a client has to say the bearer token that lies in the agent's data folder. What one run may take is the
    machine's share for one of $COMPUTEHIVE_AGENT_UNITS units.
    """
    from agent.mcp.serve import HOST, TOKEN_FILE, serve
    from agent.settings import NodeSettings, load_settings

    settings = load_settings(NodeSettings)
    if http is not None:
        talk().print(
            f"Serving http://{HOST}:{http}/mcp; the token is in {settings.data / TOKEN_FILE}. Ctrl-C stops it."
        )
    serve(settings, tuple(adapter or ()), files, max_seconds, http)
