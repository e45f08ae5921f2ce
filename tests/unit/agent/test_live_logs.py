"""What running jobs print on its way to the market: read in the sandbox, sent by the daemon, never waited for."""

import threading
import time
from dataclasses import replace

import pytest

from agent.adapters import Job
from agent.adapters.wasm import WasmAdapter
from agent.containers.logs import LogPump
from agent.live_logs import MOST_SENT, LiveLogs
from agent.runtimes import RUNTIMES, ModuleCache
from agent.sandbox import Limits, Sandbox
from agent.sandbox.printed import Printed
from marketplace.client.private import JobKey
from marketplace.errors import ConflictError, NotFound, ServiceUnavailable
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import Verification
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.livelog import MAX_CHUNK_BYTES, STDERR, STDOUT
from tests.fakes.waiting import wait_for
from tests.unit.agent.played_market import AGENT, DOMAIN, PlayedMarket
from tests.unit.agent.played_provider import make_provider, seen
from tests.unit.agent.test_work import ended, lease_event, lease_terms

LEASE = "0x" + "11" * 32
LIMITS = Limits(fuel=400 * 10**9, memory_bytes=256_000_000, wall_seconds=60, egress_bytes=1_000_000)
TALKER = b"""
import sys
for n in range(200):
    print('line', n)
    print('fault', n, file=sys.stderr)
    sum(range(20000))
"""


class Market:
    """Takes pieces as a market does, or is away, or refuses, or forgets."""

    def __init__(self):
        self.streams, self.pieces, self.trouble = {}, [], None

    def post_log(self, chunk, signature, data):
        if self.trouble:
            raise self.trouble
        assert chunk.recover(DOMAIN, signature) == AGENT.address
        assert (chunk.lease_id, chunk.data_digest) == (LEASE, sha256_digest(data))
        self.pieces.append((chunk.stream, chunk.offset, len(data)))
        held = self.streams.setdefault((chunk.started_at, chunk.stream), bytearray())
        if chunk.offset == len(held):
            held += data
        return {"next": len(held)}

    def text(self, stream=STDOUT, run=100) -> bytes:
        return bytes(self.streams.get((run, stream), b""))


class Stalled:
    """In place of sleeping between two looks: the thread that sends waits until the test is over."""

    def __init__(self):
        self.is_over = threading.Event()

    def __call__(self, seconds):
        self.is_over.wait(30)


@pytest.fixture
def market():
    return Market()


@pytest.fixture
def logs(market):
    stalled = Stalled()
    yield LiveLogs(client=market, domain=DOMAIN, agent=AGENT, now=lambda: 100, sleep=stalled)
    stalled.is_over.set()


# --- what is seen -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def adapter():
    sandbox = Sandbox()
    return WasmAdapter(sandbox, ModuleCache(sandbox))


def talking(printed: Printed | None) -> Job:
    program = {"kind": "runtime", "name": "python", "digest": RUNTIMES["python"].digest, "script": "s.py"}
    inputs = [{"path": "s.py", "digest": sha256_digest(TALKER), "size": len(TALKER)}]
    return Job(JobSpec.parse({"program": program, "inputs": inputs}), {"s.py": TALKER}, {}.__getitem__, None, printed)


def test_a_program_is_read_while_it_runs_and_neither_result_nor_fuel_depend_on_it(adapter):
    printed, lengths, is_over = Printed(), [], threading.Event()

    def read():
        while not is_over.wait(0.01):
            lengths.append((len(printed.read(STDOUT, 0, 10**6)), len(printed.read(STDERR, 0, 10**6))))

    reader = threading.Thread(target=read)
    reader.start()
    watched = adapter.run(talking(printed), LIMITS)
    is_over.set()
    reader.join()
    alone = adapter.run(talking(None), LIMITS)
    assert (watched.stdout, watched.stderr, watched.fuel_used) == (alone.stdout, alone.stderr, alone.fuel_used)
    part_way = {out for out, _ in lengths if 0 < out < len(alone.stdout)}
    assert len(part_way) > 1 and lengths == sorted(lengths)
    assert printed.read(STDOUT, 5, 6) == alone.stdout[5:11]
    assert printed.read(STDERR, 0, 10**6) == alone.stderr


def test_a_containers_streams_are_read_as_they_come():
    printed, go_on = Printed(), threading.Event()

    def stream():
        yield b"out", None
        yield None, b"err"
        go_on.wait(10)
        yield b" and more", None

    pump = LogPump(stream(), LIMITS, printed)
    until = time.monotonic() + 10
    while printed.read(STDERR, 0, 9) != b"err" and time.monotonic() < until:
        time.sleep(0.01)
    assert (printed.read(STDOUT, 0, 99), printed.read(STDERR, 0, 99)) == (b"out", b"err")
    go_on.set()
    pump.finish(10)
    assert printed.read(STDOUT, 3, 99) == b" and more" == pump.stdout[3:]


def test_what_shows_nothing_has_printed_nothing():
    assert Printed().read(STDOUT, 0, 10) == b""


# --- what is sent -----------------------------------------------------------------------------------------------------


def test_what_is_new_is_sent_piece_by_piece_and_nothing_twice(logs, market):
    out, err = bytearray(b"one"), bytearray()
    with logs.of(LEASE, lease_terms()) as printed:
        printed.show(out, err)
        logs.post()
        logs.post()
        out += b" two"
        err += b"oh"
        logs.post()
    assert market.pieces == [(STDOUT, 0, 3), (STDOUT, 3, 4), (STDERR, 0, 2)]
    assert (market.text(), market.text(STDERR)) == (b"one two", b"oh")


def test_a_look_sends_a_bounded_piece_of_each_stream(logs, market):
    with logs.of(LEASE, lease_terms()) as printed:
        printed.show(bytearray(MAX_CHUNK_BYTES + 5), bytearray())
        logs.post()
        assert market.pieces == [(STDOUT, 0, MAX_CHUNK_BYTES)]
        logs.post()
    assert market.pieces[1:] == [(STDOUT, MAX_CHUNK_BYTES, 5)]


def test_what_is_printed_while_the_market_is_away_is_sent_once_it_is_back(logs, market):
    out = bytearray(b"a")
    with logs.of(LEASE, lease_terms()) as printed:
        printed.show(out, bytearray())
        logs.post()
        market.trouble = ServiceUnavailable("away")
        out += b"b"
        with pytest.raises(ServiceUnavailable):
            logs.post()
        market.trouble = None
        out += b"c"
        logs.post()
    assert market.text() == b"abc" and market.pieces[-1] == (STDOUT, 1, 2)


def test_a_market_that_has_forgotten_is_told_again_but_not_for_ever(logs, market):
    out = bytearray(b"before")
    with logs.of(LEASE, lease_terms()) as printed:
        printed.show(out, bytearray())
        logs.post()
        market.streams.clear()
        out += b", after"
        logs.post()
        logs.post()
        assert market.text() == b"before, after"
        out += bytes(MAX_CHUNK_BYTES)
        for _ in range(3 * MOST_SENT // MAX_CHUNK_BYTES):
            market.streams.clear()
            logs.post()
    assert sum(size for *_, size in market.pieces) == MOST_SENT


@pytest.mark.parametrize("answer", [{}, {"next": -1}, {"next": 99}, {"next": "1"}, {"next": None}, [], None])
def test_an_answer_that_cannot_be_changes_nothing(logs, market, answer, monkeypatch):
    monkeypatch.setattr(market, "post_log", lambda *given: answer)
    with logs.of(LEASE, lease_terms()) as printed:
        printed.show(bytearray(b"abc"), bytearray())
        logs.post()
        assert logs._runs[LEASE].sent == {STDOUT: 3, STDERR: 0}


@pytest.mark.parametrize("trouble", [NotFound("path", "log"), ConflictError("attested")])
def test_a_log_that_the_market_refuses_is_let_be(logs, market, trouble):
    market.trouble = trouble
    with logs.of(LEASE, lease_terms()) as printed:
        printed.show(bytearray(b"abc"), bytearray())
        logs.post()
        market.trouble = None
        logs.post()
    assert market.pieces == []


def test_a_run_that_is_over_is_sent_no_more(logs, market):
    with logs.of(LEASE, lease_terms()) as printed:
        printed.show(bytearray(b"abc"), bytearray())
    logs.post()
    assert market.pieces == []


def voting(terms):
    return replace(terms, bid=terms.bid.model_copy(update={"verification": int(Verification.REPLICATE)}))


def private(terms):
    return replace(terms, job_spec=terms.job_spec.model_copy(update={"privacy": JobKey.new().privacy}))


@pytest.mark.parametrize("hidden", [voting, private])
def test_a_job_that_nobody_may_see_is_not_even_read(logs, hidden):
    with logs.of(LEASE, hidden(lease_terms())) as printed:
        assert printed is None and logs._runs == {}


def test_sending_goes_on_by_itself_through_trouble_and_ends_with_the_last_job(market):
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            market.trouble = None
        time.sleep(0.005)

    logs = LiveLogs(client=market, domain=DOMAIN, agent=AGENT, now=lambda: 100, sleep=sleep)
    market.trouble = ServiceUnavailable("away")
    with logs.of(LEASE, lease_terms()) as printed:
        printed.show(bytearray(b"abc"), bytearray())
        wait_for(lambda: market.text() == b"abc")
    assert pauses[:3] == [1, 2, 4], "later each time while the market is away"
    wait_for(lambda: not logs._is_sending)
    with logs.of(LEASE, lease_terms()) as printed:
        wait_for(lambda: logs._is_sending)


# --- the daemon -------------------------------------------------------------------------------------------------------


def test_a_daemon_shows_what_a_job_prints_while_it_runs(tmp_path, logs, market, terms):
    blob = {ended().manifest.entries[0].digest: b"x" * 100}

    def runner(given, hooks):
        hooks.printed.show(bytearray(b"live"), bytearray())
        logs.post()
        return ended(blobs=blob)

    provider = make_provider(PlayedMarket(terms), tmp_path, runner=runner, live_logs=logs)
    provider.run_lease(seen(provider, lease_event(terms)))
    assert market.text() == b"live" and logs._runs == {}


def test_a_job_ends_as_it_would_where_its_log_cannot_be_sent(tmp_path, logs, market, terms):
    market.trouble = ServiceUnavailable("away")
    blob = {ended().manifest.entries[0].digest: b"x" * 100}

    def runner(given, hooks):
        hooks.printed.show(bytearray(b"live"), bytearray())
        with pytest.raises(ServiceUnavailable):
            logs.post()
        return ended(blobs=blob)

    played = PlayedMarket(terms)
    provider = make_provider(played, tmp_path, runner=runner, live_logs=logs)
    provider.run_lease(seen(provider, lease_event(terms)))
    provider.post_attestations()
    assert len(played.posted) == 1
