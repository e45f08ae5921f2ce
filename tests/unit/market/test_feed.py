"""What happens is told to a real NATS server: all of it, in order for each job, whoever dies in between."""

import asyncio
import json
from dataclasses import replace

import pytest

from marketplace.adapters.nats_feed import NatsFeed
from marketplace.domain.feed import FeedEvent, LogPiece
from marketplace.errors import ServiceUnavailable
from marketplace.protocol.livelog import STDOUT
from marketplace.services.publish_events import publish_events
from tests.fakes.nats import NatsServer, needs_nats

PREFIX = "computehive.0xmarket"


class Told:
    """A feed in memory that keeps what it is told, and may fail at one of them."""

    def __init__(self, fails_at: int = -1) -> None:
        self.events: list[FeedEvent] = []
        self.fails_at = fails_at

    def publish(self, event: FeedEvent) -> None:
        if len(self.events) == self.fails_at:
            raise ServiceUnavailable("away")
        self.events.append(event)

    def share(self, piece) -> None:
        raise AssertionError("no job prints here")

    follow = share

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def server(tmp_path_factory):
    server = NatsServer(tmp_path_factory.mktemp("nats")).start()
    yield server
    server.stop()


@pytest.fixture
def feed(server):
    feed = NatsFeed(server.url, PREFIX)
    yield feed
    feed.close()


def with_feed(world, feed):
    return replace(world.market, feed=feed)


def kept_by(server, subject: str = f"{PREFIX}.>") -> list[dict]:
    """What somebody gets who asks for everything from the beginning, as any program with a NATS client would."""

    async def read() -> list[dict]:
        import nats

        connection = await nats.connect(server.url)
        try:
            found = await connection.jetstream().subscribe(subject, ordered_consumer=True)
            messages = []
            while True:
                try:
                    message = await found.next_msg(timeout=0.5)
                except nats.errors.TimeoutError:
                    return messages
                messages.append(json.loads(message.data) | {"subject": message.subject})
        finally:
            await connection.close()

    return asyncio.run(read())


def timeline_of(world, job_id: str) -> list[str]:
    with world.market.store.read() as tx:
        return [one["kind"] for one in tx.timeline.of(job_id)]


@needs_nats
def test_every_event_of_a_job_and_every_round_is_kept_for_who_comes_later(world, server, feed):
    lease_id = world.open_lease()
    world.attest(lease_id)
    market = with_feed(world, feed)
    assert publish_events(market) is True
    assert publish_events(market) is False, "all is told"
    with market.store.read() as tx:
        job_id = tx.leases.get(lease_id).bid_hash
    kept = kept_by(server)
    jobs = [one for one in kept if one["subject"] == f"{PREFIX}.jobs.{job_id}"]
    assert [one["kind"] for one in jobs] == timeline_of(world, job_id)
    assert [one["number"] for one in kept if one["subject"] == f"{PREFIX}.rounds"] == [1]
    assert len({one["id"] for one in kept}) == len(kept)


@needs_nats
def test_nothing_is_lost_or_out_of_order_where_the_server_is_killed_in_the_middle(world, server, feed):
    market = with_feed(world, feed)
    first = world.submit()
    publish_events(market)
    server.kill()
    second, third = world.submit(), world.submit()
    with pytest.raises(ServiceUnavailable, match="NATS"):
        publish_events(market)
    server.start()
    while publish_events(market):
        pass
    jobs = [one["jobId"] for one in kept_by(server, f"{PREFIX}.jobs.*")]
    assert jobs == [first, second, third]


@needs_nats
def test_what_is_told_twice_because_the_market_was_killed_is_kept_once(world, server, feed):
    jobs = [world.submit() for _ in range(3)]
    market = with_feed(world, feed)
    publish_events(market)
    with market.store.write() as tx:
        tx.forgetting.move("feed jobs", 1)  # as a process leaves it that is killed before it has noted the rest
    publish_events(market)
    assert [one["jobId"] for one in kept_by(server, f"{PREFIX}.jobs.*")] == jobs


@needs_nats
def test_a_server_that_lost_its_disk_is_given_a_stream_again(world, server, tmp_path):
    feed = NatsFeed(server.url, PREFIX)
    market = with_feed(world, feed)
    world.submit()
    publish_events(market)
    server.kill()
    other = NatsServer(tmp_path)
    other._port = server._port
    other.start()
    try:
        job_id = world.submit()
        while publish_events(market):
            pass
        assert [one["jobId"] for one in kept_by(other, f"{PREFIX}.jobs.*")] == [job_id]
    finally:
        feed.close()
        other.stop()


def test_where_telling_fails_what_was_told_is_not_told_again_and_the_rest_follows(world):
    jobs = [world.submit() for _ in range(5)]
    failing, whole = Told(fails_at=3), Told()
    with pytest.raises(ServiceUnavailable):
        publish_events(with_feed(world, failing))
    publish_events(with_feed(world, whole))
    assert [one.data["jobId"] for one in failing.events + whole.events] == jobs


def test_more_than_a_step_takes_is_told_in_several(world, monkeypatch):
    monkeypatch.setattr("marketplace.services.publish_events.EVENTS_PER_STEP", 2)
    jobs, feed = [world.submit() for _ in range(5)], Told()
    market = with_feed(world, feed)
    assert [publish_events(market) for _ in range(4)] == [True, True, True, False]
    assert [one.data["jobId"] for one in feed.events] == jobs


def test_who_tells_nobody_has_nothing_to_do(world):
    world.submit()
    assert publish_events(world.market) is False


def test_a_piece_of_a_log_comes_back_as_it_went_and_what_is_none_is_refused():
    piece = LogPiece("0x1", 5, STDOUT, 7, b"\0line\n")
    assert LogPiece.parse("0x1", piece.payload()) == piece
    for other in (b"", b"[]", b"{}", b'{"startedAt":1,"stream":9,"offset":0,"data":""}', piece.payload()[:-5]):
        with pytest.raises(ValueError):
            LogPiece.parse("0x1", other)


def test_an_event_keeps_its_id_and_another_in_its_place_has_another():
    event = FeedEvent("jobs.0x1", 7, {"kind": "queued", "at": 1})
    assert event.id == FeedEvent("jobs.0x1", 7, {"at": 1, "kind": "queued"}).id
    assert event.id != FeedEvent("jobs.0x1", 7, {"at": 2, "kind": "queued"}).id
    assert json.loads(event.payload()) == {"kind": "queued", "at": 1, "id": event.id}
