"""What was read once and need not be read again: contents that never change, by their hash."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """At most about `limit` values, those that came first going first.

    Only for what its key determines, such as a signed order by its hash: nothing here is ever told of a change. Safe to
    share between threads: two may make the same value, and one too many may stay until the next comes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: dict[Key, Value] = {}

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """The value of `key`, made now where it is not here. What `make` raises is kept by nobody."""
        found = self._values.get(key)
        if found is not None:
            return found
        made = make()
        while len(self._values) >= self._limit:
            try:
                self._values.pop(next(iter(self._values)), None)
            except (RuntimeError, StopIteration):
                continue  # another thread has just added or removed one
        self._values[key] = made
        return made

    def find(self, key: Key) -> Value | None:
        """The value of `key`, if it is here."""
        return self._values.get(key)

    def __contains__(self, key: Key) -> bool:
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)
