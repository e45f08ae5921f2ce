"""Waiting for what another thread or process does: bounded, and generous to a busy machine."""

import time
from collections.abc import Callable
from typing import Any

SOON = 30.0
"""Seconds that anything may take on a busy machine."""


def wait_for(condition: Callable[[], Any], what: str = "It", seconds: float = SOON, pause: float = 0.02) -> Any:
    """What `condition()` says once that is true. Raises AssertionError naming `what` after `seconds`."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, f"{what} did not happen within {seconds:g} s"
        time.sleep(pause)
    return found
