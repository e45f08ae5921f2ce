"""A node's units over time: which are promised from when to when, and what that leaves to others.

A promise takes units of a half-open interval. The law that everything here keeps: at no moment are more units promised
than there are. Seconds are unix time.
"""

from collections.abc import Iterable
from dataclasses import dataclass

FOREVER = 2**62
"""The end of what has no end that is known."""


@dataclass(frozen=True, slots=True)
class Promise:
    """`units` are taken from `start` to before `end`."""

    start: int
    end: int
    units: int = 1


@dataclass(frozen=True, slots=True)
class Gap:
    """`units` that nobody has been promised before `until`."""

    units: int
    until: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """All promises of one node's `units`."""

    units: int
    promises: tuple[Promise, ...] = ()

    @classmethod
    def of(cls, units: int, promises: Iterable[Promise]) -> "Calendar":
        """Those of them that take any time at all."""
        return cls(units, tuple(one for one in promises if one.start < one.end))

    def taken(self, at: int) -> int:
        """Units promised at this moment."""
        return sum(one.units for one in self.promises if one.start <= at < one.end)

    def free(self, start: int, end: int) -> int:
        """Units that stay free from `start` to before `end`; never negative."""
        starts = (one.start for one in self.promises if start < one.start < end)
        return max(0, self.units - max(self.taken(at) for at in (start, *starts)))

    def gap(self, now: int) -> Gap:
        """What can be taken from `now` on: as many units as stay free longest, and until when they do.

        Where none is free for good, those are it that a promise takes last: a job that is over by then fits before it.
        No units where none is free now.
        """
        until, units = FOREVER, self.free(now, FOREVER)
        if units:
            return Gap(units, until)
        for start in sorted({one.start for one in self.promises if one.start > now}, reverse=True):
            units = self.free(now, start)
            if units:
                return Gap(units, start)
        return Gap(0, now)

    def with_promise(self, promise: Promise) -> "Calendar":
        """The calendar with one more promise. Raises ValueError where that would promise a unit twice."""
        if self.free(promise.start, promise.end) < promise.units:
            raise ValueError(f"{promise} is not free")
        return Calendar.of(self.units, (*self.promises, promise))
