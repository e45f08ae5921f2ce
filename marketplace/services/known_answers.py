"""Answers that many ask for again and again: made once, and good until something is committed or the second is over.

Agents and oracles ask whether there is work for them, dashboards how the market is doing, all of them several times a
second; most of the time nothing has happened since. The database says so itself (`Store.version`), whoever wrote: so
several processes and a restored backup are no different from one.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

MOST_ANSWERS = 32
"""That are kept at once: a whole page of leases may have a megabyte. What is asked beyond is made each time."""


@dataclass(slots=True)
class _Moment:
    """All that is known of one state of the database, in one second."""

    at: Hashable = None
    answers: dict[Hashable, Any] = field(default_factory=dict)


class KnownAnswers:
    """Answers of the last state of the database alone: those of the ones before are forgotten. Safe to share between
    threads; two may make the same answer at once."""

    def __init__(self) -> None:
        self._moment = _Moment()
        self._lock = Lock()

    def get(self, at: Hashable, key: Hashable, make: Callable[[], Any]) -> Any:
        """The answer of `key` as it was made at `at`, which was asked for before this call; made now if there is none.

        Nobody may change what is returned: others are given the same. What `make` raises is kept by nobody.
        """
        moment = self._at(at)
        with self._lock:
            if key in moment.answers:
                return moment.answers[key]
        made = make()
        with self._lock:
            if len(moment.answers) < MOST_ANSWERS:
                moment.answers[key] = made
        return made

    def _at(self, at: Hashable) -> _Moment:
        with self._lock:
            if self._moment.at != at:
                self._moment = _Moment(at)
            return self._moment
