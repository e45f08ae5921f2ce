"""What a provider has earned, from the contract's events alone: by day, by hour, for each GPU."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from agent.chain import FollowedChain
from agent.follow import Ended, follow_leases
from agent.journal import Journal
from marketplace.domain.chain import LeaseOpened
from marketplace.protocol.enums import Outcome
from marketplace.protocol.units import SECONDS_PER_HOUR

IN_MEMORY = Path(":memory:")
HOURS_PER_DAY = 24
ENDS = {Outcome.PAID: "paid", Outcome.FAILED: "failed", Outcome.FRAUD: "fraud", Outcome.NONE: "refunded"}
"""How leases end; without a verdict they are refunded at their deadline: a strike."""


@dataclass(frozen=True, slots=True)
class Income:
    """One lease that has ended. Micro-USDC, net of the fee; unix seconds."""

    lease_id: str
    opened_at: int
    ended_at: int
    paid: int
    outcome: Outcome


def read_incomes(chain: FollowedChain, provider: str) -> list[Income]:
    """Every ended lease of a provider, at any market, in the order in which they ended. Raises ChainUnavailable.

    Reads all events since the deployment.
    """
    opened: dict[str, LeaseOpened] = {}
    ended: list[Ended] = []

    def is_own(event: LeaseOpened) -> bool:
        if event.provider == provider:
            opened[event.lease_id] = event
        return event.provider == provider

    journal = Journal(IN_MEMORY)
    try:
        follow_leases(chain, journal, is_own, ended.append)
    finally:
        journal.close()

    @cache
    def time_of(number: int) -> int:
        block = chain.block(number)
        return block.timestamp if block is not None else 0

    return [
        Income(
            each.lease_id,
            time_of(opened[each.lease_id].origin.block_number),
            time_of(each.origin.block_number),
            each.paid,
            each.outcome,
        )
        for each in ended
    ]


def sum_up(incomes: Sequence[Income], *, now: int, since: int, gpus: int) -> dict[str, Any]:
    """A JSON document about the leases that ended from `since` until `now`, unix seconds; micro-USDC.

    The hours are those of the clock, from `since` or the opening of the first such lease, whichever is later, so a
    machine that stood idle or was off earned less an hour. For each GPU where this machine has any.
    """
    chosen = [each for each in incomes if since <= each.ended_at <= now]
    start = max(since, min((each.opened_at for each in chosen), default=now))
    hours = max(0, now - start) / SECONDS_PER_HOUR
    total = sum(each.paid for each in chosen)
    hourly = total / hours if hours >= 1 else None
    return {
        "since": start,
        "until": now,
        "hours": round(hours, 2),
        "earned": str(total),
        "leases": {name: sum(each.outcome is outcome for each in chosen) for outcome, name in ENDS.items()},
        "perHour": _rounded(hourly),
        "perDay": _rounded(None if hourly is None else hourly * HOURS_PER_DAY),
        "gpus": gpus,
        "perGpuHour": _rounded(hourly / gpus if hourly is not None and gpus else None),
        "days": [{"day": day, "leases": count, "earned": str(paid)} for day, count, paid in _by_day(chosen)],
    }


def _rounded(amount: float | None) -> str | None:
    return None if amount is None else str(round(amount))


def _by_day(incomes: Iterable[Income]) -> list[tuple[str, int, int]]:
    """Days (UTC) with what ended on them."""
    found: dict[str, tuple[int, int]] = {}
    for each in incomes:
        day = datetime.fromtimestamp(each.ended_at, UTC).date().isoformat()
        count, paid = found.get(day, (0, 0))
        found[day] = count + 1, paid + each.paid
    return [(day, *found[day]) for day in sorted(found)]
