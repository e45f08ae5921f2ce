"""What goes wrong, and how often: drawn anew for each seed, so that seeds differ in kind and not only in order."""

import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import TypeVar

from marketplace.errors import ChainUnavailable

Answer = TypeVar("Answer")

RATES = {
    "crash": (0.0, 0.002, 0.01),
    "rpc": (0.0, 0.01, 0.05),
    "request lost": (0.0, 0.01, 0.05),
    "answer lost": (0.0, 0.01, 0.05),
    "duplicated": (0.0, 0.02, 0.1),
    "delayed": (0.0, 0.01, 0.05),
    "disk full": (0.0, 0.002, 0.01),
    "interleaved": (0.0, 0.01, 0.04),
    "reorganised": (0.0, 0.5, 3.0),
    "restored": (0.0, 0.0, 1.0),
    "fee": (0.0, 0.5, 1.0),
    "behind": (0.0, 0.02, 0.1),
    "asleep": (0.0, 0.005, 0.02),
    "skew": (0.0, 5.0, 40.0),
}
"""Of each kind how likely it is at one call of a port, of which a seed has one. From `reorganised` to `fee` the weight
of an action beside the others; `skew` in seconds, either way."""


class Crash(BaseException):
    """A process ends at this very instruction. No handler of the code under test may stop it."""

    def __init__(self, process: str) -> None:
        super().__init__(process)
        self.process = process


class DiskFull(sqlite3.OperationalError):
    """What SQLite raises where there is no room left."""

    def __init__(self) -> None:
        super().__init__("database or disk is full")


@dataclass(slots=True)
class Faults:
    """The faults of one run. `stop` ends them for good."""

    random: Random
    rates: dict[str, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def drawn(cls, random: Random) -> "Faults":
        """One of the rates of each kind."""
        return cls(random, {kind: random.choice(rates) for kind, rates in RATES.items()})

    def stop(self) -> None:
        """From now on everything works."""
        self.rates = dict.fromkeys(RATES, 0.0)

    def strikes(self, kind: str) -> bool:
        """Whether a fault of this kind comes now; counted where it does."""
        rate = self.rates[kind]
        if rate == 0.0 or self.random.random() >= rate:
            return False
        self.counts[kind] += 1
        return True

    def crash(self, process: str) -> None:
        """Raises Crash, or not."""
        if self.strikes("crash"):
            raise Crash(process)

    def full(self) -> None:
        """Raises DiskFull, or not."""
        if self.strikes("disk full"):
            raise DiskFull

    def blocks_behind(self) -> int:
        """How many blocks older than the head is what a node answers from now."""
        return self.random.choice([1, 1, 2, 3]) if self.strikes("behind") else 0

    def over_rpc(self, process: str, call: Callable[[], Answer]) -> Answer:
        """A call of the chain's node: it may not arrive, or arrive and its answer be lost; the process may end."""
        self.crash(process)
        if self.strikes("rpc"):
            raise ChainUnavailable("The chain's node does not answer.")
        answer = call()
        self.crash(process)
        if self.strikes("rpc"):
            raise ChainUnavailable("The chain's node did not answer in time.")
        return answer


def without(faults: Faults, *kinds: str) -> Faults:
    """The same without some kinds."""
    return replace(faults, rates=faults.rates | dict.fromkeys(kinds, 0.0))
