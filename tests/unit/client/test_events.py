"""Server-sent events as bytes, over connections that break, and what was seen against what was attested."""

import json
from base64 import b64encode

import httpx
import pytest

from marketplace.client import MarketClient
from marketplace.client.events import AWAY_SECONDS, MAX_EVENT_BYTES, JobEvent, follow_events, read_events
from marketplace.client.livelog import SeenLog
from marketplace.errors import MalformedMessage, NotFound, ServiceUnavailable, problem_from_error

STREAM = (
    b'retry: 10\n\nevent: begin\nid: 1.0\ndata: {"a": 1}\n\n'
    b': nothing new\n\nevent: log\nid: 1.3\ndata: {"b":\ndata:2}\n\n'
)
EVENTS = [JobEvent("begin", {"a": 1}, "1.0"), JobEvent("log", {"b": 2}, "1.3")]


# --- bytes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_events_are_the_same_however_their_bytes_are_cut(size, end):
    data = STREAM.replace(b"\n", end)
    assert list(read_events(data[at : at + size] for at in range(0, len(data), size))) == EVENTS


def test_an_event_that_breaks_off_is_none():
    assert list(read_events([STREAM[:-1]])) == EVENTS[:1]


@pytest.mark.parametrize(
    "data",
    [
        b"data: no json\n\n",
        b"data: [1]\n\n",
        b"data: " + b"x" * (MAX_EVENT_BYTES + 1),
        b"data: x\n" * (MAX_EVENT_BYTES // 7 + 1),
    ],
)
def test_what_no_market_sends_is_refused_and_not_held(data):
    with pytest.raises(MalformedMessage):
        list(read_events([data]))


# --- one connection ---------------------------------------------------------------------------------------------------


def client_of(answer) -> MarketClient:
    return MarketClient("http://market.test", transport=httpx.MockTransport(answer))


def test_a_stream_is_asked_for_as_such_from_where_it_was():
    asked = []

    def answer(request):
        asked.append(request)
        return httpx.Response(200, content=STREAM, headers={"content-type": "text/event-stream; charset=utf-8"})

    client = client_of(answer)
    assert list(client.job_log_stream("0xab", "1.0")) == EVENTS
    assert list(client.job_event_stream("0xab")) == EVENTS
    assert [request.url.path for request in asked] == ["/api/v1/jobs/0xab/logs", "/api/v1/jobs/0xab/events"]
    assert [request.headers["accept"] for request in asked] == 2 * ["text/event-stream"]
    assert [request.headers.get("last-event-id") for request in asked] == ["1.0", None]


def test_a_market_that_knows_no_streams_is_told_from_one_that_is_away():
    with pytest.raises(MalformedMessage, match="too old"):
        list(client_of(lambda request: httpx.Response(200, json={"leases": []})).job_log_stream("0xab"))


def test_a_refusal_and_a_broken_connection_are_errors_of_ours():
    unknown = NotFound("job", "0xab")
    with pytest.raises(NotFound):
        list(client_of(lambda _: httpx.Response(404, json=problem_from_error(unknown))).job_log_stream("0xab"))

    def breaks(request):
        raise httpx.ReadError("broken")

    with pytest.raises(ServiceUnavailable, match="broken"):
        list(client_of(breaks).job_log_stream("0xab"))


# --- many connections -------------------------------------------------------------------------------------------------


class Line:
    """Connections by a script: each is a list of events, and an error at its end where it breaks."""

    def __init__(self, *connections):
        self.connections, self.asked, self.now, self.pauses = list(connections), [], 0.0, []

    def connect(self, after):
        self.asked.append(after)
        events, error = self.connections.pop(0) if len(self.connections) > 1 else self.connections[0]
        yield from events
        if error:
            raise error

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds

    def follow(self):
        return list(follow_events(self.connect, clock=lambda: self.now, sleep=self.sleep))


def event(id, kind="log"):
    return JobEvent(kind, {}, id)


AWAY = ServiceUnavailable("away")
END = event("9", "end")


def test_a_connection_that_breaks_or_ends_early_is_made_again_after_the_last_event():
    line = Line(([event("1"), event("2")], AWAY), ([event("3")], None), ([END], None))
    assert [one.id for one in line.follow()] == ["1", "2", "3", "9"]
    assert line.asked == ["", "2", "3"]


def test_a_market_that_stays_away_is_waited_for_ever_more_rarely_and_not_for_ever():
    line = Line(([event("1")], AWAY), ([], AWAY))
    with pytest.raises(ServiceUnavailable):
        line.follow()
    assert line.pauses[:5] == [0.5, 1, 2, 4, 8] and AWAY_SECONDS < sum(line.pauses) < AWAY_SECONDS + 20


def test_a_long_silence_is_no_absence():
    line = Line(*3 * [([], AWAY)], ([END], None))
    connect, lasts = line.connect, [10_000, 0, 10_000, 0]

    def quiet(after):
        line.now += lasts.pop(0)
        yield from connect(after)

    line.connect = quiet
    assert [one.kind for one in line.follow()] == ["end"]
    assert line.pauses == [0.5, 1, 0.5]


def test_what_the_market_refuses_is_not_tried_again():
    line = Line(([], NotFound("job", "0xab")))
    with pytest.raises(NotFound):
        line.follow()
    assert len(line.asked) == 1


# --- what was seen ----------------------------------------------------------------------------------------------------


def log(data: bytes, offset: int, stream="stdout"):
    return {"leaseId": "0x1", "stream": stream, "offset": offset, "data": b64encode(data).decode()}


def test_what_was_seen_is_held_against_the_beginning_of_the_attested_log():
    seen = SeenLog("0x1")
    assert seen.is_beginning_of("stdout", b"") and seen.is_beginning_of("stderr", b"anything")
    assert seen.add(log(b"one ", 0)) == ("stdout", b"one ")
    assert seen.add(log(b"two", 4)) == ("stdout", b"two")
    seen.add(log(b"err", 0, "stderr"))
    assert seen.sizes == {"stdout": 7, "stderr": 3}
    assert seen.is_beginning_of("stdout", b"one two") and seen.is_beginning_of("stdout", b"one two three")
    for other in (b"one tw", b"One two", b""):
        assert not seen.is_beginning_of("stdout", other)
    assert seen.is_beginning_of("stderr", b"err")


@pytest.mark.parametrize(
    "wrong",
    [
        log(b"a", 1),
        log(b"a", 0, "stdin"),
        log(b"a", 0) | {"data": "?"},
        log(b"a", 0) | {"data": 1},
        log(b"a", 0) | {"stream": []},
        {},
    ],
)
def test_bytes_that_do_not_follow_are_refused(wrong):
    with pytest.raises(MalformedMessage, match="log"):
        SeenLog("0x1").add(wrong)


def test_the_two_sides_agree_on_the_form():
    from marketplace.api.streams import render
    from marketplace.services.follow_job import News

    news = News("log", {"text": "zwei\nZeilen \u2028 é"}, "1.2,3.4")
    (read,) = read_events([render(news)])
    assert (read.kind, read.data, read.id) == (news.kind, json.loads(json.dumps(news.data)), news.after)
