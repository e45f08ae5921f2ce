"""The loop that both daemons share: take every step, again and again, whatever is away at the moment."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import structlog

from marketplace.errors import MarketError

log = structlog.get_logger("agent")
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0

Step = Callable[[], None]
Item = TypeVar("Item")


def run_steps(
    steps: Sequence[Step],
    stop: threading.Event,
    pause: float,
    clock: Callable[[], float] = time.monotonic,
    rest: Callable[[float], object] | None = None,
) -> None:
    """Take `steps` in order every `pause` seconds until `stop`; `rest` waits so long, or until there is work.

    A step that fails with an expected error (market away, chain away) is logged and taken again, later each time;
    the others go on. Anything unexpected is a bug and ends the daemon: its journal loses nothing.
    """
    waits = {step: 0.0 for step in steps}
    due = {step: clock() for step in steps}
    while not stop.is_set():
        for step in steps:
            if due[step] > clock():
                continue
            try:
                step()
                waits[step] = 0.0
            except MarketError as error:
                waits[step] = min(LONGEST_PAUSE, max(FIRST_PAUSE, waits[step] * 2))
                due[step] = clock() + waits[step]
                log.warning(
                    "will try again", step=step.__name__, error=str(error), code=error.code, seconds=waits[step]
                )
        (rest or stop.wait)(pause)


def each(items: Iterable[Item], work: Callable[[Item], None]) -> None:
    """`work` on every item, whatever becomes of the others. Then raises the first expected error, if there was one."""
    first: MarketError | None = None
    for item in items:
        try:
            work(item)
        except MarketError as error:
            first = first or error
    if first is not None:
        raise first
