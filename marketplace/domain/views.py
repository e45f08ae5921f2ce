"""How new what a request is shown has to be, where replicas of the database answer some of them.

A position is a place in the database's history, a number that only grows. Whoever was told of one is never shown
anything from before it.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class View:
    """What one request needs, and what it was shown."""

    needs: int = 0
    """Nothing older than this position may be shown."""
    may_be_old: bool = True
    """False: only the primary may be asked."""
    shown: int = 0
    """Where the newest thing stood that it was shown; 0: nothing, or nobody knows."""
    is_old: bool = False
    """Whether a replica was asked."""
    has_failed: bool = False
    """Whether a replica broke off amid an answer."""


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """One replica, as this process knows it."""

    number: int
    """Its place in the setting, from 1."""
    is_used: bool
    lag_seconds: float | None
    """How old what it shows is at most; None where it does not answer, or where nobody knows."""
