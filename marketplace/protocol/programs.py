"""What a job specification can name to be run, but for images in registries (`images.py`)."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from marketplace.protocol.arguments import Arguments, VersionedUri
from marketplace.protocol.eip712 import Bytes32
from marketplace.protocol.paths import RelativePath

MAX_INPUT_BYTES = 1_000_000_000


class Document(BaseModel):
    """What the parts of a job specification have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class RuntimeProgram(Document):
    """A script for a ready-made runtime that providers carry."""

    kind: Literal["runtime"] = "runtime"
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    digest: Bytes32
    """Content digest of the runtime's wasm module."""
    script: RelativePath
    """Which input is the script."""


class ModuleProgram(Document):
    """A WebAssembly module of the renter's own, WASI preview 1."""

    kind: Literal["module"] = "module"
    digest: Bytes32
    size: Annotated[int, Field(gt=0, le=MAX_INPUT_BYTES)]


class ContainerProgram(Document):
    """A container image of the renter's own, as `docker save` writes it."""

    kind: Literal["container"] = "container"
    digest: Bytes32
    """Content digest of the archive, which holds the image's only name that counts."""
    size: Annotated[int, Field(gt=0, le=MAX_INPUT_BYTES)]


class ToolProgram(Document):
    """A tool of an MCP server that the provider runs, called once."""

    kind: Literal["tool"] = "tool"
    module: VersionedUri
    """The server, `chain://name@version`."""
    digest: Bytes32
    """Content digest that the module's version had when the renter signed."""
    tool: Annotated[str, Field(min_length=1, max_length=128)]
    arguments: Arguments = {}
    """What the tool is given. A text `input://<path>` in it stands for the file of that input."""
