"""Being told by the market that there is work: looked for at once when told, seldom while it tells, sooner otherwise.

What is told is a hint and nothing more. A market that tells nothing, a proxy that keeps it back, an event that is lost:
each costs the time until the next look that is taken anyway.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import wraps
from threading import Event, Thread

import structlog

from agent.daemon import Step
from marketplace.client.events import JobEvent
from marketplace.errors import MarketError

log = structlog.get_logger("agent")
SLOW_SECONDS = 5.0
"""Between two looks at the market that nobody asked for, while it tells of work: what a lost event costs."""
UNTOLD_SECONDS = 2.0
"""The same while it does not."""
CHAIN_SECONDS = 2.0
"""Between two looks at the chain, which this machine asks of its own node, while the market tells of leases."""
ECHO_SECONDS, ECHO_FOR = 0.5, 3.0
"""Where what was told is not to be seen yet, as at a node that lags behind: how soon it is looked for again, and how
long."""
REST_SECONDS = 0.05
"""Between two rounds of steps, however often the daemon is told: what comes meanwhile is dealt with together."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Before a feed that broke is asked for again; each time by as much more or less as half of it, by chance."""
STOP_SECONDS = 2.0

Connect = Callable[[Callable[[Callable[[], None]], None]], Iterator[JobEvent]]
"""`MarketClient.work_stream` of one account: it is given what is told how to end the stream."""


class WorkFeed:
    """One account's feed, read in a thread of its own from `start` to `stop`. Without `connect` nobody is ever told."""

    def __init__(
        self,
        connect: Connect | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """`draw` gives numbers from 0 up to 1."""
        self._connect, self.clock, self._draw = connect, clock, draw
        self._heard: Counter[str] = Counter()
        self._told_at: dict[str, float] = {}
        self._begun = 0
        self._woken, self._stopping = Event(), Event()
        self._end: Callable[[], None] | None = None
        self._thread: Thread | None = None
        self.is_open = False
        """Whether the market has said that it tells, over a connection that has not ended."""
        self.heartbeat_seconds: int | None = None
        """How often it wants to hear of a node that it tells of notices."""

    @property
    def exists(self) -> bool:
        """Whether there is anybody who could tell."""
        return self._connect is not None

    def start(self) -> None:
        """Follow what the market tells."""
        if self._connect is not None:
            self._thread = Thread(target=self._follow, name="work-feed", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End it, also where it waits. Doing so twice does no harm."""
        self._stopping.set()
        if self._end is not None:
            self._end()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def heard(self, topic: str) -> int:
        """How often there was reason to look at a topic: it was told of, or a feed began, with nothing of before."""
        return self._heard[topic] + self._begun

    def told_at(self, topic: str) -> float:
        """When it was last told of, by the clock; long ago where it never was."""
        return self._told_at.get(topic, float("-inf"))

    def wake(self) -> None:
        """Have whoever rests go on: there is something to do on this machine."""
        self._woken.set()

    def rest(self, seconds: float, stop: Event) -> None:
        """Until something is told, somebody wakes, or the time is over."""
        if not stop.wait(min(REST_SECONDS, seconds)):
            self._woken.wait(max(0.0, seconds - REST_SECONDS))
            self._woken.clear()

    def when_told(self, step: Step, topic: str, *, slow: float = SLOW_SECONDS, untold: float = UNTOLD_SECONDS) -> Step:
        """The step, taken when the market tells of `topic` and every `slow` seconds, `untold` while it tells nothing.

        Where there is no feed, always. A step that returns nothing, or 0, has not found what was told yet.
        """
        pace = Pace(self, topic, slow=slow, untold=untold)

        @wraps(step)
        def paced() -> None:
            if pace.is_due():
                pace.begin()
                pace.end(is_found=bool(step()))

        return paced

    def _follow(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                self._read()
                pause = FIRST_PAUSE
            except MarketError as error:
                log.debug("not told of work", reason=str(error), retry_in=pause)
                pause = FIRST_PAUSE if self.is_open else min(2 * pause, LONGEST_PAUSE)
            except Exception as error:  # the daemon works without it, and a connection may be cut at any place
                if not self._stopping.is_set():
                    log.error("feed of work broke", exc_info=error)
                pause = LONGEST_PAUSE
            self.is_open, self._end = False, None
            self._woken.set()
            self._stopping.wait(pause * (0.5 + self._draw()))

    def _read(self) -> None:
        assert self._connect is not None
        for event in self._connect(self._note_end):
            if self._stopping.is_set():
                return
            if event.kind == "begin":
                self.heartbeat_seconds = event.data.get("heartbeatSeconds")
                self._begun += 1
                self.is_open = True
            for topic in event.data.get("topics", ()):
                self._heard[topic] += 1
                self._told_at[topic] = self.clock()
            self._woken.set()

    def _note_end(self, end: Callable[[], None]) -> None:
        self._end = end
        if self._stopping.is_set():
            end()


class Pace:
    """When it is time to look for what one topic tells of. Used by one thread."""

    def __init__(
        self, feed: WorkFeed, topic: str, *, slow: float = SLOW_SECONDS, untold: float = UNTOLD_SECONDS
    ) -> None:
        self._feed, self._topic, self._slow, self._untold = feed, topic, slow, untold
        self._seen, self._is_found = -1, True
        self._looked_at = float("-inf")

    def is_news(self) -> bool:
        """Whether there was reason to look since the last one that came to its end."""
        return self._feed.heard(self._topic) != self._seen

    def is_due(self) -> bool:
        """Whether to look now."""
        if not self._feed.exists or self.is_news():
            return True
        return self._feed.clock() - self._looked_at >= self._interval()

    def begin(self) -> None:
        """The look begins: what is told from now on asks for another."""
        self._heard_before, self._looked_at = self._feed.heard(self._topic), self._feed.clock()
        self._seen = -1  # a look that fails is taken again

    def end(self, *, is_found: bool) -> None:
        """It came to its end."""
        self._seen, self._is_found = self._heard_before, is_found

    def _interval(self) -> float:
        if not self._is_found and self._feed.clock() - self._feed.told_at(self._topic) < ECHO_FOR:
            return ECHO_SECONDS
        return self._slow if self._feed.is_open else self._untold
