"""The part `checkpoint` of a job specification: where a job saves its state, and what a machine may keep beside it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from marketplace.protocol.paths import RelativePath


class Checkpointing(BaseModel):
    """Where a job saves its state as it goes, so that another machine can go on from there."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    directory: RelativePath = "checkpoint"
    """Written below `/out`; found again below `/in`."""
    interval_seconds: Annotated[int, Field(ge=5, le=86_400)] = 60
    freeze: Annotated[bool, Field(exclude_if=lambda given: not given)] = False
    """Whether a machine that can may freeze the whole process when its agent is restarted, to go on with it itself."""

    def require_fit(self, program_kind: str, *, is_private: bool, has_network: bool) -> None:
        """Raises ValueError where such a job can never be frozen, and asks for it."""
        if not self.freeze:
            return
        if program_kind not in ("container", "image"):
            raise ValueError("checkpoint.freeze is for containers: other programs save what they need in a folder")
        if is_private:
            raise ValueError("checkpoint.freeze would write a private job's memory to a disk: leave out one of the two")
        if has_network:
            raise ValueError(
                "checkpoint.freeze works in gVisor, where jobs have no network, and keeps no connection: leave out one "
                "of the two"
            )
