"""Pages of a list, newest first, by the row number that the last page ended with; and long lists in parts."""

from collections.abc import Callable, Collection, Iterator
from typing import Any

from sqlmodel import Session

from marketplace.domain.paging import Item, Page
from marketplace.errors import MalformedMessage

PART = 1_000
"""Values that one query names: fewer than either database takes."""


def in_parts(values: Collection[str]) -> Iterator[list[str]]:
    """All of them, at most `PART` together."""
    every = list(values)
    return (every[start : start + PART] for start in range(0, len(every), PART))


def load_page(
    session: Session,
    query: Any,
    key: Any,
    build: Callable[[Any], Item],
    cursor: str | None,
    limit: int,
) -> Page[Item]:
    """At most `limit` rows after `cursor`. Raises MalformedMessage for a cursor that no page gave out."""
    if cursor is not None:
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise MalformedMessage("cursor", f"{cursor!r} was not given out by an earlier page")
        query = query.where(key < int(cursor))
    rows = session.exec(query.order_by(key.desc()).limit(limit + 1)).all()
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(
        items=tuple(map(build, shown)),
        next_cursor=str(getattr(shown[-1], key.key)) if more else None,
    )
