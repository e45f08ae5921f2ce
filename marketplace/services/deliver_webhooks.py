"""The worker of webhooks: news of the timeline become deliveries, deliveries that are due are sent, answers noted.

Nothing of it waits for an endpoint. Each step is a commit; whatever is under way when the process dies was not noted,
and is sent once more under the same id: at least once, never lost.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from marketplace.domain.webhooks import (
    DEAD_SECONDS,
    DELIVERED_SECONDS,
    MOST_ATTEMPTS,
    MOST_WAITING,
    Delivery,
    DeliveryState,
    Line,
    Webhook,
    delivery_id,
    events_of,
    retry_seconds,
)
from marketplace.ports import Answered, Courier, Parcel
from marketplace.protocol.webhooks import sign_webhook
from marketplace.services.market import Market
from marketplace.services.storage import Transaction
from marketplace.services.webhooks import key_of
from marketplace.telemetry.market_metrics import WEBHOOKS

LINES_AT_ONCE = 500
UNDER_WAY_EACH = 4
"""Of one webhook at once: so that a slow endpoint holds up nobody but itself."""
MAX_ERROR_CHARACTERS = 200


def deliver_webhooks(market: Market) -> bool:
    """One look: note what was answered, spread what is new, send what is due; True where there is more of the second.

    Raises ServiceUnavailable, and ConflictError where another process has the role: it sends again what was not noted.
    """
    courier = market.courier
    if courier is None:
        return False
    answered = courier.collect()
    if answered:
        _note(market, answered)
    is_more = spread_news(market)
    _send_due(market, courier)
    return is_more


def spread_news(market: Market) -> bool:
    """Write down a delivery for each webhook that wants some of the next lines; True where lines were looked at."""
    with market.store.read() as tx:
        if not tx.webhooks.news(1)[1]:
            return False
    with market.store.write() as tx:
        lines, last = tx.webhooks.news(LINES_AT_ONCE)
        _spread(tx, lines, market.clock.now())
        tx.webhooks.advance(last)
    return True


def _spread(tx: Transaction, lines: Sequence[Line], now: int) -> None:
    events = [event for line in lines for event in events_of(line)]
    accounts = {account for event in events for account in event.parties.values() if account}
    webhooks = tx.webhooks.of(accounts) if accounts else []
    history = tx.feed.history()
    waiting = {one.id: tx.deliveries.count_waiting(one.id) for one in webhooks}
    for event in events:
        for webhook in webhooks:
            if not webhook.wants(event):
                continue
            body = json.dumps(event.body(), ensure_ascii=False, separators=(",", ":"))
            made = Delivery(delivery_id(webhook.id, event, history), webhook.id, event.type, body, now, due_at=now)
            if waiting[webhook.id] >= MOST_WAITING:
                made = replace(made, state=DeliveryState.DEAD, error=f"{MOST_WAITING} deliveries were waiting already")
            waiting[webhook.id] += 1
            tx.deliveries.add(made)


def _note(market: Market, answered: Sequence[Answered]) -> None:
    now = market.clock.now()
    with market.store.write() as tx:
        for one in answered:
            delivery = tx.deliveries.get(one.id)
            if delivery is not None and delivery.state is DeliveryState.WAITING:
                result = _note_one(market, tx, delivery, one, now)
                market.instruments.meter.count(WEBHOOKS, result=result.value)
        tx.deliveries.forget(delivered_before=now - DELIVERED_SECONDS, dead_before=now - DEAD_SECONDS)


def _note_one(market: Market, tx: Transaction, delivery: Delivery, answer: Answered, now: int) -> DeliveryState:
    attempts = delivery.attempts + 1
    due_at, error = now, answer.error[:MAX_ERROR_CHARACTERS]
    if 200 <= answer.status < 300:
        state = DeliveryState.DELIVERED
    elif attempts >= MOST_ATTEMPTS:
        state = DeliveryState.DEAD
    else:
        state = DeliveryState.WAITING
        due_at = now + retry_seconds(attempts, market.entropy(1)[0] / 256)
    tx.deliveries.update(
        delivery.id, state=state.value, attempts=attempts, due_at=due_at, status=answer.status, error=error
    )
    return state


def _send_due(market: Market, courier: Courier) -> None:
    now = market.clock.now()
    with market.store.read() as tx:
        due = tx.deliveries.due(now, UNDER_WAY_EACH)
    busy = courier.under_way()
    fresh = [one for one in due if one[0].id not in busy]
    for delivery, webhook in fresh[: max(0, courier.most - len(busy))]:
        courier.send(_pack(market, delivery, webhook, now))


def _pack(market: Market, delivery: Delivery, webhook: Webhook, now: int) -> Parcel:
    body = delivery.body.encode()
    headers = {
        "content-type": "application/json",
        "webhook-id": delivery.id,
        "webhook-timestamp": str(now),
        "webhook-signature": sign_webhook(key_of(market, webhook), delivery.id, now, body),
    }
    return Parcel(delivery.id, webhook.url, headers, body)
