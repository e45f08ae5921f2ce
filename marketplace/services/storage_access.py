"""What the services need from a database about sessions, keys and webhooks, as protocols."""

from collections.abc import Collection
from typing import Any, Protocol

from marketplace.domain.access import ApiKey, Session
from marketplace.domain.paging import Page
from marketplace.domain.webhooks import Delivery, Line, Webhook


class Sessions(Protocol):
    """Who has signed in."""

    def add(self, record: Session) -> None: ...
    def with_token(self, token_hash: str) -> Session | None: ...
    def is_used(self, nonce: str) -> bool:
        """Whether a session that is not forgotten was opened with it."""
        ...

    def of(self, account: str) -> list[Session]:
        """Oldest first, ended ones too."""
        ...

    def end(self, session_id: str, at: int) -> None: ...
    def forget(self, before: int) -> None:
        """Those that expired before."""
        ...


class ApiKeys(Protocol):
    """Keys that sessions made."""

    def add(self, record: ApiKey) -> None: ...
    def with_token(self, token_hash: str) -> ApiKey | None: ...
    def of(self, account: str) -> list[ApiKey]:
        """Oldest first, revoked ones too."""
        ...

    def use(self, key_id: str, at: int) -> None: ...
    def revoke(self, key_id: str, at: int) -> None: ...


class Webhooks(Protocol):
    """Endpoints, and how far each has been told."""

    def add(self, record: Webhook) -> None: ...
    def get(self, webhook_id: str) -> Webhook | None: ...
    def of(self, accounts: Collection[str]) -> list[Webhook]:
        """Oldest first."""
        ...

    def remove(self, webhook_id: str) -> None:
        """With its deliveries."""
        ...

    def rotate(self, webhook_id: str, generation: int) -> None: ...
    def last_line(self) -> int:
        """The timeline's newest; 0 for none."""
        ...

    def news(self, limit: int) -> tuple[list[Line], int]:
        """Of the next `limit` lines of the timeline that not every webhook was considered for, those that somebody may
        want to be told of; and the last of all of them, 0 where there is none.
        """
        ...

    def advance(self, line: int) -> None:
        """Every webhook was considered for all lines up to this one."""
        ...


class Deliveries(Protocol):
    """What is sent to endpoints."""

    def add(self, record: Delivery) -> None: ...
    def get(self, delivery_id: str) -> Delivery | None: ...
    def update(self, delivery_id: str, **changes: Any) -> None:
        """Set some fields; a delivery that is gone is left alone."""
        ...

    def count_waiting(self, webhook_id: str) -> int: ...
    def due(self, now: int, each: int) -> list[tuple[Delivery, Webhook]]:
        """What is to be tried now, of each webhook the first `each`."""
        ...

    def page(self, webhook_id: str, states: Collection[str], cursor: str | None, limit: int) -> Page[Delivery]: ...
    def forget(self, *, delivered_before: int, dead_before: int) -> None: ...


class AccessTables(Protocol):
    """This part of an open transaction."""

    @property
    def sessions(self) -> Sessions: ...
    @property
    def api_keys(self) -> ApiKeys: ...
    @property
    def webhooks(self) -> Webhooks: ...
    @property
    def deliveries(self) -> Deliveries: ...
