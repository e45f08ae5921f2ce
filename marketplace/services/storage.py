"""What the services need from a database, as protocols. `adapters/store` fulfils them."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from marketplace.domain.chain import BlockRef
from marketplace.domain.notices import NoticeRecord
from marketplace.domain.outbox import OutboxItem, OutboxKind
from marketplace.domain.paging import Page
from marketplace.domain.rounds import RoundRecord
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.messages import Ask, Bid, Cancel
from marketplace.services.storage_access import AccessTables
from marketplace.services.storage_duties import SharedStore
from marketplace.services.storage_evidence import Audits, Batches, Checkpoints, Evidence, Grants, Seals
from marketplace.services.storage_leases import Leases, Matches
from marketplace.services.storage_log import AuditLog
from marketplace.services.storage_orders import Asks, Bids
from marketplace.services.storage_retention import UpkeepTransaction
from marketplace.services.storage_views import ViewedStore
from marketplace.services.storage_workflows import Workflows


class Notices(Protocol):
    """Notices to preemptible leases that stand."""

    def add(self, notice: NoticeRecord) -> None: ...
    def all(self) -> list[NoticeRecord]: ...
    def remove(self, lease_id: str) -> None: ...


class Rounds(Protocol):
    """Every round that was recorded."""

    def next_number(self) -> int: ...
    def add(self, record: RoundRecord, bid_hashes: list[str]) -> None: ...
    def get(self, number: int) -> RoundRecord | None: ...
    def last_with(self, bid_hash: str, *, matched_in: int | None = None) -> RoundRecord | None:
        """The last round that considered the bid."""
        ...

    def page(self, cursor: str | None, limit: int) -> Page[RoundRecord]:
        """Rounds without their transcripts."""
        ...

    def last(self) -> RoundRecord | None:
        """Without its transcript."""
        ...


class Timeline(Protocol):
    """What happened to each job, in order."""

    def add(
        self, bid_hash: str, at: int, kind: str, detail: dict[str, Any] | None = None, lease_id: str = ""
    ) -> None: ...
    def add_each(self, bids: Sequence[tuple[str, int]], kind: str) -> None:
        """The same to many, each with its time: hash and unix seconds."""

    def told(self, bid_hashes: Collection[str], kind: str) -> list[tuple[str, dict[str, Any]]]:
        """Lease and detail of every such event of these jobs, in order."""
        ...

    def of(self, bid_hash: str) -> list[dict[str, Any]]: ...


class Outbox(Protocol):
    """Transactions owed to the chain, oldest first."""

    def add(self, kind: OutboxKind, payload: dict[str, Any], now: int) -> int: ...
    def get(self, item_id: int) -> OutboxItem | None: ...
    def unfinished(self) -> list[OutboxItem]:
        """What is signed or sent comes first, by nonce: after a reorganisation there may be several."""
        ...

    def update(self, item_id: int, **changes: Any) -> None:
        """Set some fields of an item."""
        ...

    def of_kind(self, kind: OutboxKind, *, since: int) -> list[OutboxItem]:
        """Items of a kind that were added at `since` or later, in whatever state."""
        ...

    def of_transaction(self, tx_hash: str) -> OutboxItem | None:
        """The item that this transaction is of: one of the bytes that were signed for it."""
        ...

    def done_after(self, block: int) -> list[OutboxItem]:
        """Items whose transaction was mined above `block`."""
        ...


class Blocks(Protocol):
    """The cursor of the follower: blocks whose events are in the database."""

    def last(self) -> BlockRef | None: ...
    def newest_first(self) -> list[BlockRef]: ...
    def add(self, block: BlockRef) -> None: ...
    def roll_back(self, block: int) -> None:
        """Forget blocks and on-chain cancellations above `block`."""
        ...

    def add_cancellation(self, signer: str, kind: CancelKind, salt: int, *, block: int | None) -> None:
        """`block` is None for a signed cancel that is not on chain yet."""
        ...

    def is_cancelled(self, order: Bid | Ask) -> bool:
        """Whether its signer has cancelled the order."""
        ...

    def cancels_of(self, signer: str) -> list[Cancel]:
        """All that this account has cancelled, here or on chain."""
        ...

    def is_on_chain(self, cancel: Cancel) -> bool:
        """Whether a followed block has this very cancellation."""
        ...


class Transaction(AccessTables, UpkeepTransaction, Protocol):
    """One open transaction: what is loaded and saved, by subject."""

    @property
    def bids(self) -> Bids: ...
    @property
    def asks(self) -> Asks: ...
    @property
    def leases(self) -> Leases: ...
    @property
    def matches(self) -> Matches: ...
    @property
    def notices(self) -> Notices: ...
    @property
    def rounds(self) -> Rounds: ...
    @property
    def timeline(self) -> Timeline: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def evidence(self) -> Evidence: ...
    @property
    def checkpoints(self) -> Checkpoints: ...
    @property
    def grants(self) -> Grants: ...
    @property
    def seals(self) -> Seals: ...
    @property
    def audits(self) -> Audits: ...
    @property
    def batches(self) -> Batches: ...
    @property
    def blocks(self) -> Blocks: ...
    @property
    def log(self) -> AuditLog: ...
    @property
    def workflows(self) -> Workflows: ...


class Store(SharedStore, ViewedStore[Transaction], Protocol):
    """Short transactions; none is ever open around a network call. All raise ServiceUnavailable."""

    def read(self) -> AbstractContextManager[Transaction]:
        """A consistent view."""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """All or nothing, and one after the other."""
        ...

    def version(self) -> str:
        """Equal for two calls only where nothing was committed between them, by anybody; costs next to nothing."""
        ...
