"""The benchmark's result in the agent's data folder: what the next start of the provider puts into its profile.

Only this file counts: measuring anew at each start would give a new profile, and so a new ask, each time.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from agent.benchmark import VERSION
from agent.benchmark.timing import Row
from agent.inventory import read_cpu, survey_gpus
from marketplace.errors import AgentError, MalformedMessage
from marketplace.protocol.canonical import json_digest
from marketplace.protocol.profile import Benchmark

FILE_NAME = "benchmark.json"
_AGAIN = "Run `hive provider benchmark` again."
log = structlog.get_logger("provider")


@dataclass(frozen=True, slots=True)
class Measured:
    """A stored result: the scores, and on which machine they were measured."""

    scores: Benchmark
    machine: str
    """`machine_digest` of then."""


def machine_digest() -> str:
    """Names what the scores depend on: processor, cores, GPUs. Another machine, or share of one, has another digest."""
    gpus = [gpu.model_dump(mode="json", exclude={"driver"}) for gpu in survey_gpus().gpus]
    return json_digest({"cpu": read_cpu().model_dump(mode="json"), "gpus": gpus})


def scores_of(rows: Sequence[Row], measured_at: int) -> Benchmark:
    """The rows as the node profile has them."""
    return Benchmark(version=VERSION, measured_at=measured_at, **{row.field: row.score for row in rows})


def record_benchmark(folder: Path, rows: Sequence[Row], measured_at: int) -> Path:
    """Keep the result, whole or not at all; the file's path. Raises AgentError where `folder` cannot be written."""
    scores = scores_of(rows, measured_at)
    document = {"machine": machine_digest(), "scores": scores.to_json(), "rows": [row.to_json() for row in rows]}
    path = folder / FILE_NAME
    partial = path.with_suffix(f".{os.getpid()}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(document, indent=2) + "\n")
        partial.replace(path)
    except OSError as error:
        raise AgentError(
            f"The result could not be kept in {folder}: {error.strerror or error}.",
            hint="The folder must be the daemon's own: COMPUTEHIVE_AGENT_DATA.",
        ) from error
    return path


def load_benchmark(folder: Path) -> Measured | None:
    """The stored result; None where nothing was measured yet. Raises AgentError for a file that is none."""
    path = folder / FILE_NAME
    try:
        document: dict[str, Any] = json.loads(path.read_text())
        return Measured(Benchmark.parse(document["scores"]), str(document["machine"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, MalformedMessage) as error:
        raise AgentError(f"{path} cannot be read as a benchmark's result: {error}.", hint=_AGAIN) from error


def find_fault(measured: Measured | None) -> str:
    """Why a stored result does not count; empty where it does."""
    if measured is None:
        return "not measured yet: renters see no speed of this machine"
    if measured.scores.version != VERSION:
        return f"measured by version {measured.scores.version} of the benchmark, this is version {VERSION}"
    if measured.machine != machine_digest():
        return "measured on another machine, or with other cores or GPUs"
    return ""


def usable_scores(folder: Path) -> Benchmark | None:
    """The scores for the node profile; None where there are none that count, which a log line explains."""
    try:
        measured = load_benchmark(folder)
    except AgentError as error:
        log.warning("benchmark left out", why=error.message, hint=error.hint)
        return None
    fault = find_fault(measured)
    if measured is None or not fault:
        return None if measured is None else measured.scores
    log.warning("benchmark left out", why=fault, hint=_AGAIN)
    return None
