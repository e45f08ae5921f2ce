"""Looking up names that strangers give: once in a while for each, in threads that nothing waits for."""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

Resolve = Callable[[str], Sequence[str]]
"""The addresses of a name, as texts. Raises OSError, UnicodeError where there are none."""
KEPT_SECONDS = 60.0
"""How long an answer is used: so who connects all the time asks this machine's resolver once a minute a name."""
ANSWER_SECONDS = 10.0
MOST_NAMES = 10_000
"""Whose answers are held at once; beyond that all are forgotten, and asked for anew."""


def ask_the_system(name: str) -> Sequence[str]:
    """This machine's own resolver. The final dot keeps search domains out: a name is what it says."""
    found = socket.getaddrinfo(f"{name}.", None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Names:
    """The answers of one resolver. For one event loop."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._asked: dict[str, tuple[float, asyncio.Future[Sequence[str]]]] = {}

    async def find(self, name: str) -> Sequence[str]:
        """Its addresses; none where it has none, or no answer came in time."""
        now = asyncio.get_running_loop().time()
        at, answer = self._asked.get(name, (0.0, None))
        if answer is None or now - at > KEPT_SECONDS or (answer.done() and not answer.result()):
            answer = self._ask(name)
            if len(self._asked) >= MOST_NAMES:
                self._asked.clear()
            self._asked[name] = now, answer
        try:
            return await asyncio.wait_for(asyncio.shield(answer), ANSWER_SECONDS)
        except TimeoutError:
            return ()

    def _ask(self, name: str) -> "asyncio.Future[Sequence[str]]":
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[str]] = loop.create_future()

        def look_up() -> None:
            found: Sequence[str] = ()
            with suppress(OSError, UnicodeError):
                found = tuple(self._resolve(name))
            with suppress(RuntimeError):  # the job has ended meanwhile, and its loop with it
                loop.call_soon_threadsafe(answer.set_result, found)

        threading.Thread(target=look_up, name="look-up", daemon=True).start()
        return answer
