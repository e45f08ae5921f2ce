"""The newest position in the market's history that a client was told, said again with each request."""

import time
from collections.abc import Callable
from threading import Lock

from marketplace.errors import MalformedMessage
from marketplace.protocol.positions import POSITION, REMEMBERED_SECONDS, parse_position


class LastPosition:
    """What was told last, for `REMEMBERED_SECONDS`. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._position, self._told_at = 0, 0.0

    def note(self, told: str) -> None:
        """The field of an answer; empty, or no position, says nothing."""
        try:
            position = parse_position(told)
        except MalformedMessage:
            return
        with self._lock:
            if position >= self._known():
                self._position, self._told_at = position, self._clock()

    def headers(self) -> dict[str, str]:
        """What a request says of it; nothing where nothing was told lately."""
        with self._lock:
            known = self._known()
        return {POSITION: str(known)} if known else {}

    def _known(self) -> int:
        return self._position if self._clock() - self._told_at < REMEMBERED_SECONDS else 0
