"""What a client of the node's MCP server asks for, held against what the provider allows."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from agent.sandbox.types import Limits
from marketplace.errors import InputError, TooLarge
from marketplace.protocol.jobspec import MAX_INPUT_BYTES
from marketplace.protocol.paths import RelativePath
from marketplace.protocol.units import BYTES_PER_MB, FUEL_PER_GFUEL


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that one call may take of this machine."""

    memory_mb: int
    seconds: int
    gfuel: int = 1_000
    egress_mb: int = 50
    vcpus: int = 1
    at_once: int = 1
    """Calls at once; others wait."""


class GivenInput(BaseModel):
    """A file that the program finds under `/in`: exactly one of text, base64 and file."""

    model_config = ConfigDict(extra="forbid")

    path: RelativePath
    text: str | None = None
    base64: str | None = None
    file: str | None = Field(default=None, description="A file of this machine, below the folder that it shares.")


class GivenLimits(BaseModel):
    """What a run may take. What is left out is as much as this machine allows."""

    model_config = ConfigDict(extra="forbid")

    memory_mb: Annotated[int, Field(ge=1)] | None = None
    seconds: Annotated[int, Field(ge=1)] | None = None
    gfuel: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Billions of wasm instructions.")
    egress_mb: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Outputs and logs together.")
    vcpus: Annotated[int, Field(ge=1)] | None = None


def limits_within(caps: Caps, given: GivenLimits | None, gpus: int = 0) -> Limits:
    """Limits for the sandbox. Raises InputError naming the first that is above what the provider allows."""
    given = given or GivenLimits()
    chosen: dict[str, int] = {}
    for name in GivenLimits.model_fields:
        cap, asked = getattr(caps, name), getattr(given, name)
        if asked is not None and asked > cap:
            raise InputError(f"limits.{name}: {asked} is above {cap}, the most that this machine allows.")
        chosen[name] = cap if asked is None else asked
    return Limits(
        fuel=chosen["gfuel"] * FUEL_PER_GFUEL,
        memory_bytes=chosen["memory_mb"] * BYTES_PER_MB,
        wall_seconds=chosen["seconds"],
        egress_bytes=chosen["egress_mb"] * BYTES_PER_MB,
        vcpus=chosen["vcpus"],
        gpus=gpus,
    )


class SharedFolder:
    """The one folder whose files a client may name; nothing outside of it is read or written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def read(self, name: str) -> bytes:
        """A file's bytes. Raises InputError for one outside the folder or not readable, TooLarge."""
        path = self._inside(name)
        try:
            size = path.stat().st_size
            if size > MAX_INPUT_BYTES:
                raise TooLarge(f"The file {name!r}", size, MAX_INPUT_BYTES)
            return path.read_bytes()
        except OSError as error:
            raise InputError(f"{name!r} cannot be read ({error.strerror}).") from error

    def new_folder(self, name: str) -> Path:
        """A folder made now. Raises InputError for one outside the shared folder, or that is there already."""
        folder = self._inside(name)
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise InputError(f"The output folder {name!r} cannot be made ({error.strerror}).") from error
        return folder

    def _inside(self, name: str) -> Path:
        """Links are followed before it is looked at."""
        path = (self._folder / name).resolve()
        if path != self._folder and not path.is_relative_to(self._folder):
            raise InputError(
                f"{name!r} is not below {self._folder}, the folder that this machine shares.",
                hint="`hive provider mcp --files FOLDER` shares another.",
            )
        return path


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Outputs, whose paths a sandbox has checked, into a folder of their own."""
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def read_inputs(given: Sequence[GivenInput], shared: SharedFolder) -> dict[str, bytes]:
    """The bytes of each, by path. Raises InputError naming the one that is wrong."""
    inputs: dict[str, bytes] = {}
    for each in given:
        if each.path in inputs:
            raise InputError(f"inputs: two are called {each.path!r}.")
        inputs[each.path] = _bytes_of(each, shared)
    return inputs


def _bytes_of(given: GivenInput, shared: SharedFolder) -> bytes:
    ways = [each for each in (given.text, given.base64, given.file) if each is not None]
    if len(ways) != 1:
        raise InputError(f"inputs: {given.path!r} has {len(ways)} of text, base64 and file; expected one.")
    if given.text is not None:
        return given.text.encode()
    if given.file is not None:
        return shared.read(given.file)
    try:
        return base64.b64decode(given.base64 or "", validate=True)
    except ValueError as error:  # of characters beyond ASCII, too
        raise InputError(f"inputs: the base64 of {given.path!r} is none: {error}.") from error
