"""What a release says of itself: one version, the wheel, and the lock that names every library by its hash."""

import re
from importlib.metadata import version as version_of
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from marketplace.errors import AgentError, UpdateRejected

MANIFEST = "release.json"
"""The one signed target that is asked for by name; it names the others."""
MAX_MANIFEST_BYTES = 65_536
MAX_WHEEL_BYTES, MAX_LOCK_BYTES = 200_000_000, 10_000_000
_VERSION = r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})"

Version = Annotated[str, Field(pattern=f"^{_VERSION}$")]
"""Three numbers, such as 0.12.3: nothing else can be compared without doubt, or is fit for a folder's name."""
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]


class ReleaseFile(BaseModel):
    """One file of a release; `length` in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: FileName
    sha256: Sha256
    length: int = Field(ge=0)


class Release(BaseModel):
    """The manifest. Wheel and lock stand in one document, so that no two releases can be mixed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True)

    version: Version
    published_at: int = Field(ge=0)
    """Unix seconds, as its makers say."""
    wheel: ReleaseFile
    lock: ReleaseFile

    @classmethod
    def parse(cls, text: bytes) -> "Release":
        """The manifest in a file. Raises UpdateRejected naming the first field that is wrong."""
        try:
            found = cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"])) or "the document"
            raise UpdateRejected(f"{MANIFEST}: {place}: {first['msg']}.") from error
        for file, most in ((found.wheel, MAX_WHEEL_BYTES), (found.lock, MAX_LOCK_BYTES)):
            if file.length > most:
                raise UpdateRejected(f"{MANIFEST}: {file.name} is {file.length} bytes; at most {most} are taken.")
        return found


def order_of(version: str) -> tuple[int, int, int]:
    """By what versions are compared. Raises AgentError for anything but three numbers, such as a development build."""
    found = re.fullmatch(_VERSION, version)
    if found is None:
        raise AgentError(f"{version!r} is no version of a release.", hint="Releases have three numbers, such as 0.2.0.")
    major, minor, patch = map(int, found.groups())
    return major, minor, patch


def is_newer(version: str, than: str) -> bool:
    """Whether a version comes after another one; every one comes after none (empty). Raises AgentError."""
    return not than or order_of(version) > order_of(than)


def installed_version() -> str:
    """The version of this program."""
    return version_of("computehive")
