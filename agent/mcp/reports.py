"""What the node's MCP server answers: typed, so that every client gets a schema with each tool."""

import base64
from typing import Any

from pydantic import BaseModel

from agent.mcp.gpus import GpuStats
from agent.mcp.requests import Caps
from agent.sandbox.types import RunResult
from marketplace.protocol.canonical import sha256_digest

INLINE_BYTES = 256_000
"""Outputs up to this size are in the answer itself."""


class OutputFile(BaseModel):
    """A file that a program left. Text where it is UTF-8, else base64; neither where it is too big for an answer."""

    path: str
    size: int
    digest: str
    text: str | None = None
    base64: str | None = None
    is_left_out: bool = False
    """Too big for the answer: `output_folder` has it written to a file instead."""


class RunReport(BaseModel):
    """How a run ended. A program that failed is a report; an error is a run that could not begin."""

    exit_kind: str
    exit_code: int
    detail: str
    seconds: float
    fuel: int
    """Instructions counted; 0 where the sandbox counts none."""
    stdout: str
    stderr: str
    outputs: list[OutputFile]
    output_folder: str | None = None


class Allowed(BaseModel):
    """The most that one run may take."""

    memory_mb: int
    seconds: int
    gfuel: int
    egress_mb: int
    vcpus: int
    runs_at_once: int


class NodeReport(BaseModel):
    """This machine, as its asks describe it, and what a client may take of it."""

    profile: dict[str, Any]
    adapters: list[str]
    limits: Allowed


class GpuEntry(BaseModel):
    """A GPU that a container can be given; of one in MIG mode, an instance."""

    id: str
    model: str
    memory_mb: int
    is_mig: bool
    compute_capability: str
    driver: str


class GpuList(BaseModel):
    """All of them, and why there are none or fewer."""

    gpus: list[GpuEntry]
    note: str


class GpuStatsList(BaseModel):
    """Of every GPU that answers, now, and why there are none or fewer."""

    gpus: list[GpuStats]
    note: str


def report_run(result: RunResult, output_folder: str | None) -> RunReport:
    """The same, for a client."""
    return RunReport(
        exit_kind=result.exit_kind.name.lower(),
        exit_code=result.exit_code,
        detail=result.detail,
        seconds=round(result.wall_seconds, 3),
        fuel=result.fuel_used,
        stdout=result.stdout.decode(errors="replace"),
        stderr=result.stderr.decode(errors="replace"),
        outputs=[_report_file(path, data) for path, data in sorted(result.outputs.items())],
        output_folder=output_folder,
    )


def report_caps(caps: Caps) -> Allowed:
    """The same, for a client."""
    return Allowed(
        memory_mb=caps.memory_mb, seconds=caps.seconds, gfuel=caps.gfuel, egress_mb=caps.egress_mb, vcpus=caps.vcpus,
        runs_at_once=caps.at_once,
    )  # fmt: skip


def _report_file(path: str, data: bytes) -> OutputFile:
    file = OutputFile(path=path, size=len(data), digest=sha256_digest(data))
    if len(data) > INLINE_BYTES:
        return file.model_copy(update={"is_left_out": True})
    try:
        return file.model_copy(update={"text": data.decode()})
    except UnicodeDecodeError:
        return file.model_copy(update={"base64": base64.b64encode(data).decode()})
