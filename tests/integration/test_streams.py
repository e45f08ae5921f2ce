"""Logs and timelines as server-sent events, over real sockets: seen as they come, gone on with, bounded, ended."""

import socket
import subprocess
import sys
from base64 import b64decode, b64encode

import httpx
import pytest
from fastapi import Request

from marketplace.api import streams
from marketplace.api.streams import Streams
from marketplace.client import MarketClient
from marketplace.client.events import follow_events
from marketplace.domain.rules import Rules
from marketplace.errors import ConflictError, MalformedMessage, NotFound, ServiceUnavailable
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.livelog import STDERR, STDOUT, LogChunk
from marketplace.services.clear_round import run_round
from marketplace.services.follow_job import Look
from tests.fakes.service import serve
from tests.fakes.waiting import SOON, wait_for
from tests.fakes.world import AGENT, DOMAIN, World

EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path, rules=Rules(seal_seconds=0, max_streams=3, max_streams_per_client=2))


@pytest.fixture
def lease(world) -> str:
    return world.open_lease()


@pytest.fixture
def job(world, lease) -> str:
    with world.market.store.read() as tx:
        return tx.leases.get(lease).bid_hash


@pytest.fixture
def service(world):
    made = serve(world, timeout_graceful_shutdown=int(SOON))
    yield made
    made.stop()


@pytest.fixture
def client(service):
    with MarketClient(service.url) as made:
        yield made


def send(client, lease, data: bytes, *, offset=0, stream=STDOUT, run=100) -> int:
    chunk = LogChunk(
        lease_id=lease, started_at=run, stream=stream, offset=offset, data_digest=sha256_digest(data)
    )  # fmt: skip
    return client.post_log(chunk, chunk.sign(DOMAIN, AGENT.key), data)["next"]


def text(events) -> bytes:
    return b"".join(b64decode(one.data["data"]) for one in events if one.kind == "log")


def test_a_reader_sees_each_piece_while_the_job_runs_then_the_rest_of_the_attested_log(world, client, lease, job):
    reader = client.job_log_stream(job)
    assert send(client, lease, b"one\n") == 4
    assert next(reader).kind == "begin"
    assert text([next(reader)]) == b"one\n"
    send(client, lease, b"oh\n", stream=STDERR)
    seen = next(reader)
    assert (seen.data["stream"], text([seen])) == ("stderr", b"oh\n")
    world.attest(lease, b"one\ntwo\n")
    rest = list(reader)
    assert text(rest) == b"two\n" and [one.kind for one in rest] == ["log", "attested", "end"]


def test_who_comes_back_with_the_last_id_gets_what_came_since(client, lease, job):
    send(client, lease, b"one")
    first = client.job_log_stream(job)
    *_, last = next(first), next(first)
    first.close()
    send(client, lease, b"two", offset=3)
    again = client.job_log_stream(job, last.id)
    assert text([next(again)]) == b"two"


def test_several_readers_see_the_same(client, lease, job):
    send(client, lease, b"one")
    readers = [client.job_log_stream(job) for _ in range(2)]
    expected = {"leaseId": lease, "stream": "stdout", "offset": 0, "data": b64encode(b"one").decode()}
    assert [(next(reader).kind, next(reader).data) for reader in readers] == 2 * [("begin", expected)]
    for reader in readers:
        reader.close()


def test_the_timeline_comes_as_it_happens_and_ends_with_the_job(world, client, lease, job):
    reader = client.job_event_stream(job)
    assert [next(reader).data["event"] for _ in range(2)] == ["queued", "matched"]
    world.attest(lease)
    world.judge(lease)
    world.sign_batches()
    world.drain()
    rest = list(reader)
    assert {"attestation", "sealed", "lease_closed", "paid"} <= {one.data.get("event") for one in rest}
    assert (rest[-1].kind, rest[-1].data) == ("end", {"state": "paid"})


def test_the_market_is_followed_from_round_to_round_over_several_connections(world, client):
    reader = client.market_event_stream()
    first = next(reader)
    assert (first.kind, first.data["rounds"]) == ("status", 0)
    world.open_lease()
    told = next(event for event in reader if event.kind == "round")  # on a slow machine it connects anew meanwhile
    assert (told.data["number"], told.data["matched"]) == (1, 1)
    reader.close()
    again = next(client.market_event_stream(told.id))
    assert (again.kind, again.data["rounds"]) == ("status", 1)


def test_without_asking_for_events_the_answer_is_one_document(service, lease, job):
    for name, key in (("logs", "leases"), ("events", "events")):
        answer = httpx.get(f"{service.url}/api/v1/jobs/{job}/{name}", timeout=SOON)
        assert answer.headers["content-type"] == "application/json" and key in answer.json()


@pytest.mark.parametrize(
    ("job_id", "after", "error"), [("0x" + "77" * 32, "", NotFound), (None, "nonsense", MalformedMessage)]
)
def test_what_cannot_be_followed_is_a_problem_document(client, job, job_id, after, error):
    for connect in (client.job_log_stream, client.job_event_stream):
        with pytest.raises(error):
            next(connect(job_id or job, after))


def test_a_piece_whose_data_is_no_base64_is_refused_by_field(service, lease):
    chunk = LogChunk(lease_id=lease, started_at=1, stream=1, offset=0, data_digest=sha256_digest(b"a"))
    body = {"chunk": chunk.to_json(), "signature": chunk.sign(DOMAIN, AGENT.key), "data": "a"}
    answer = httpx.post(f"{service.url}/api/v1/leases/{lease}/log", json=body, timeout=SOON)
    assert (answer.status_code, answer.json()["values"]["field"]) == (422, "data")


def test_an_attested_lease_takes_no_more_of_its_log(world, client, lease):
    world.attest(lease)
    with pytest.raises(ConflictError):
        send(client, lease, b"late")


def test_more_streams_than_one_address_may_have_are_refused_until_one_is_closed(service, client, lease, job):
    send(client, lease, b"one")
    first, second, third = (client.job_log_stream(job) for _ in range(3))
    next(first), next(second)
    with pytest.raises(ServiceUnavailable, match="Too many streams"):
        next(third)
    first.close()
    wait_for(lambda: service.streams.open_count == 1)
    assert next(client.job_log_stream(job)).kind == "begin"
    second.close()


def test_while_nothing_happens_a_comment_keeps_the_connection(service, lease, job, monkeypatch):
    monkeypatch.setattr(streams, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(streams, "KEEP_ALIVE_SECONDS", 0.1)
    with httpx.stream("GET", f"{service.url}/api/v1/jobs/{job}/logs", headers=EVENTS, timeout=SOON) as answer:
        lines = answer.iter_lines()
        assert [next(lines) for _ in range(4)] == ["retry: 2000", "", ": nothing new", ""]


def test_a_stop_of_the_market_ends_streams_instead_of_waiting_for_them(world, lease, job, caplog):
    service = serve(world, timeout_graceful_shutdown=int(SOON))
    with MarketClient(service.url) as client:
        reader = client.job_event_stream(job)
        next(reader)
        service.stop()
        assert "timeout graceful shutdown exceeded" not in caplog.text
        assert "end" not in [one.kind for one in reader], "the job has not ended: who follows it comes back"


def test_a_client_goes_on_after_a_restart_of_the_market(world, lease, job):
    first = serve(world, timeout_graceful_shutdown=int(SOON))
    with MarketClient(first.url) as client:
        send(client, lease, b"one")
        connect, urls = [client.job_log_stream], []

        def again(seconds):
            urls.append(serve(world, timeout_graceful_shutdown=int(SOON)))
            second = MarketClient(urls[0].url)
            send(second, lease, b"two", offset=3)
            world.attest(lease, b"onetwo")
            connect[0] = second.job_log_stream

        events = follow_events(lambda after: connect[0](job, after), sleep=again)
        seen = [next(events), next(events)]
        first.stop()
        seen += list(events)
    urls[0].stop()
    assert text(seen) == b"onetwo" and [one.kind for one in seen].count("begin") == 1


def test_a_reader_that_reads_nothing_is_let_go(world, service, monkeypatch):
    monkeypatch.setattr(streams, "SLOW_SECONDS", 0.3)
    world.offer()
    job = world.submit(world.bid(egress_mb=12))
    assert run_round(world.market) is not None
    world.drain()
    world.attest(world.lease_of(job), bytes(12_000_000))  # more than the kernel holds for one connection
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", service.port))
        deaf.sendall(f"GET /api/v1/jobs/{job}/logs HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n".encode())
        wait_for(lambda: service.streams.open_count == 1)
        wait_for(lambda: service.streams.open_count == 0)


def test_what_is_to_be_done_last_is_done_before_sigterm_ends_the_process():
    """Such as sending the last spans: after its shutdown the server raises the signal again, which ends the process."""
    program = (
        "import uvicorn; from marketplace.bootstrap import MarketServer\n"
        "async def app(scope, receive, send):\n"
        "    await receive(); await send({'type': 'lifespan.startup.complete'})\n"
        "    print('up', flush=True); await receive(); print('workers stopped', flush=True)\n"
        "    await send({'type': 'lifespan.shutdown.complete'})\n"
        "config = uvicorn.Config(app, port=0, log_level='critical')\n"
        "MarketServer(config, lambda: print('streams', flush=True), lambda: print('sent', flush=True)).run()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "up\n"
        process.terminate()
        said, _ = process.communicate(timeout=SOON)
    finally:
        process.kill()
    assert said.split("\n")[:-1] == ["streams", "workers stopped", "sent"]


def test_streams_of_one_ipv6_network_count_as_one_clients(world):
    held = Streams(world.rules)
    for host in ("2001:db8:1:2::1", "2001:db8:1:2::2"):
        held.follow(request_from(host), lambda after: Look((), after, is_over=False), "")
    with pytest.raises(ServiceUnavailable):
        held.follow(request_from("2001:db8:1:2:ffff::3"), lambda after: Look((), after, is_over=False), "")
    held.follow(request_from("2001:db8:1:3::1"), lambda after: Look((), after, is_over=False), "")
    assert held.open_count == 3


def request_from(host: str) -> Request:
    return Request({"type": "http", "client": (host, 1), "headers": []})
