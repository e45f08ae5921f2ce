"""Query parameters that lists share."""

from typing import Annotated

from fastapi import Query

from marketplace.domain.jobs import JobState
from marketplace.errors import MalformedMessage

Limit = Annotated[int, Query(ge=1, le=200, description="How many, newest first.")]
Cursor = Annotated[str | None, Query(description="`nextCursor` of the page before.")]
States = Annotated[
    str | None,
    Query(description="States, separated by commas; `open` for every lease not closed."),
]
_OPEN = (JobState.RUNNING, JobState.ATTESTED, JobState.VERIFYING, JobState.SETTLING)


def parse_states(text: str | None) -> list[str]:
    """The states in a comma-separated list. Raises MalformedMessage naming one that does not exist."""
    found: list[str] = []
    for name in filter(None, (text or "").split(",")):
        if name == "open":
            found += [state.value for state in _OPEN]
        elif name in set(JobState):
            found.append(name)
        else:
            raise MalformedMessage("state", f"{name!r} is none of {', '.join(JobState)}, open")
    return found
