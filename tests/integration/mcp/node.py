"""`hive provider mcp` as a process of the tests."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from agent.mcp.serve import TOKEN_FILE
from scripts.toolchain import ROOT
from tests.integration.sandboxes.waiting import wait_until

COMMAND = (sys.executable, "-m", "marketplace.cli.main", "provider", "mcp")


def environment(data: Path, **more: str) -> dict[str, str]:
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COMPUTEHIVE_AGENT_")}
    return clean | {"PYTHONPATH": paths, "COMPUTEHIVE_AGENT_DATA": str(data)} | more


class HttpNode:
    """`hive provider mcp --http` on a free port, sharing a folder of its own."""

    def __init__(self, folder: Path, *options: str, **env: str) -> None:
        self.shared, data = folder / "shared", folder / "data"
        self.shared.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/mcp"
        self.log = folder / "node.log"
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "--http", str(port), "--files", str(self.shared), *options],
                env=environment(data, **env),
                stderr=log,
            )
        self.token_file = data / TOKEN_FILE

    def wait_ready(self) -> None:
        def answers() -> bool:
            assert self._process.poll() is None, self.log.read_text()
            try:
                return httpx.get(self.url, timeout=5).status_code == 401
            except httpx.TransportError:
                return False

        assert wait_until(answers, 60), self.log.read_text()

    def call(self, tool: str, arguments: dict | None = None, seconds: float = 60):
        return asyncio.run(self._call(tool, arguments or {}, seconds))

    async def _call(self, tool: str, arguments: dict, seconds: float):
        import httpx2
        from mcp import Client
        from mcp.client.streamable_http import streamable_http_client

        headers = {"Authorization": f"Bearer {self.token_file.read_text().strip()}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=seconds, trust_env=False) as http,
            Client(streamable_http_client(self.url, http_client=http)) as client,
        ):
            if not tool:
                return await client.list_tools()
            async with asyncio.timeout(seconds):
                return await client.call_tool(tool, arguments)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)
