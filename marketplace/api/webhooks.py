"""Webhooks and their deliveries."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import Field

from marketplace.api.bodies import Body
from marketplace.api.callers import caller_of
from marketplace.api.limits import Limits
from marketplace.api.paging import Cursor, Limit
from marketplace.domain.access import Caller
from marketplace.domain.webhooks import EVENT_TYPES, MAX_URL_CHARACTERS, DeliveryState, Party
from marketplace.services.market import Market
from marketplace.services.webhooks import (
    create_webhook,
    delete_webhook,
    list_deliveries,
    list_webhooks,
    redeliver,
    rotate_secret,
    secret_of,
    show_webhook,
)

WebhookId = Annotated[str, Path(pattern="^whk_[0-9a-f]{24}$")]
DeliveryId = Annotated[str, Path(pattern="^msg_[0-9a-f]{32}$")]


class WebhookBody(Body):
    """What to call, and of what to tell it: of jobs that one pays for, of leases that one serves, or both."""

    url: Annotated[str, Field(min_length=1, max_length=MAX_URL_CHARACTERS)]
    events: Annotated[list[str], Field(min_length=1, max_length=len(EVENT_TYPES), description=", ".join(EVENT_TYPES))]
    scope: Party = Party.ALL


def webhook_routes(market: Market, limits: Limits) -> APIRouter:
    """Everything under /webhooks."""
    router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"])
    find = caller_of(market, limits)
    Asking = Annotated[Caller, Depends(find)]

    @router.post(
        "",
        status_code=201,
        operation_id="create_webhook",
        summary="Be called from now on; 200 where it is there already",
    )
    def create(body: WebhookBody, caller: Asking, response: Response) -> dict[str, Any]:
        """`secret` is told this once."""
        webhook, is_new = create_webhook(market, caller, body.url, body.events, body.scope)
        if not is_new:
            response.status_code = 200
        return show_webhook(webhook) | {"secret": secret_of(market, webhook) if is_new else None}

    @router.get("", operation_id="list_webhooks", summary="One's webhooks, oldest first")
    def webhooks(caller: Asking) -> dict[str, Any]:
        return list_webhooks(market, caller)

    @router.delete("/{webhook_id}", operation_id="delete_webhook", summary="Call it no longer")
    def delete(webhook_id: WebhookId, caller: Asking) -> dict[str, Any]:
        delete_webhook(market, caller, webhook_id)
        return {"deleted": webhook_id}

    @router.post("/{webhook_id}/secret", operation_id="rotate_secret", summary="Sign with another secret from now on")
    def rotate(webhook_id: WebhookId, caller: Asking) -> dict[str, Any]:
        """`secret` is told this once; the one before is good for nothing any more."""
        webhook = rotate_secret(market, caller, webhook_id)
        return show_webhook(webhook) | {"secret": secret_of(market, webhook)}

    @router.get(
        "/{webhook_id}/deliveries",
        operation_id="list_deliveries",
        summary="What it was and is to be sent, newest first; `state=dead` for dead letters",
    )
    def deliveries(
        webhook_id: WebhookId,
        caller: Asking,
        state: DeliveryState | None = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> dict[str, Any]:
        return list_deliveries(market, caller, webhook_id, state, cursor, limit)

    @router.post(
        "/{webhook_id}/deliveries/{delivery_id}/redelivery",
        status_code=202,
        operation_id="redeliver",
        summary="Send it once more",
    )
    def again(webhook_id: WebhookId, delivery_id: DeliveryId, caller: Asking) -> dict[str, Any]:
        return redeliver(market, caller, webhook_id, delivery_id)

    return router
