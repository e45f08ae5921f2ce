"""Calls that may never come back, made where nothing waits for them."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait


def call_aside(call: Callable[[], None]) -> Future[None]:
    """A call that blocks, in a thread that no exit of this process waits for, as it would for an executor's."""
    outcome: Future[None] = Future()

    def fulfil() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # whatever it is, it is raised where somebody waits for the call
            outcome.set_exception(error)

    threading.Thread(target=fulfil, name="container-wait", daemon=True).start()
    return outcome


def is_over(call: Future[None], seconds: float) -> bool:
    """Whether the call has come back within that time."""
    return bool(wait([call], seconds).done)
