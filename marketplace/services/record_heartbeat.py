"""A node says that it is alive."""

from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.domain.orders import SignOfLife
from marketplace.errors import ExpiredOrder, MalformedMessage, MarketError, NotFound
from marketplace.protocol.messages import Heartbeat, require_signed_by
from marketplace.services.market import Market
from marketplace.services.preempt import Notices, notices_of

CLOCK_SKEW_SECONDS = 120
"""How far a node's clock may be off; older heartbeats are replays."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a node is answered."""

    last_seen: int
    """Unix seconds of its last sign of life."""
    notices: Notices


def record_heartbeat(market: Market, agent: str, heartbeat: Heartbeat, signature: str) -> Heard:
    """Note that the node lives, with all the heartbeats that come at the same time.

    Raises MalformedMessage, InvalidSignature, ExpiredOrder (a replay, or a clock that is off), NotFound (no ask),
    ServiceUnavailable.
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
    sign = SignOfLife(agent, now, heartbeat.drains_by)
    (outcome,) = market.hearing.submit([sign], lambda all_of_them: _write(market, all_of_them))
    if isinstance(outcome, MarketError):
        raise outcome
    return outcome


def _write(market: Market, signs: Sequence[SignOfLife]) -> list[Heard | MarketError]:
    with market.store.write() as tx:
        seen = tx.asks.hear(signs)
        notices = notices_of(tx, set(seen))
    return [
        Heard(seen[one.agent], notices.get(one.agent, [])) if one.agent in seen else NotFound("node", one.agent)
        for one in signs
    ]
