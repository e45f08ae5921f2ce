"""When this machine takes no new leases for a while: outside its hours, while something worries it, or while the
machines that run its jobs are away.

Its ask is withdrawn then, and posted again afterwards. What is leased runs on.
"""

from collections.abc import Callable, Sequence

import structlog

from agent.schedule import Hours, is_open
from agent.vitals import Caution, Vitals, find_worries

log = structlog.get_logger("provider")
LOOK_SECONDS = 15
"""How often the machine is looked at."""
HOURS, ELSEWHERE = "hours", "elsewhere"


class Pauses:
    """Whether to offer now; says so in the log whenever that changes."""

    def __init__(
        self,
        schedule: Sequence[Hours],
        caution: Caution,
        read: Callable[[], Vitals],
        now: Callable[[], float],
        find_worry: Callable[[], str] = lambda: "",
    ) -> None:
        """`find_worry`: what speaks against new leases on the machines that run them, where that is not this one."""
        self._schedule, self._caution, self._read, self._now = schedule, caution, read, now
        self._find_worry = find_worry
        self._looked_at: float | None = None
        self._reasons: dict[str, str] = {}

    def is_paused(self) -> bool:
        """Whether to take no new leases."""
        now = self._now()
        if self._looked_at is None or not 0 <= now - self._looked_at < LOOK_SECONDS:
            self._looked_at = now
            self._look(now)
        return bool(self._reasons)

    def _look(self, now: float) -> None:
        reasons = find_worries(self._read(), self._caution, self._reasons)
        if not is_open(self._schedule, now):
            reasons[HOURS] = "outside the hours of its schedule"
        worry = self._find_worry()
        if worry:
            reasons[ELSEWHERE] = worry
        if reasons.keys() - self._reasons.keys():
            log.warning("no new leases", why="; ".join(reasons.values()))
        elif self._reasons and not reasons:
            log.info("offering again")
        self._reasons = reasons
