"""Servers of the tests, as a provider would name them in its file, and jobs that call them."""

import json
import os
import sys
from pathlib import Path

import pytest

from agent.adapters import AdapterSettings, Job
from agent.adapters.mcp import open_mcp
from agent.sandbox import Limits
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.jobspec import JobSpec

SERVERS = Path(__file__).parent / "servers"
WORDS, ROGUE = "chain://words@1.0.0", "chain://rogue@1.0.0"
LIMITS = Limits(fuel=0, memory_bytes=256_000_000, wall_seconds=60, egress_bytes=100_000, log_bytes=20_000)
PATHS = {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}
"""Where the packages of this test run lie, if not where Python looks by itself."""


def digest_of(name: str) -> str:
    return sha256_digest((SERVERS / name).read_bytes())


def entry(module: str, name: str, *args: str, **more) -> dict:
    command = [sys.executable, "{file}", *args]
    return {
        "module": module, "digest": digest_of(name), "file": str(SERVERS / name), "command": command, "env": PATHS,
    } | more  # fmt: skip


def write_servers(folder: Path, *entries: dict) -> Path:
    path = folder / "mcp.json"
    path.write_text(json.dumps({"servers": list(entries)}))
    return path


def tool_job(module: str, name: str, tool: str, arguments: dict | None = None, inputs: dict | None = None) -> Job:
    """A job that calls `tool` of the server whose file is `name`."""
    files = inputs or {}
    program = {
        "kind": "tool", "module": module, "digest": digest_of(name), "tool": tool, "arguments": arguments or {},
    }  # fmt: skip
    listed = [{"path": path, "digest": sha256_digest(data), "size": len(data)} for path, data in files.items()]
    return Job(JobSpec.parse({"sandbox": "mcp", "program": program, "inputs": listed}), files, {}.__getitem__)


@pytest.fixture
def adapter(tmp_path):
    path = write_servers(tmp_path, entry(WORDS, "words.py"), entry(ROGUE, "rogue.py"))
    return open_mcp(AdapterSettings(tmp_path, mcp_servers=path))
