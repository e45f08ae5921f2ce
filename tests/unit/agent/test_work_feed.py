"""When a daemon looks for work: as the market tells of it, and without being told. Time is played."""

import threading
from collections import deque

import pytest

from agent.daemon import run_steps
from agent.work_feed import CHAIN_SECONDS, ECHO_FOR, ECHO_SECONDS, SLOW_SECONDS, UNTOLD_SECONDS, Pace, WorkFeed
from marketplace.client.events import JobEvent
from marketplace.domain.work import CLAIMS, LEASES, REVEALS
from marketplace.errors import NotFound, ServiceUnavailable

BEGIN = JobEvent("begin", {"heartbeatSeconds": 60}, "")
SOON = 20.0


def work(*topics) -> JobEvent:
    return JobEvent("work", {"topics": list(topics)}, "")


class Played:
    """A feed whose events and time a test plays: what `tell` is given has been read when it returns."""

    def __init__(self):
        self.now, self._events, self._read = 0.0, deque(), threading.Semaphore(0)
        self._come = threading.Semaphore(0)
        self.feed = WorkFeed(self._connect, clock=lambda: self.now, draw=lambda: 0.0)
        self.feed.start()

    def _connect(self, opened):
        opened(lambda: self._give(None))
        while True:
            self._come.acquire(timeout=SOON)
            event = self._events.popleft()
            if event is None:
                return
            yield event
            self._read.release()

    def _give(self, event):
        self._events.append(event)
        self._come.release()

    def tell(self, event):
        self._give(event)
        assert self._read.acquire(timeout=SOON)


@pytest.fixture
def played():
    made = Played()
    yield made
    made.feed.stop()


def looks(played, pace, times, *, is_found=True) -> list[float]:
    """At which of these times there was a look."""
    taken = []
    for played.now in times:
        if pace.is_due():
            pace.begin()
            pace.end(is_found=is_found)
            taken.append(played.now)
    return taken


def seconds(last: float, step: float = 0.25) -> list[float]:
    return [number * step for number in range(int(last / step) + 1)]


def test_while_the_market_tells_there_are_few_looks_that_nobody_asked_for(played):
    played.tell(BEGIN)
    assert looks(played, Pace(played.feed, CLAIMS), seconds(12)) == [0, SLOW_SECONDS, 2 * SLOW_SECONDS]


def test_a_topic_that_is_told_of_is_looked_for_at_once_and_no_other_is(played):
    played.tell(BEGIN)
    paces = [Pace(played.feed, CLAIMS), Pace(played.feed, REVEALS)]
    assert [looks(played, pace, [0]) for pace in paces] == [[0], [0]]
    played.tell(work(CLAIMS))
    assert [looks(played, pace, [1, 2]) for pace in paces] == [[1], []]


def test_what_was_told_and_is_not_there_yet_is_looked_for_again_soon_and_not_for_long(played):
    """As at a node of the chain that lags behind the market's."""
    played.tell(BEGIN)
    pace = Pace(played.feed, LEASES, slow=CHAIN_SECONDS)
    looks(played, pace, [0])
    played.tell(work(LEASES))
    often = looks(played, pace, seconds(ECHO_FOR + 2 * CHAIN_SECONDS), is_found=False)
    assert often == [*seconds(ECHO_FOR - ECHO_SECONDS, ECHO_SECONDS), 4.5, 6.5]


def test_a_market_that_tells_nothing_is_asked_oftener_but_not_all_the_time(played):
    assert looks(played, Pace(played.feed, CLAIMS), seconds(5)) == [0, UNTOLD_SECONDS, 2 * UNTOLD_SECONDS]


def test_a_feed_that_begins_is_reason_to_look_at_everything(played):
    pace = Pace(played.feed, CLAIMS)
    looks(played, pace, [0])
    played.tell(BEGIN)
    assert looks(played, pace, [0.5, 1]) == [0.5]


def test_what_is_told_during_a_look_asks_for_another(played):
    played.tell(BEGIN)
    pace = Pace(played.feed, CLAIMS)
    pace.begin()
    played.tell(work(CLAIMS))
    pace.end(is_found=True)
    assert pace.is_due()


def test_a_look_that_failed_is_taken_again(played):
    played.tell(BEGIN)
    fails = [True]

    def look():
        if fails.pop():
            raise ServiceUnavailable("away")

    step = played.feed.when_told(look, CLAIMS)
    with pytest.raises(ServiceUnavailable):
        step()
    fails.append(False)
    step()
    assert not fails


def test_without_a_feed_every_look_is_taken():
    feed, taken = WorkFeed(), []
    step = feed.when_told(lambda: taken.append(1), CLAIMS)
    for _ in range(3):
        step()
    assert taken == [1, 1, 1]
    feed.start()
    feed.stop()


def test_who_rests_is_woken_by_news_and_by_work_on_this_machine(played):
    stop, rounds = threading.Event(), []

    def step():
        rounds.append(1)
        if len(rounds) == 4:
            stop.set()

    waking = [lambda: played.tell(BEGIN), lambda: played.tell(work(CLAIMS)), played.feed.wake]

    def wake():
        for number, one in enumerate(waking, start=1):
            while len(rounds) < number:
                stop.wait(0.01)
            one()

    helper = threading.Thread(target=wake)
    helper.start()
    run_steps((step,), stop, SOON, rest=lambda pause: played.feed.rest(pause, stop))
    helper.join(SOON)
    assert len(rounds) == 4


def test_a_market_that_knows_no_feeds_is_asked_for_one_less_and_less():
    pauses, asked = [], threading.Event()

    def old(opened):
        if len(pauses) == 4:
            asked.set()
        raise NotFound("resource", "/api/v1/work")
        yield

    feed = WorkFeed(old, draw=lambda: 0.5)
    wait = feed._stopping.wait
    feed._stopping.wait = lambda pause: pauses.append(pause) or wait(0)
    feed.start()
    assert asked.wait(SOON)
    feed.stop()
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0] and not feed.is_open


def test_a_feed_that_is_stopped_while_it_connects_ends():
    connecting, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def slow(opened):
        connecting.set()
        go_on.wait(SOON)
        opened(ended.set)
        yield BEGIN

    feed = WorkFeed(slow)
    feed.start()
    assert connecting.wait(SOON)
    feed._stopping.set()
    go_on.set()
    assert ended.wait(SOON), "cut as soon as there is something to cut"
    feed.stop()
    assert not feed.is_open
