"""Two processes that serve one market's API: who follows a job at one sees what came in at the other."""

from base64 import b64decode
from copy import copy
from dataclasses import replace

import pytest

from marketplace.adapters.nats_feed import NatsFeed
from marketplace.client import MarketClient
from marketplace.client.events import follow_events
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import Outcome
from marketplace.protocol.livelog import STDOUT, LogChunk
from marketplace.services.live_logs import LiveLogs
from marketplace.services.record_log import record_log, take_shared_log
from tests.fakes.databases import BOTH, close_databases
from tests.fakes.nats import NatsServer, needs_nats
from tests.fakes.service import serve
from tests.fakes.waiting import wait_for
from tests.fakes.world import AGENT, DOMAIN, World


@pytest.fixture(params=BOTH)
def world(request, tmp_path):
    yield World(tmp_path, database=request.param)
    close_databases()


@pytest.fixture
def served(world):
    """Two services on one database, with a process's memory each; the world is at work in the first."""
    other = copy(world)
    other.market = world.restarted()
    services = [serve(world), serve(other)]
    yield world, other, services
    for service in services:
        service.stop()


def test_a_jobs_events_are_seen_at_the_other_process_and_gone_on_with_at_the_first(served):
    world, _, (first, second) = served
    lease_id = world.open_lease()
    with world.market.store.read() as tx:
        job_id = tx.leases.get(lease_id).bid_hash
    with MarketClient(second.url) as there, MarketClient(first.url) as here:
        reader = there.job_event_stream(job_id)
        seen = [next(reader)]
        while seen[-1].data["event"] != "lease_opened":
            seen.append(next(reader))
        reader.close()
        world.attest(lease_id)
        world.judge(lease_id, outcome=int(Outcome.PAID))
        world.sign_batches()
        world.drain()
        seen += list(follow_events(lambda after: here.job_event_stream(job_id, after or seen[-1].id)))
        whole = list(follow_events(lambda after: there.job_event_stream(job_id, after)))
    assert [one.data for one in seen] == [one.data for one in whole]
    assert seen[-1].kind == "end" and seen[-1].data == {"state": "paid"}


@needs_nats
def test_what_a_job_prints_at_one_process_is_seen_at_the_other_and_at_one_that_starts_later(served, tmp_path_factory):
    world, other, (_, second) = served
    server = NatsServer(tmp_path_factory.mktemp("nats")).start()
    feeds = [NatsFeed(server.url, "computehive.0xmarket") for _ in range(3)]
    try:
        feeds[1].follow(lambda piece: take_shared_log(other.market, piece))
        lease_id = world.open_lease()
        told = replace(world.market, feed=feeds[0])
        for number in range(3):
            _print(told, lease_id, number)
        wait_for(lambda: _printed(other.market.live_logs, lease_id) == b"line 0\nline 1\nline 2\n")
        with world.market.store.read() as tx:
            job_id = tx.leases.get(lease_id).bid_hash
        with MarketClient(second.url) as client:
            reader = client.job_log_stream(job_id)
            shown = [next(reader), next(reader)]
            reader.close()
        assert [one.kind for one in shown] == ["begin", "log"]
        assert b64decode(shown[1].data["data"]) == b"line 0\nline 1\nline 2\n"

        late = replace(world.market, live_logs=LiveLogs())
        feeds[2].follow(lambda piece: take_shared_log(late, piece))
        wait_for(lambda: _printed(late.live_logs, lease_id) == b"line 0\nline 1\nline 2\n")
        server.kill()
        _print(told, lease_id, 3)  # is taken all the same
        assert _printed(world.market.live_logs, lease_id).endswith(b"line 3\n")
    finally:
        for feed in feeds:
            feed.close()
        server.stop()


def _print(market, lease_id: str, number: int) -> None:
    data = f"line {number}\n".encode()
    chunk = LogChunk(
        lease_id=lease_id,
        started_at=market.clock.now(),
        stream=STDOUT,
        offset=number * len(data),
        data_digest=sha256_digest(data),
    )
    record_log(market, lease_id, chunk, chunk.sign(DOMAIN, AGENT.key), data)


def _printed(logs: LiveLogs, lease_id: str) -> bytes:
    seen = logs.read(lease_id, 0, 0, 0, 1_000)
    return seen.stdout if seen else b""
