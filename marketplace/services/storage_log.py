"""What the services need from a database for the audit log, as a protocol."""

from collections.abc import Collection
from typing import Any, Protocol

from marketplace.protocol.audit_log import LogEntry, LogKind
from marketplace.protocol.merkle_log import Frontier, Node


class AuditLog(Protocol):
    """Everything that the market did, in order. Nothing is ever altered or taken out."""

    def add(self, kind: LogKind, at: int, subject: str = "", detail: dict[str, Any] | None = None) -> None:
        """Enter an act, with the transaction that it is part of; it can be read once that is committed."""
        ...

    def frontier(self) -> Frontier: ...
    def nodes(self, wanted: Collection[Node]) -> dict[Node, bytes]:
        """Hashes of complete nodes that are in the tree."""
        ...

    def page(self, first: int, limit: int) -> list[LogEntry]:
        """From the entry `first` on."""
        ...

    def of_subject(self, subject: str, limit: int) -> list[LogEntry]:
        """The first entries about something."""
        ...
