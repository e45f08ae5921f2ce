"""How the market is doing, for everybody: which part works, what the watcher found, the last round, the chain."""

from typing import Any

from marketplace.domain.anomalies import Finding
from marketplace.domain.roles import WORKERS
from marketplace.domain.rounds import RoundRecord
from marketplace.services.follow_chain import blocks_behind
from marketplace.services.market import Market
from marketplace.telemetry.market_metrics import HEAD

CHAIN_AWAY = "chain_unavailable"
ELSEWHERE, NOBODY = "elsewhere", "nobody"
"""Of a role: another process of this market has it, or none."""
WELL = ("ok", ELSEWHERE)
LEAST_LAG = 10
"""Blocks behind the head from which on the market counts as catching up."""


def show_status(market: Market) -> dict[str, Any]:
    """`ok`, `degraded` (something fails or a finding is open) or `down` (the chain is away, or nothing is followed).

    From memory and a few rows of the database alone: asking costs the chain nothing, and answers while it is away. The
    parts of other processes of this market are said to be elsewhere, and what those found stands in their logs.
    """
    instruments = market.instruments
    steps, found = _parts(market), instruments.findings
    head = int(instruments.meter.value(HEAD)) or None
    with market.store.look() as tx:
        last, followed = tx.rounds.last(), tx.blocks.last()
        lag = blocks_behind(market, tx, head) if head is not None else None
    open_now, over = list(found.open.values()), list(found.over)
    return {
        "status": _overall(steps, lag, bool(open_now)),
        "at": market.clock.now(),
        "market": market.address,
        "chain": {
            "id": market.chain.domain.chain_id,
            "head": head,
            "followed": followed.number if followed is not None else None,
            "lag": lag,
        },
        "components": [{"name": name, "status": state} for name, state in steps.items()],
        "lastRound": _round(last) if last is not None else None,
        "findings": [_finding(one) for one in sorted(open_now, key=lambda one: one.opened_at)],
        "past": [_finding(one) for one in reversed(over)],
    }


def _parts(market: Market) -> dict[str, str]:
    """Every role, and what else works in this process: `ok`, `stuck`, an error's code, ELSEWHERE or NOBODY."""
    own, manned = market.instruments.steps.show(), market.store.manned_duties()
    others = {role: ELSEWHERE if role in manned else NOBODY for role in WORKERS if role not in own}
    return dict(sorted((own | others).items()))


def _overall(steps: dict[str, str], lag: int | None, has_findings: bool) -> str:
    if steps["follower"] in (CHAIN_AWAY, "stuck", NOBODY):
        return "down"
    if has_findings or any(state not in WELL for state in steps.values()) or (lag or 0) >= LEAST_LAG:
        return "degraded"
    return "ok"


def _round(record: RoundRecord) -> dict[str, Any]:
    return {
        "number": record.number,
        "clearedAt": record.cleared_at,
        "bids": record.summary["bids"],
        "asks": record.summary["asks"],
        "matches": record.summary["matches"],
        "digest": record.digest,
    }


def _finding(one: Finding) -> dict[str, Any]:
    return {
        "signal": one.signal,
        "detail": one.sentence,
        "openedAt": one.opened_at,
        "endedAt": one.ended_at,
        "endedBy": one.ended_by or None,
    }
