"""What the services need from a database, as protocols; the classes of `adapters/store` document each call."""

from contextlib import AbstractContextManager
from typing import Any, Protocol


class Transaction(Protocol):
    """One open transaction: what is loaded and saved, by subject."""

    bids: Any
    asks: Any
    leases: Any
    matches: Any
    rounds: Any
    timeline: Any
    outbox: Any
    evidence: Any
    batches: Any
    blocks: Any


class Store(Protocol):
    """Short transactions; none is ever open around a network call."""

    def read(self) -> AbstractContextManager[Transaction]:
        """A consistent view."""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """All or nothing."""
        ...
