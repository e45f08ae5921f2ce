"""A job's place in a workflow: which job it is, what it needs of others, and in whose stead it runs.

Others are named by the hashes of their bids, which their renter knows before any of them runs. What became of them is
read off the chain, as of when this job's lease opened: `marketplace.domain.upstream` says how, docs/protocol.md why.
"""

from typing import Annotated

from pydantic import Field, model_validator

from marketplace.protocol.eip712 import Bytes32
from marketplace.protocol.paths import RelativePath
from marketplace.protocol.programs import MAX_INPUT_BYTES, Document

MAX_BIDS = 64
"""Of one workflow, alternates counted: far fewer than the salts that a renter can have open at once."""
MAX_ATTEMPTS = 8
JobName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]


class Awaited(Document):
    """A file that another job produces and this one finds, read-only, under `/in`."""

    path: RelativePath
    """Where this job finds it."""
    output: Annotated[str, Field(pattern=r"^(out|log)/", max_length=1024)]
    """What the other's manifest calls it: `out/<relative path>`, `log/stdout` or `log/stderr`."""
    max_bytes: Annotated[int, Field(ge=0, le=MAX_INPUT_BYTES)]
    """A longer one is not taken."""


class Need(Document):
    """One other job that must be paid first, and which of its files this job takes."""

    bids: Annotated[tuple[Bytes32, ...], Field(min_length=1, max_length=MAX_ATTEMPTS)]
    """The hashes of its bids, of which one must be paid: an only one, or a first and those in its stead."""
    files: Annotated[tuple[Awaited, ...], Field(max_length=1_000)] = ()


class Place(Document):
    """Which job of which workflow this is. The same names and the same number stand in all jobs of the workflow."""

    name: Annotated[str, Field(max_length=120)] = ""
    """What the renter calls the workflow."""
    bids: Annotated[int, Field(ge=1, le=MAX_BIDS)]
    """How many bids make up the workflow: a part of it is none."""
    job: JobName
    needs: Annotated[tuple[Need, ...], Field(max_length=MAX_BIDS)] = ()
    instead_of: Annotated[tuple[Bytes32, ...], Field(max_length=MAX_ATTEMPTS - 1)] = ()
    """Bids for this same job that must all have been opened, and ended without pay, before this one counts."""

    @model_validator(mode="after")
    def _names_each_bid_once(self) -> "Place":
        named = [*self.instead_of, *(bid for need in self.needs for bid in need.bids)]
        if len(set(named)) != len(named):
            raise ValueError("a bid is named twice in needs and insteadOf")
        return self

    @property
    def attempt(self) -> int:
        """0 for the first bid for a job, else how many came before it."""
        return len(self.instead_of)

    @property
    def files(self) -> tuple[Awaited, ...]:
        """All files that it takes of others."""
        return tuple(entry for need in self.needs for entry in need.files)
