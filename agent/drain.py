"""Leaving in order: no new leases, the running ones come to their end or to a given time, then the daemon ends.

What was asked for stands in the journal, so a daemon that is killed meanwhile goes on leaving when it starts again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from agent.chain import Chain
from agent.journal import Journal, WorkState
from agent.lock import is_held
from agent.offer import StandingAsk
from marketplace.domain.chain import LeaseOpened
from marketplace.errors import ConflictError

log = structlog.get_logger("provider")
NOTE, SUCCESSOR = "drain", "successor"
QUIET_SECONDS = 60
"""How long after its ask is withdrawn a lease may still open with it, where no cancel on chain forbids that."""
POST_SECONDS = 30
"""How long after the given time the evidence of jobs that were stopped may take to reach the market."""


def ask_to_leave(folder: Path, now: int, within: int | None) -> int | None:
    """Ask the daemon that works in `folder` to leave; when its jobs are stopped. Raises ConflictError if there is none.

    `within`: see `request_drain`.
    """
    with _journal_of_daemon(folder) as journal:
        request_drain(journal, now, within)
        return journal.note(NOTE)["until"]


def ask_to_stay(folder: Path) -> bool:
    """Take that back; whether the daemon had been asked to leave. Raises ConflictError where none works in `folder`."""
    with _journal_of_daemon(folder) as journal:
        return withdraw_drain(journal)


def has_left(folder: Path) -> bool:
    """Whether no provider works in `folder`."""
    return not is_held(folder, "provider")


@contextmanager
def _journal_of_daemon(folder: Path) -> Iterator[Journal]:
    if has_left(folder):
        raise ConflictError(f"No provider works in {folder}.", hint="Its data folder is COMPUTEHIVE_AGENT_DATA.")
    journal = Journal(folder / "provider.sqlite")
    try:
        yield journal
    finally:
        journal.close()


def request_drain(journal: Journal, now: int, within: int | None = None, successor: str = "") -> None:
    """Ask the daemon of this journal to leave; jobs are stopped `within` so many seconds, None lets them end.

    `successor`: the version that shall be started in its place; none where it shall stay away.
    """
    until = None if within is None else now + within
    journal.record_note(NOTE, {"since": now, "until": until, "successor": successor})


def withdraw_drain(journal: Journal) -> bool:
    """Let the daemon stay; whether it had been asked to leave."""
    asked = journal.note(NOTE) is not None
    journal.record_note(NOTE, None)
    return asked


class Drain:
    """Whether this daemon is leaving, and what is left to do before it may."""

    def __init__(
        self, *, journal: Journal, ask: StandingAsk, chain: Chain, provider: str, now: Callable[[], int]
    ) -> None:
        self._journal, self._ask, self._chain, self._provider, self._now = journal, ask, chain, provider, now
        self._is_void = False

    @property
    def is_asked(self) -> bool:
        """Whether the daemon shall leave."""
        wish = self._wish()
        if wish is None:
            self._is_void = False  # what was seen of the last ask says nothing of the next
        return wish is not None

    def ask_for_good(self) -> None:
        """Have it leave and stay away, which goes before leaving for another version; what its owner said stands."""
        wish = self._wish()
        if wish is None or wish.get("successor"):
            request_drain(self._journal, self._now())

    @property
    def ends_at(self) -> int:
        """Unix seconds by which it will have left, at the latest its last lease's deadline; 0 where it stays."""
        wish = self._wish()
        if wish is None:
            return 0
        return wish["until"] or max([self._now(), *(event.deadline for event in self._unfinished())])

    def take_back_ask(self) -> bool:
        """No new leases; whether there could have been until now. Raises what the market raises."""
        has_stood = self._ask.take_back()
        if has_stood:
            log.info("draining: no new leases", open=len(self._unfinished()))
        return has_stood

    def overdue(self) -> Sequence[LeaseOpened]:
        """Leases whose jobs have to be stopped now: the given time has come."""
        wish = self._wish()
        if wish is None or wish["until"] is None or self._now() < wish["until"]:
            return ()
        return self._journal.leases(WorkState.SEEN)

    def is_over(self) -> bool:
        """Whether nothing is left to be done here. Forgets the wish then, so that the next start offers again.

        A lease whose claim is on chain is paid without us: the market, or anybody, releases it.
        """
        wish = self._wish()
        if wish is None or not self._can_nothing_open(wish["since"]):
            return False
        until = wish["until"]
        if until is not None and self._now() >= until:
            late = self._now() >= until + POST_SECONDS
            left: Sequence[LeaseOpened] = () if late else self._with_state(WorkState.SEEN, WorkState.ATTESTED)
        else:
            left = self._unfinished()
        if left:
            return False
        self._journal.record_note(SUCCESSOR, wish.get("successor", ""))
        self._journal.record_note(NOTE, None)
        log.info("drained")
        return True

    def _can_nothing_open(self, since: int) -> bool:
        """The chain was followed once more after it was seen that no lease can open: `follow` is a step before this."""
        if self._is_void:
            return True
        salt = self._journal.note("salt")
        is_void = salt is None or self._chain.provider_account(self._provider).ask_salt > salt
        self._is_void = is_void or self._now() >= since + QUIET_SECONDS
        return False

    def _unfinished(self) -> list[LeaseOpened]:
        claimed = self._journal.claims()
        open_ones = self._with_state(WorkState.SEEN, WorkState.ATTESTED, WorkState.POSTED)
        return [event for event in open_ones if event.lease_id not in claimed]

    def _with_state(self, *states: WorkState) -> list[LeaseOpened]:
        return [event for state in states for event in self._journal.leases(state)]

    def _wish(self) -> dict[str, Any] | None:
        return self._journal.note(NOTE)
