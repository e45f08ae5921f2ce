"""A node says that it is alive."""

from marketplace.errors import ExpiredOrder, MalformedMessage, NotFound
from marketplace.protocol.messages import Heartbeat, require_signed_by
from marketplace.services.market import Market

CLOCK_SKEW_SECONDS = 120
"""How far a node's clock may be off; older heartbeats are replays."""


def record_heartbeat(market: Market, agent: str, heartbeat: Heartbeat, signature: str) -> int:
    """Unix seconds of the node's last sign of life.

    Raises MalformedMessage, InvalidSignature, ExpiredOrder (a replay, or a clock that is off), NotFound (no ask).
    """
    if heartbeat.agent != agent:
        raise MalformedMessage(
            "Heartbeat.agent",
            f"{heartbeat.agent} is not the node {agent} of the address",
        )
    require_signed_by(heartbeat, agent, market.chain.domain, signature)
    now = market.clock.now()
    if abs(now - heartbeat.sent_at) > CLOCK_SKEW_SECONDS:
        raise ExpiredOrder(
            f"The heartbeat was sent at {heartbeat.sent_at}; it is {now}.",
            hint="Set the node's clock right.",
            sentAt=heartbeat.sent_at,
            now=now,
        )
    with market.store.write() as tx:
        if tx.asks.latest_of_agent(agent) is None:
            raise NotFound("node", agent)
        tx.asks.seen(agent, now, heartbeat.drains_by)
        return tx.asks.last_seen(agent)
