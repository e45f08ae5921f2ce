"""Many threads' writes in one transaction: each waits until what it brought is on the disk, and all for one commit.

A commit that is on the disk takes as long for one row as for a hundred. So whoever comes while a write is under way
waits, and the next write takes all who wait. Nobody is told of anything before what has it is committed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition
from typing import Generic, TypeVar

from marketplace.errors import MarketError

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
MOST_AT_ONCE = 500
"""Items in one write, so that nobody waits long for others; one who brings more alone is not kept out."""


@dataclass(slots=True, eq=False)
class _Waiting(Generic[Item, Outcome]):
    items: Sequence[Item]
    outcomes: Sequence[Outcome] | None = None
    error: BaseException | None = None

    @property
    def is_done(self) -> bool:
        return self.outcomes is not None or self.error is not None


class GroupCommit(Generic[Item, Outcome]):
    """One queue of writers. Safe to share between threads; never to be used within a write of its own."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._queue: list[_Waiting[Item, Outcome]] = []
        self._is_writing = False

    def submit(self, items: Sequence[Item], write: Callable[[Sequence[Item]], Sequence[Outcome]]) -> Sequence[Outcome]:
        """What `write` returns for these items, in their order, once it has returned.

        It may be another thread's `write` that is called, with the items of several: all who share a queue give one
        that does the same. It returns an outcome an item, and has committed by then. What it raises reaches all of the
        group; but a defect, which is no MarketError, only those who meet it again alone: the others are written.
        """
        mine = _Waiting[Item, Outcome](items)
        group = self._join(mine)
        if group:
            try:
                _write(group, write)
            finally:
                self._leave()
        if mine.error is not None:
            raise mine.error
        assert mine.outcomes is not None
        return mine.outcomes

    def _join(self, mine: _Waiting[Item, Outcome]) -> list[_Waiting[Item, Outcome]]:
        """Wait until somebody has written it, or until it is this thread's turn: then the group that it is to write."""
        with self._changed:
            self._queue.append(mine)
            while not mine.is_done and self._is_writing:
                self._changed.wait()
            if mine.is_done:
                return []
            self._is_writing = True
            self._queue.remove(mine)
            return [mine, *self._take(MOST_AT_ONCE - len(mine.items))]

    def _take(self, room: int) -> list[_Waiting[Item, Outcome]]:
        """The next of the queue, as long as there is room."""
        taken: list[_Waiting[Item, Outcome]] = []
        while self._queue and len(self._queue[0].items) <= room:
            taken.append(self._queue.pop(0))
            room -= len(taken[-1].items)
        return taken

    def _leave(self) -> None:
        with self._changed:
            self._is_writing = False
            self._changed.notify_all()


def _write(group: Sequence[_Waiting[Item, Outcome]], write: Callable[[Sequence[Item]], Sequence[Outcome]]) -> None:
    try:
        outcomes = iter(write([item for one in group for item in one.items]))
    except BaseException as error:  # whatever it is, nobody of the group may wait for ever
        is_defect = isinstance(error, Exception) and not isinstance(error, MarketError)
        if not is_defect or len(group) == 1:
            _fail(group, error)
            return
        for one in group:
            _write([one], write)
    else:
        for one in group:
            one.outcomes = [next(outcomes) for _ in one.items]


def _fail(group: Sequence[_Waiting[Item, Outcome]], error: BaseException) -> None:
    for one in group:
        one.error = error
