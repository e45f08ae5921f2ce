"""What a machine is not fit for, whatever it was matched with, and how much of it each lease takes.

The market matches jobs by the profile that an ask signs, and counts units. It may be wrong, or lie; and the machine may
be another than when its ask was signed: moved, set up anew, offered in fewer units. So both are looked at again when a
lease is about to run. A job that does not fit is refused as a provider's rules refuse one (`agent.rules`); one that
would fit, were it not for others, waits for them.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Condition, Event

from agent.work import NO_HOOKS, Execution, Hooks, Runner, is_promise_broken, limits_of, refuse
from marketplace.client.terms import LeaseTerms
from marketplace.domain.constraints import Unit
from marketplace.domain.fitness import OF_THE_MACHINE, describe_misfits, find_misfits
from marketplace.errors import AgentError
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.messages import Bid
from marketplace.protocol.profile import NodeProfile

_LOOK_SECONDS = 0.1
"""How often a waiting job looks whether it was stopped."""
_TOO_LATE = "Other leases took this machine until too late."


@dataclass(frozen=True, slots=True)
class Machine:
    """What is offered now, whatever an older ask said: the whole machine's profile, and in how many units."""

    profile: NodeProfile
    units: int

    def find_obstacle(self, terms: LeaseTerms) -> str:
        """Why a lease's job cannot be run as its renter requires; empty where it can."""
        if is_promise_broken(terms, self.profile):
            return "This machine's sandbox has changed since its ask."
        ask = terms.ask.model_copy(update={"units": self.units})
        misfits = find_misfits(terms.bid, terms.job_spec, ask, self.profile, OF_THE_MACHINE)
        return f"This machine is not what the job needs: {describe_misfits(misfits)}." if misfits else ""

    def count_units(self, bid: Bid) -> int:
        """How many units a bid that fits takes, as the market counts."""
        return min(self.units, Unit.share_of(self.profile, self.units).count_for(bid))


class Room:
    """A machine's units, given out in the order in which they are asked for. Safe to share between threads."""

    def __init__(self, units: int) -> None:
        self._free = units
        self._waiting: deque[object] = deque()
        self._changed = Condition()

    def take(self, units: int, is_too_late: Callable[[], bool]) -> bool:
        """Wait for so many units; False where `is_too_late` came first. Nobody overtakes: a big job would starve."""
        place = object()
        with self._changed:
            self._waiting.append(place)
            try:
                while self._waiting[0] is not place or self._free < units:
                    if is_too_late():
                        return False
                    self._changed.wait(_LOOK_SECONDS)
                self._free -= units
                return True
            finally:
                self._waiting.remove(place)
                self._changed.notify_all()

    def give_back(self, units: int) -> None:
        """What `take` took."""
        with self._changed:
            self._free += units
            self._changed.notify_all()


class FittingRunner:
    """A runner that runs only what this machine is fit for, and no more of it at once than it has units."""

    def __init__(
        self,
        machine: Machine,
        runner: Runner,
        now: Callable[[], float] = time.time,
        await_grant: Callable[[LeaseTerms, Event | None], None] | None = None,
    ) -> None:
        """`await_grant` returns once a private job's key is there. Raises AgentError where none comes."""
        self._machine, self._runner, self._now, self._await_grant = machine, runner, now, await_grant
        self._room = Room(machine.units)

    def __call__(self, terms: LeaseTerms, hooks: Hooks = NO_HOOKS) -> Execution:
        """Run the job once there is room for it, or attest why not.

        It waits as long as it could still use all the seconds that it reserved. A private job waits for its key first,
        and takes no room meanwhile: its renter may never send one.
        """
        obstacle = self._machine.find_obstacle(terms) or self._find_key_missing(terms, hooks)
        if obstacle:
            return _refuse(terms, obstacle)
        units, latest = self._machine.count_units(terms.bid), terms.bid.deadline - terms.bid.duration_seconds
        if not self._room.take(units, lambda: hooks.is_stopped or self._now() > latest):
            return _evict(terms) if hooks.is_stopped else _refuse(terms, _TOO_LATE)
        try:
            return self._runner(terms, hooks)
        finally:
            self._room.give_back(units)

    def _find_key_missing(self, terms: LeaseTerms, hooks: Hooks) -> str:
        """Wait for a private job's key: why there is none, or empty."""
        if terms.job_spec.privacy is None or self._await_grant is None:
            return ""
        try:
            self._await_grant(terms, hooks.stop)
        except AgentError as error:
            return str(error)
        return ""


def _refuse(terms: LeaseTerms, reason: str) -> Execution:
    return refuse(reason, limits_of(terms.bid).egress_bytes)


def _evict(terms: LeaseTerms) -> Execution:
    return replace(_refuse(terms, "Stopped before it began."), exit_kind=ExitKind.EVICTED)
