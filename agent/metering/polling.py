"""Looking at something again and again while a job runs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def polled(look: Callable[[], None], seconds: float) -> Iterator[None]:
    """Calls `look` at once, every so many seconds from a thread of its own, and once more at the end."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(seconds):
            look()

    look()
    thread = threading.Thread(target=watch, name="metering", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        look()
