"""The operator's policy: the last thing that an order has to pass, and the only one that is the operator's choice."""

from typing import Any

from marketplace.errors import PolicyRefused
from marketplace.protocol.audit_log import LogKind
from marketplace.protocol.messages import Ask, Bid
from marketplace.services.market import Market
from marketplace.services.order_limit import OrderLimit

MOST_OF_SUBJECT = 10


def require_admission(
    market: Market, order: Bid | Ask, signer: str, attached: dict[str, Any], limit: OrderLimit, now: int
) -> None:
    """Ask the policy, if there is one, about an order that is good otherwise; `attached` is what came with it.

    Raises PolicyRefused, ServiceUnavailable where the policy gives no answer, TooManyRequests: a refusal counts as an
    order, and is entered into the audit log, each order's once.
    """
    if market.policy is None:
        return
    order_hash, kind = order.struct_hash(), type(order).__name__.lower()
    asked = {"kind": kind, "signer": signer, "orderHash": order_hash, "now": now, "order": order.to_json()} | attached
    reason = market.policy.refusal(asked)
    if not reason:
        return
    limit.count_order(signer)
    with market.store.write() as tx:
        entered = tx.log.of_subject(order_hash, MOST_OF_SUBJECT)
        if not any(one.kind == LogKind.ORDER_REFUSED for one in entered):
            tx.log.add(LogKind.ORDER_REFUSED, now, order_hash, {"signer": signer, "order": kind, "reason": reason})
    raise PolicyRefused(
        f"This market's policy refuses the {kind}: {reason}.",
        hint="Ask its operator, or sign for another market.",
        reason=reason,
        orderHash=order_hash,
    )
