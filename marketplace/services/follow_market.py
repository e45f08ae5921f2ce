"""What is new about the market as a whole since somebody last looked: rounds, and how much of it is in use."""

import hashlib
import json
import re
import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from marketplace.domain.history import mark_position, resume_position
from marketplace.errors import MalformedMessage
from marketplace.services.follow_job import Look, News
from marketplace.services.market import Market
from marketplace.services.show_market import list_rounds, show_cluster

MOST_ROUNDS = 100
"""Told of in one look; who was away for more of them hears of the newest."""
STATUS_SECONDS = 0.5
"""How old the status may be that is told."""
_POSITION = re.compile(r"(\d{1,18})\.([0-9a-f]{16})")


class MarketNews:
    """Looks at one market. However many look, its status is put together once in a while: it takes longest."""

    def __init__(
        self, market: Market, *, seconds: float = STATUS_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._market, self._seconds, self._clock = market, seconds, clock
        self._status: tuple[float, dict[str, Any]] | None = None
        self._lock = Lock()

    def look(self, after: str) -> Look:
        """`round` for each round since `after`, oldest first, then `status` where the market is not as it was then.

        Who has never looked is told the status alone, and so is who was told of rounds of another history: the market
        began anew, or from a backup. `round` is as in the list of rounds, `status` as of
        `/cluster/status`. Never over. Raises MalformedMessage for an `after` that no look has given.
        """
        with self._market.store.read() as tx:
            history = tx.feed.history()
        told, digest = _parse(resume_position(history, after))
        status = self._latest()
        newest = _newest(self._market)
        if told is not None and told > newest:
            told, digest = _parse("")
        seen = status["rounds"] if told is None else told
        news = []
        for each in _latest_rounds(self._market, newest - seen):
            seen = each["number"]
            news.append(News("round", each, mark_position(history, f"{seen}.{digest}")))
        now = _digest(status)
        after = mark_position(history, f"{seen}.{now}")
        if now != digest:
            news.append(News("status", status, after))
        return Look(tuple(news), after, is_over=False)

    def _latest(self) -> dict[str, Any]:
        with self._lock:
            if self._status is None or self._clock() - self._status[0] >= self._seconds:
                self._status = (self._clock(), show_cluster(self._market))
            return self._status[1]


def _newest(market: Market) -> int:
    newest = list_rounds(market, limit=1)["rounds"]
    return newest[0]["number"] if newest else 0


def _latest_rounds(market: Market, missing: int) -> list[dict[str, Any]]:
    if missing <= 0:
        return []
    return list_rounds(market, limit=min(missing, MOST_ROUNDS))["rounds"][::-1]


def _digest(status: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(status, sort_keys=True).encode()).hexdigest()[:16]


def _parse(after: str) -> tuple[int | None, str]:
    if not after:
        return None, "0" * 16
    found = _POSITION.fullmatch(after)
    if found is None:
        raise MalformedMessage("Last-Event-ID", f"{after[:80]!r} is not the id of an event of this stream")
    return int(found[1]), found[2]
