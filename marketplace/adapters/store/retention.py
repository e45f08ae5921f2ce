"""What may be forgotten, as rows. Each deletion is bounded, and asks again whether what it deletes has ended."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, delete, exists, func, not_, or_, select
from sqlmodel import Session, col

from marketplace.adapters.store.paging import in_parts
from marketplace.adapters.store.tables import (
    AskRow,
    BidRow,
    LeaseRow,
    MatchRow,
    NodeRow,
    RoundBidRow,
    TimelineRow,
    WorkflowBidRow,
)
from marketplace.adapters.store.tables_access import ApiKeyRow, WebhookRow
from marketplace.adapters.store.tables_evidence import (
    AttestationRow,
    AuditRow,
    BatchLeaseRow,
    CheckpointRow,
    JudgementRow,
    KeyGrantRow,
    ReceiptRow,
    SealRow,
    VerdictRow,
)
from marketplace.adapters.store.tables_retention import CursorRow, ExitRow, ForgottenBlobRow
from marketplace.domain.jobs import END_STATES
from marketplace.domain.leases import MatchState
from marketplace.domain.orders import OrderState
from marketplace.domain.retention import DAY, UNTOLD_DAYS, BlobUse, Kept
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.manifest import STDERR_PATH, STDOUT_PATH
from marketplace.protocol.messages import Attestation

_ENDS = [state.value for state in END_STATES]
_OF_LEASES = (
    AttestationRow, CheckpointRow, SealRow, VerdictRow, AuditRow, ReceiptRow, BatchLeaseRow, JudgementRow,
)  # fmt: skip
PAGE = 500
"""Rows of which the blobs are read at once."""


class Forgetting:
    """`services.storage_retention.Forgetting`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def count(self, kind: Kept, before: int, unplaceable: int) -> int:
        """How many rows of this kind there are to forget."""
        return sum(self._count(query) for query in _queries(kind, before, unplaceable))

    def forget(self, kind: Kept, before: int, unplaceable: int, limit: int) -> int:
        """Forget at most so many; how many it were."""
        forgotten = 0
        for query in _queries(kind, before, unplaceable):
            keys = list(self._session.execute(query.limit(limit - forgotten)).scalars())
            if keys:
                self._delete(kind, query, keys)
                forgotten += len(keys)
        return forgotten

    def uses(self, bids_after: int = 0, since: int = 0) -> Iterator[BlobUse]:
        """Every use of a blob, or those of bids with a greater id and of what was received since then."""
        yield from self._uses_of_bids(bids_after)
        for row in (AttestationRow, CheckpointRow):
            yield from self._uses_of_leases(row, since)

    def last_bid(self) -> int:
        """The id of the newest bid; 0 without one."""
        return self._session.execute(select(func.max(BidRow.id))).scalar() or 0

    def doom(self, digests: Collection[str]) -> None:
        """They are about to be deleted: nobody may name them."""
        self._session.add_all(ForgottenBlobRow(digest=one) for one in digests)
        self._session.flush()

    def doomed(self) -> list[str]:
        """Those whose deletion was begun and not noted as done."""
        query = select(ForgottenBlobRow.digest).where(col(ForgottenBlobRow.gone_at).is_(None))
        return list(self._session.execute(query).scalars())

    def gone(self, digests: Collection[str], at: int) -> None:
        for digest in digests:
            self._session.merge(ForgottenBlobRow(digest=digest, gone_at=at))
        self._session.flush()

    def find(self, digests: Collection[str]) -> dict[str, int | None]:
        """Of these, what is being deleted (None) or is gone (since when)."""
        found: dict[str, int | None] = {}
        for some in in_parts(digests):
            query = select(ForgottenBlobRow).where(col(ForgottenBlobRow.digest).in_(some))
            found |= {row.digest: row.gone_at for row in self._session.execute(query).scalars()}
        return found

    def came_back(self, digest: str) -> None:
        self._session.execute(delete(ForgottenBlobRow).where(col(ForgottenBlobRow.digest) == digest))

    def clear(self, before: int) -> None:
        """No more word of what was gone before then."""
        self._session.execute(delete(ForgottenBlobRow).where(col(ForgottenBlobRow.gone_at) < before))

    def position(self, name: str) -> int:
        row = self._session.get(CursorRow, name)
        return row.position if row else 0

    def move(self, name: str, position: int) -> None:
        self._session.merge(CursorRow(name=name, position=position))
        self._session.flush()

    def _count(self, query: Select) -> int:
        return self._session.execute(select(func.count()).select_from(query.subquery())).scalar() or 0

    def _delete(self, kind: Kept, query: Select, keys: list[Any]) -> None:
        column = next(iter(query.selected_columns))
        if kind is Kept.ORDERS and column.table is BidRow.__table__:
            for row in (RoundBidRow, TimelineRow):
                self._session.execute(delete(row).where(col(row.bid_hash).in_(keys)))
        if column.table is AttestationRow.__table__:
            self._keep_exits(keys)
        self._session.execute(delete(column.table).where(column.in_(keys)))

    def _keep_exits(self, lease_ids: list[str]) -> None:
        """Of jobs of workflows: a program that failed, and was paid, would have ended well otherwise."""
        query = (
            select(AttestationRow.lease_id, AttestationRow.attestation)
            .join(LeaseRow, col(LeaseRow.lease_id) == col(AttestationRow.lease_id))
            .join(WorkflowBidRow, col(WorkflowBidRow.bid_hash) == col(LeaseRow.bid_hash))
            .where(col(AttestationRow.lease_id).in_(lease_ids))
        )
        for lease_id, attestation in self._session.execute(query):
            self._session.merge(ExitRow(lease_id=lease_id, exit_code=Attestation.parse(attestation).exit_code))
        self._session.flush()

    def _uses_of_bids(self, after: int) -> Iterator[BlobUse]:
        ended = select(func.max(_ended_at())).where(LeaseRow.bid_hash == BidRow.bid_hash).scalar_subquery()
        bid_hash = col(BidRow.bid_hash)
        is_over = and_(col(BidRow.job_state).in_(_ENDS), not_(_has_open_lease(bid_hash)), not_(_is_awaited(bid_hash)))
        while True:
            query = select(BidRow.id, BidRow.job_spec, BidRow.bid, is_over, ended)
            rows = self._session.execute(query.where(col(BidRow.id) > after).order_by(col(BidRow.id)).limit(PAGE)).all()
            for row_id, job_spec, bid, over, last_ended in rows:
                after = row_id
                ended_at = max(int(bid["validUntil"]), last_ended or 0) if over else None
                yield BlobUse(JobSpec.parse(job_spec).blob_digests(), (), ended_at)
            if len(rows) < PAGE:
                return

    def _uses_of_leases(self, row: type[AttestationRow] | type[CheckpointRow], since: int) -> Iterator[BlobUse]:
        after = ""
        sealed = row.sealed if row is AttestationRow else row.manifest
        while True:
            is_over = and_(col(LeaseRow.closed_block).is_not(None), not_(_is_awaited(col(LeaseRow.bid_hash))))
            query = select(row.lease_id, row.manifest, sealed, is_over, _ended_at()).outerjoin(
                LeaseRow, col(LeaseRow.lease_id) == col(row.lease_id)
            )
            query = query.where(col(row.lease_id) > after, col(row.received_at) >= since)
            rows = self._session.execute(query.order_by(col(row.lease_id)).limit(PAGE)).all()
            for lease_id, manifest, ciphertexts, over, ended_at in rows:
                after = lease_id
                yield _use_of([manifest, ciphertexts or {"entries": []}], ended_at if over else None)
            if len(rows) < PAGE:
                return


def _use_of(manifests: Sequence[dict[str, Any]], ended_at: int | None) -> BlobUse:
    entries = [entry for manifest in manifests for entry in manifest["entries"]]
    logs = tuple(entry["digest"] for entry in entries if entry["path"] in (STDOUT_PATH, STDERR_PATH))
    others = tuple(entry["digest"] for entry in entries if entry["path"] not in (STDOUT_PATH, STDERR_PATH))
    return BlobUse(others, logs, ended_at)


def _queries(kind: Kept, before: int, unplaceable: int) -> list[Select]:
    """The keys of what is to be forgotten, each query those of one table."""
    if kind is Kept.NODES:
        is_offered = exists().where(AskRow.agent == NodeRow.agent, AskRow.state == OrderState.LIVE.value)
        return [select(NodeRow.agent).where(NodeRow.last_seen < before, not_(is_offered))]
    if kind is Kept.ORDERS:
        return [_unmatched_bids(min(before, unplaceable)), _unmatched_asks(min(before, unplaceable))]
    if kind is Kept.EVENTS:
        is_over = col(TimelineRow.bid_hash).in_(_ended_jobs(before))
        return [select(TimelineRow.id).where(is_over, not_(_is_untold(before)))]
    if kind is Kept.KEYS:
        ended = or_(col(ApiKeyRow.revoked_at) < before, col(ApiKeyRow.expires_at) < before)
        return [select(ApiKeyRow.id).where(ended)]
    ended = _ended_leases(before)
    grants = select(KeyGrantRow.job_id).where(col(KeyGrantRow.job_id).in_(_ended_jobs(before))).distinct()
    return [*(select(row.lease_id).where(col(row.lease_id).in_(ended)).distinct() for row in _OF_LEASES), grants]


def _ended_at() -> ColumnElement[int]:
    """Of a closed lease: one may be closed long after its deadline, as where the market was down for a month."""
    closed, deadline = col(LeaseRow.closed_at), col(LeaseRow.deadline)
    return case((closed > deadline, closed), else_=deadline)


def _ended_leases(before: int) -> Select:
    is_closed = (col(LeaseRow.closed_block).is_not(None), _ended_at() < before)
    return select(LeaseRow.lease_id).where(*is_closed, not_(_is_awaited(col(LeaseRow.bid_hash))))


def _ended_jobs(before: int) -> Select:
    """Jobs at their end that were placed before then, of whose leases none is open or ended later, and of which
    nothing was told since: one that waited for long and ended just now has not been over for long.
    """
    is_later = exists().where(
        LeaseRow.bid_hash == BidRow.bid_hash,
        or_(col(LeaseRow.closed_block).is_(None), _ended_at() >= before),
    )
    is_reserved = exists().where(MatchRow.bid_hash == BidRow.bid_hash, MatchRow.state == MatchState.RESERVED.value)
    is_news = exists().where(TimelineRow.bid_hash == BidRow.bid_hash, TimelineRow.at >= before).correlate(BidRow)
    is_over = (BidRow.state != OrderState.LIVE.value, col(BidRow.job_state).in_(_ENDS), BidRow.placed_at < before)
    return select(BidRow.bid_hash).where(*is_over, not_(is_later), not_(is_reserved), not_(is_news))


def _unmatched_bids(before: int) -> Select:
    """But for each renter's highest salt, which says what the next one is, and bids of workflows, which show them."""
    is_known = or_(
        exists().where(MatchRow.bid_hash == BidRow.bid_hash),
        exists().where(LeaseRow.bid_hash == BidRow.bid_hash),
        exists().where(WorkflowBidRow.bid_hash == BidRow.bid_hash),
    )
    other = BidRow.__table__.alias()
    has_higher = exists().where(other.c.renter == BidRow.renter, other.c.salt > BidRow.salt)
    is_untold = exists().where(TimelineRow.bid_hash == BidRow.bid_hash, _is_untold(before)).correlate(BidRow)
    return _ended_jobs(before).where(not_(is_known), has_higher, not_(is_untold))


def _unmatched_asks(before: int) -> Select:
    """But for the newest of each agent, which says what its node is."""
    is_known = or_(
        exists().where(MatchRow.ask_hash == AskRow.ask_hash), exists().where(LeaseRow.ask_hash == AskRow.ask_hash)
    )
    other = AskRow.__table__.alias()
    has_newer = exists().where(
        other.c.agent == AskRow.agent, other.c.provider == AskRow.provider, other.c.id > AskRow.id
    )
    is_over = (AskRow.state != OrderState.LIVE.value, AskRow.placed_at < before)
    return select(AskRow.ask_hash).where(*is_over, not_(is_known), has_newer)


def _is_untold(before: int) -> ColumnElement[bool]:
    """Whether a line of a timeline waits until webhooks are considered for it; not for ever, if nobody does that."""
    least = select(func.min(WebhookRow.cursor)).scalar_subquery()
    is_next = col(TimelineRow.id) > func.coalesce(least, col(TimelineRow.id))
    return and_(is_next, TimelineRow.at >= before - UNTOLD_DAYS * DAY)


def _has_open_lease(bid_hash: Any) -> ColumnElement[bool]:
    return exists().where(LeaseRow.bid_hash == bid_hash, col(LeaseRow.closed_block).is_(None))


def _is_awaited(bid_hash: Any) -> ColumnElement[bool]:
    """Whether it is of a workflow in which another bid has not ended: that one may need its result."""
    own, other, waiting = (row.__table__.alias() for row in (WorkflowBidRow, WorkflowBidRow, BidRow))
    return exists().where(
        own.c.bid_hash == bid_hash,
        other.c.workflow == own.c.workflow,
        waiting.c.bid_hash == other.c.bid_hash,
        waiting.c.job_state.not_in(_ENDS),
    )
