"""What the services need from the rest of the world: bytes, time, keys, rules, and whoever is told of things."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from marketplace.domain.blobs import StoredBlob
from marketplace.domain.feed import FeedEvent, LogPiece
from marketplace.protocol.eip712 import TypedMessage
from marketplace.protocol.packing import LeaseGroup

Chosen = tuple[LeaseGroup, tuple[int, ...]]
"""A group and the places of those of its leases that a call is about."""


class Policy(Protocol):
    """What the operator admits."""

    @property
    def digest(self) -> str:
        """Of its text."""
        ...

    def refusal(self, document: dict[str, Any]) -> str:
        """Why an order is refused; empty where it is admitted. Raises ServiceUnavailable: then nothing is."""
        ...


class Signer(Protocol):
    """The operator's key, for what the market says of itself."""

    def sign(self, message: TypedMessage) -> str:
        """Its signature in the market's domain."""
        ...


class Upload(Protocol):
    """A blob that is being received."""

    def write(self, data: bytes) -> None:
        """The next bytes. Raises TooLarge."""
        ...

    def finish(self) -> bool:
        """Store what came; True if it was new. Raises DigestMismatch, StorageFull, ServiceUnavailable."""
        ...


class Blobs(Protocol):
    """Content-addressed bytes. A blob is there whole or not at all."""

    def receive(self, digest: str) -> AbstractContextManager[Upload]:
        """Take a blob in pieces; without `finish` nothing of it stays. Raises StorageFull on a full disk."""
        ...

    def put(self, digest: str, data: bytes) -> bool:
        """Store; True if it was new. Raises DigestMismatch, TooLarge, StorageFull, ServiceUnavailable."""
        ...

    def open(self, digest: str) -> BinaryIO:
        """For reading, from any place; a read raises ServiceUnavailable for a damaged blob. Raises NotFound."""
        ...

    def has(self, digest: str) -> bool: ...
    def size(self, digest: str) -> int:
        """Bytes. Raises NotFound."""
        ...

    def all(self) -> Iterator[StoredBlob]:
        """Every whole blob, in no order."""
        ...

    def delete(self, digest: str) -> bool:
        """Forget a blob; True if it was here."""
        ...


class Feed(Protocol):
    """Where what happens is told to others: every message at least once, those of one topic in order."""

    def publish(self, event: FeedEvent) -> None:
        """Returns once the message is kept for those who will ask for it. Raises ServiceUnavailable."""
        ...

    def share(self, piece: LogPiece) -> None:
        """Tell the market's other processes, without waiting; where that fails, nobody is told."""
        ...

    def follow(self, take: Callable[[LogPiece], object]) -> None:
        """Have `take` called, in a thread of the feed's, with all that is shared and that was a while ago."""
        ...

    def close(self) -> None: ...


class Clock(Protocol):
    """Unix time in whole seconds."""

    def now(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Parcel:
    """A request to somebody's endpoint: a POST with these headers and this body."""

    id: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a parcel: the status of the answer, or 0 and why there is none."""

    id: str
    status: int
    error: str = ""


class Courier(Protocol):
    """Calls endpoints that strangers name, many at once, each within a bounded time and size. None of these waits."""

    def refusal(self, url: str) -> str:
        """Why an address is never called, as far as it alone tells; empty where it may be."""
        ...

    @property
    def most(self) -> int:
        """How many parcels it is to be given at once."""
        ...

    def under_way(self) -> frozenset[str]:
        """Ids of those that were sent and not collected yet."""
        ...

    def send(self, parcel: Parcel) -> None:
        """Take a parcel, unless one of this id is under way."""
        ...

    def collect(self) -> list[Answered]:
        """What is done since the last call."""
        ...

    def close(self) -> None:
        """Give up what is under way."""
        ...


class Remedy(Protocol):
    """What the operator has configured against anomalies."""

    def apply(self, signal: str, detail: str) -> str:
        """Do it, within a bounded time; empty, or why it did not work."""
        ...
