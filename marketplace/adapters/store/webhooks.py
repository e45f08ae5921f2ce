"""Webhooks, the news that they wait for, and deliveries, as rows."""

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from sqlalchemy import delete, update
from sqlmodel import Session, col, func, or_, select

from marketplace.adapters.store.paging import load_page
from marketplace.adapters.store.tables import BidRow, LeaseRow, TimelineRow
from marketplace.adapters.store.tables_access import DeliveryRow, WebhookRow
from marketplace.domain.paging import Page
from marketplace.domain.webhooks import KINDS, Delivery, DeliveryState, Line, Party, Webhook

_WAITING = DeliveryState.WAITING.value


class Webhooks:
    """Every endpoint, and how far each has been told."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, record: Webhook) -> None:
        self._session.add(WebhookRow(**asdict(record) | {"events": list(record.events), "scope": record.scope.value}))
        self._session.flush()

    def get(self, webhook_id: str) -> Webhook | None:
        row = self._session.get(WebhookRow, webhook_id)
        return _webhook(row) if row else None

    def of(self, accounts: Collection[str]) -> list[Webhook]:
        query = select(WebhookRow).where(col(WebhookRow.account).in_(sorted(accounts)))
        return [_webhook(row) for row in self._session.exec(query.order_by(col(WebhookRow.created_at), WebhookRow.id))]

    def remove(self, webhook_id: str) -> None:
        self._session.execute(delete(DeliveryRow).where(col(DeliveryRow.webhook_id) == webhook_id))
        self._session.execute(delete(WebhookRow).where(col(WebhookRow.id) == webhook_id))

    def rotate(self, webhook_id: str, generation: int) -> None:
        self._session.execute(update(WebhookRow).where(col(WebhookRow.id) == webhook_id).values(generation=generation))

    def last_line(self) -> int:
        return self._session.exec(select(func.max(TimelineRow.id))).one() or 0

    def news(self, limit: int) -> tuple[list[Line], int]:
        first = self._session.exec(select(func.min(WebhookRow.cursor))).one()
        if first is None:
            return [], 0
        ids = select(TimelineRow.id).where(col(TimelineRow.id) > first).order_by(col(TimelineRow.id)).limit(limit)
        seen = self._session.exec(ids).all()
        if not seen:
            return [], 0
        query = (
            select(TimelineRow, BidRow.renter, LeaseRow.renter, LeaseRow.provider)
            .outerjoin(BidRow, col(BidRow.bid_hash) == TimelineRow.bid_hash)
            .outerjoin(LeaseRow, col(LeaseRow.lease_id) == TimelineRow.lease_id)
            .where(col(TimelineRow.id) > first, col(TimelineRow.id) <= seen[-1], col(TimelineRow.kind).in_(KINDS))
            .order_by(col(TimelineRow.id))
        )
        return [_line(*row) for row in self._session.exec(query)], int(seen[-1] or 0)

    def advance(self, line: int) -> None:
        self._session.execute(update(WebhookRow).where(col(WebhookRow.cursor) < line).values(cursor=line))


class Deliveries:
    """What endpoints were sent, are to be sent, and could not be sent."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, record: Delivery) -> None:
        fields = {name: value for name, value in asdict(record).items() if name != "number"}
        self._session.add(DeliveryRow(**fields | {"state": record.state.value}))
        self._session.flush()

    def get(self, delivery_id: str) -> Delivery | None:
        row = self._session.exec(select(DeliveryRow).where(DeliveryRow.id == delivery_id)).first()
        return _delivery(row) if row else None

    def update(self, delivery_id: str, **changes: Any) -> None:
        self._session.execute(update(DeliveryRow).where(col(DeliveryRow.id) == delivery_id).values(**changes))

    def count_waiting(self, webhook_id: str) -> int:
        query = select(func.count()).where(DeliveryRow.webhook_id == webhook_id, DeliveryRow.state == _WAITING)
        return self._session.exec(query).one()

    def due(self, now: int, each: int) -> list[tuple[Delivery, Webhook]]:
        place = func.row_number().over(
            partition_by=col(DeliveryRow.webhook_id), order_by=(col(DeliveryRow.due_at), col(DeliveryRow.number))
        )
        waiting = (
            select(DeliveryRow.number, place.label("place"))
            .where(DeliveryRow.state == _WAITING, DeliveryRow.due_at <= now)
            .subquery()
        )
        query = (
            select(DeliveryRow, WebhookRow)
            .join(waiting, waiting.c.number == DeliveryRow.number)
            .join(WebhookRow, col(WebhookRow.id) == DeliveryRow.webhook_id)
            .where(waiting.c.place <= each)
            .order_by(col(DeliveryRow.due_at), col(DeliveryRow.number))
        )
        return [(_delivery(delivery), _webhook(webhook)) for delivery, webhook in self._session.exec(query)]

    def page(self, webhook_id: str, states: Collection[str], cursor: str | None, limit: int) -> Page[Delivery]:
        query = select(DeliveryRow).where(DeliveryRow.webhook_id == webhook_id)
        if states:
            query = query.where(col(DeliveryRow.state).in_(sorted(states)))
        return load_page(self._session, query, DeliveryRow.number, _delivery, cursor, limit)

    def forget(self, *, delivered_before: int, dead_before: int) -> None:
        row = DeliveryRow
        delivered = (col(row.state) == DeliveryState.DELIVERED.value) & (col(row.due_at) < delivered_before)
        dead = (col(row.state) == DeliveryState.DEAD.value) & (col(row.due_at) < dead_before)
        self._session.execute(delete(row).where(or_(delivered, dead)))


def _webhook(row: WebhookRow) -> Webhook:
    return Webhook(**row.model_dump() | {"events": tuple(row.events), "scope": Party(row.scope)})


def _delivery(row: DeliveryRow) -> Delivery:
    return Delivery(**row.model_dump() | {"state": DeliveryState(row.state)})


def _line(row: TimelineRow, bidder: str | None, renter: str | None, provider: str | None) -> Line:
    party = bidder or renter or ""
    return Line(row.id or 0, row.at, row.kind, row.bid_hash, row.lease_id, party, provider or "", row.detail)
