"""A page of a list."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items, newest first; `next_cursor` asks for the following ones, None where there are none."""

    items: tuple[Item, ...]
    next_cursor: str | None
