"""The part `checkpoint` of a job specification: where a job saves its state, and what a machine may keep beside it."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


def _relative_path(path: str) -> str:
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or "\x00" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError("expected a relative path without '.', '..', backslash or empty parts")
    return path


RelativePath = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_relative_path)]


class Checkpointing(BaseModel):
    """Where a job saves its state as it goes, so that another machine can go on from there."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    directory: RelativePath = "checkpoint"
    """Written below `/out`; found again below `/in`."""
    interval_seconds: Annotated[int, Field(ge=5, le=86_400)] = 60
    freeze: bool = False
    """Whether a machine that can may freeze the whole process when its agent is restarted, to go on with it itself."""
