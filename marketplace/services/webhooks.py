"""Webhooks as their owners see them: make, look at, end, and what became of each delivery."""

import hmac
from hashlib import sha256
from typing import Any

from marketplace.domain.access import Caller
from marketplace.domain.webhooks import (
    MOST_WEBHOOKS,
    Delivery,
    DeliveryState,
    Party,
    Webhook,
    parse_events,
)
from marketplace.errors import ConflictError, MalformedMessage, NotFound
from marketplace.protocol.webhooks import format_secret
from marketplace.services.market import Market
from marketplace.services.storage import Transaction


def create_webhook(market: Market, caller: Caller, url: str, events: list[str], scope: Party) -> tuple[Webhook, bool]:
    """An endpoint that is told of what happens from now on; and whether it is new.

    One that is there with the same address, events and scope is that one: a request that was repeated makes no second.
    Raises Forbidden, MalformedMessage, ConflictError where the account has as many as it may, or this market none.
    """
    caller.require_scope("webhooks:write")
    if market.courier is None:
        raise ConflictError("This market calls no webhooks.", hint="Follow jobs by their events instead.")
    wanted, refusal = parse_events(events), market.courier.refusal(url)
    if refusal:
        raise MalformedMessage("url", refusal)
    with market.store.write() as tx:
        known = tx.webhooks.of([caller.account])
        same = [one for one in known if (one.url, one.events, one.scope) == (url, wanted, scope)]
        if same:
            return same[0], False
        if len(known) >= MOST_WEBHOOKS:
            raise ConflictError(f"{caller.account} has {MOST_WEBHOOKS} webhooks.", hint="Delete one.")
        made, line = market.clock.now(), tx.webhooks.last_line()
        webhook_id = "whk_" + market.entropy(12).hex()
        webhook = Webhook(webhook_id, caller.account, url, wanted, scope, made, cursor=line)
        tx.webhooks.add(webhook)
    return webhook, True


def list_webhooks(market: Market, caller: Caller) -> dict[str, Any]:
    """Those of the caller's account, oldest first. Raises Forbidden."""
    caller.require_scope("webhooks:read")
    with market.store.read() as tx:
        return {"webhooks": [show_webhook(one) for one in tx.webhooks.of([caller.account])]}


def delete_webhook(market: Market, caller: Caller, webhook_id: str) -> None:
    """With all that it was to be told. Raises Forbidden, NotFound."""
    caller.require_scope("webhooks:write")
    with market.store.write() as tx:
        _own(tx, caller, webhook_id)
        tx.webhooks.remove(webhook_id)


def rotate_secret(market: Market, caller: Caller, webhook_id: str) -> Webhook:
    """Sign with another secret from now on, what waits too. Raises Forbidden, NotFound."""
    caller.require_scope("webhooks:write")
    with market.store.write() as tx:
        generation = _own(tx, caller, webhook_id).generation + 1
        tx.webhooks.rotate(webhook_id, generation)
    with market.store.read() as tx:
        return _own(tx, caller, webhook_id)


def list_deliveries(
    market: Market, caller: Caller, webhook_id: str, state: DeliveryState | None, cursor: str | None, limit: int
) -> dict[str, Any]:
    """What an endpoint was and is to be sent, newest first. Raises Forbidden, NotFound, MalformedMessage."""
    caller.require_scope("webhooks:read")
    with market.store.read() as tx:
        _own(tx, caller, webhook_id)
        page = tx.deliveries.page(webhook_id, [state.value] if state else [], cursor, limit)
    return {"deliveries": [show_delivery(one) for one in page.items], "nextCursor": page.next_cursor}


def redeliver(market: Market, caller: Caller, webhook_id: str, delivery_id: str) -> dict[str, Any]:
    """Send it once more, with all attempts before it; what waits already is left as it is.

    Raises Forbidden, NotFound.
    """
    caller.require_scope("webhooks:write")
    now = market.clock.now()
    with market.store.write() as tx:
        _own(tx, caller, webhook_id)
        delivery = tx.deliveries.get(delivery_id)
        if delivery is None or delivery.webhook_id != webhook_id:
            raise NotFound("delivery", delivery_id)
        if delivery.state is not DeliveryState.WAITING:
            tx.deliveries.update(delivery_id, state=DeliveryState.WAITING.value, attempts=0, due_at=now)
    with market.store.read() as tx:
        return show_delivery(tx.deliveries.get(delivery_id) or delivery)


def show_webhook(webhook: Webhook) -> dict[str, Any]:
    """Without its secret."""
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.events),
        "scope": webhook.scope.value,
        "createdAt": webhook.created_at,
    }


def show_delivery(delivery: Delivery) -> dict[str, Any]:
    """`dueAt` is the next attempt's time; of a delivery that is over, the last one's."""
    return {
        "id": delivery.id,
        "type": delivery.type,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "createdAt": delivery.created_at,
        "dueAt": delivery.due_at,
        "status": delivery.status or None,
        "error": delivery.error,
        "body": delivery.body,
    }


def key_of(market: Market, webhook: Webhook) -> bytes:
    """What its calls are signed with. It follows from the market's secret, so that no copy of the database has it."""
    return hmac.digest(market.secret, f"webhook {webhook.id} {webhook.generation}".encode(), sha256)


def secret_of(market: Market, webhook: Webhook) -> str:
    """As its owner is told."""
    return format_secret(key_of(market, webhook))


def _own(tx: Transaction, caller: Caller, webhook_id: str) -> Webhook:
    """Raises NotFound, also for another account's: that it is there is nobody else's business."""
    found = tx.webhooks.get(webhook_id)
    if found is None or found.account != caller.account:
        raise NotFound("webhook", webhook_id)
    return found
