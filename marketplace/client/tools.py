"""A call of a tool as a job: an MCP server that providers run, named `chain://name@version`."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from marketplace.client.jobs import PreparedJob, read_inputs
from marketplace.errors import ConflictError
from marketplace.protocol.jobspec import TOOL_SANDBOX, JobSpec, Requirements


def prepare_call(
    module: str,
    digest: str,
    tool: str,
    arguments: Mapping[str, Any] | None = None,
    inputs: Iterable[Path] = (),
    *,
    name: str = "",
    requirements: Requirements | None = None,
) -> PreparedJob:
    """A job that calls `tool` of `module`, whose version has the content digest `digest`, once.

    A text `input://<path>` in `arguments` stands for the file of that input. Raises InputError for an input that cannot
    be read or shares its name with another, InvalidJobSpec for what the protocol refuses.
    """
    files, blobs = read_inputs(inputs)
    spec = JobSpec.parse(
        {
            "name": (name or f"{module} {tool}")[:120],
            "sandbox": TOOL_SANDBOX,
            "program": {
                "kind": "tool",
                "module": module,
                "digest": digest,
                "tool": tool,
                "arguments": dict(arguments or {}),
            },
            "inputs": [entry.model_dump(mode="json", by_alias=True) for entry in files],
            "requirements": (requirements or Requirements()).model_dump(mode="json", by_alias=True),
        }
    )
    return PreparedJob(spec=spec, blobs=blobs)


def carried_digest(module: str, runtimes: Mapping[str, str]) -> str:
    """The digest under which this market's providers carry a module. Raises ConflictError where none does.

    It is their word: compare it with what the registry says, `hive module resolve`.
    """
    if module not in runtimes:
        carried = ", ".join(sorted(each for each in runtimes if each.startswith("chain://")))
        raise ConflictError(
            f"No provider of this market carries {module}.", hint=f"Carried are: {carried or 'no modules'}."
        )
    return runtimes[module]
