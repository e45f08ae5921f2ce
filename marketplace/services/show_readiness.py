"""Whether the market can do its work now, and if not, why."""

from typing import Any

import structlog

from marketplace.domain.roles import WORKERS
from marketplace.errors import ChainUnavailable, ServiceUnavailable
from marketplace.services.follow_chain import blocks_behind
from marketplace.services.market import Market
from marketplace.services.workers import Workers

MOST_BLOCKS_BEHIND = 100
"""How far behind the chain what the market shows may be."""
_log = structlog.get_logger("computehive.api")


def show_readiness(market: Market, workers: Workers | None) -> dict[str, Any]:
    """`{status: "ready"}`: the database takes writes, the chain answers and is followed, all workers are at work, and
    the roles that this process does not do are some other's.

    The schema is not asked for: a database that is not of this version's is migrated, or refused, before anything is
    served. Replicas of the database are told of, where there are any: one that is away is no reason, as the primary
    does its work. Raises ServiceUnavailable with every reason.
    """
    reasons = [*_of_database(market), *_of_chain(market)]
    reasons += [*workers.troubles(), *_of_others(market, workers)] if workers else ["no workers run in this process"]
    if reasons:
        raise ServiceUnavailable(
            f"The market is not ready: {'; '.join(reasons)}.", hint="Send requests elsewhere for now.", reasons=reasons
        )
    return {"status": "ready"} | _replicas(market)


def _replicas(market: Market) -> dict[str, Any]:
    known = market.store.replicas()
    shown = [{"replica": one.number, "used": one.is_used, "lagSeconds": _rounded(one.lag_seconds)} for one in known]
    return {"replicas": shown} if shown else {}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _of_database(market: Market) -> list[str]:
    try:
        with market.store.write():
            return []
    except Exception as error:  # whatever a driver raises for a full disk, a lost server, a read-only file
        _log.error("database takes no writes", kind=type(error).__name__, detail=str(error))
        return ["the database takes no writes"]


def _of_chain(market: Market) -> list[str]:
    try:
        head = market.chain.head().number
    except ChainUnavailable:
        return ["the chain does not answer"]
    with market.store.read() as tx:
        behind = blocks_behind(market, tx, head)
    return [f"the market is {behind} blocks behind the chain"] if behind > MOST_BLOCKS_BEHIND else []


def _of_others(market: Market, workers: Workers) -> list[str]:
    """Roles of other processes, as their database knows them: what their steps come to is theirs to say."""
    here_or_manned = workers.roles | market.store.manned_duties()
    return [f"no process has the role {role}" for role in WORKERS if role not in here_or_manned]
