"""Which history of a market a position is of: a database that was restored or copied gives the same numbers again.

Each begins with a name of its own, drawn at random, and what others keep of it has that name before the number. A
database that was never put in another's place has none.
"""

import re

NAME_BYTES = 6
_MARKED = re.compile(rf"([0-9a-f]{{{2 * NAME_BYTES}}})-(.*)", re.DOTALL)


def mark_position(history: str, position: str) -> str:
    """As others are to keep it."""
    return f"{history}-{position}" if history else position


def resume_position(history: str, kept: str) -> str:
    """What was marked, where that was in this history; else nothing, as of somebody who comes for the first time."""
    found = _MARKED.fullmatch(kept)
    of, position = found.groups() if found else ("", kept)
    return position if of == history else ""
