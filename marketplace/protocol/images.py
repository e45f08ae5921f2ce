"""Container images in registries, as jobs name them: where, and the digest of the manifest. Never by tag.

Names follow the OCI distribution specification, narrowed: hosts in lower case, so that what a provider allows and what
a job names compare as texts, and no bare word, which engines take for a name on a registry of their own choice.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from marketplace.errors import InvalidJobSpec
from marketplace.protocol.eip712 import Bytes32

MAX_IMAGE_BYTES = 4_000_000_000
"""Of an image's layers and configuration as the registry holds them, which is compressed."""
MAX_REGISTRY_LENGTH = 64
_PORTS = 65_535
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_REGISTRY = rf"^{_LABEL}(\.{_LABEL})*(:[1-9][0-9]{{0,4}})?$"
_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = rf"^{_PART}(/{_PART})*$"
REFERENCE_FORM = "HOST[:PORT]/NAME@sha256:DIGEST"
_EXPECTED = f"expected {REFERENCE_FORM}, such as registry.example.org/team/tool@sha256:… (64 hex digits)"


def _is_a_host(registry: str) -> str:
    host, _, port = registry.partition(":")
    if port and int(port) > _PORTS:
        raise ValueError(f"{port} is no port")
    if "." not in host and host != "localhost" and not port:
        raise ValueError("expected a host with a dot or a port, such as registry.example.org")
    return registry


Registry = Annotated[str, Field(max_length=MAX_REGISTRY_LENGTH, pattern=_REGISTRY), AfterValidator(_is_a_host)]
"""A registry's host and port, as they are compared."""
Repository = Annotated[str, Field(max_length=255, pattern=_REPOSITORY)]
"""An image's name within its registry."""


class ImageProgram(BaseModel):
    """A container image that the node takes from a registry."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    kind: Literal["image"] = "image"
    registry: Registry
    repository: Repository
    digest: Bytes32
    """SHA-256 of the manifest, or of an index with one for each kind of processor."""
    size: Annotated[int, Field(gt=0, le=MAX_IMAGE_BYTES)] = MAX_IMAGE_BYTES
    """Bytes that the manifest's blobs may have together; an image with more is refused before any of it is fetched."""

    @property
    def reference(self) -> str:
        """As people write it, and `parse_image` reads it."""
        return f"{self.registry}/{self.repository}@sha256:{self.digest.removeprefix('0x')}"


def is_reference(text: str) -> bool:
    """Whether a text means an image in a registry, well written or not: no file of a program has such a name."""
    return "@sha256:" in text


def parse_image(text: str, size: int = MAX_IMAGE_BYTES) -> ImageProgram:
    """The image of `HOST[:PORT]/NAME@sha256:DIGEST`. Raises InvalidJobSpec with what was expected."""
    found = re.fullmatch(r"(?P<registry>[^/@]+)/(?P<repository>[^@]+)@sha256:(?P<digest>[0-9a-f]{64})", text)
    if found is None:
        raise InvalidJobSpec(f"{text!r} names no image in a registry: {_EXPECTED}.", field="program")
    if ":" in found["repository"]:
        hint = "Leave out the tag: the digest says which image it is."
        raise InvalidJobSpec(f"{text!r} has a tag.", field="program.repository", hint=hint)
    try:
        return ImageProgram(
            registry=found["registry"], repository=found["repository"], digest="0x" + found["digest"], size=size
        )
    except ValueError as error:
        raise InvalidJobSpec(f"{text!r} names no image in a registry: {_EXPECTED}.", field="program") from error
