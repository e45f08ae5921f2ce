"""Agents and oracles that are told of work, over real sockets: at once, by whichever process; bounded, ended."""

import asyncio
import threading
import time
from copy import copy

import httpx
import pytest

from agent.work_feed import WorkFeed
from marketplace.api import work_feeds
from marketplace.api.streams import Streams
from marketplace.api.work_feeds import WorkFeeds
from marketplace.client import MarketClient
from marketplace.client.events import JobEvent
from marketplace.domain.rules import Rules
from marketplace.domain.work import BATCHES, CLAIMS, LEASES, RECEIPTS, REVEALS
from marketplace.errors import MalformedMessage, ServiceUnavailable, WrongSigner
from marketplace.protocol.messages import Receipt
from marketplace.services.record_evidence import record_receipt
from marketplace.services.settle_batch import propose_batches
from tests.fakes.databases import BOTH, POSTGRES, close_databases, needs_postgres
from tests.fakes.service import serve
from tests.fakes.waiting import SOON, wait_for
from tests.fakes.world import AGENT, DOMAIN, ORACLES, PROVIDER, RENTER, World

OTHER = PROVIDER.address
"""An account that is no agent's."""


class Heard:
    """What one feed tells, read in a thread."""

    def __init__(self, url: str, **whom: str) -> None:
        self.events: list[JobEvent] = []
        self._client = MarketClient(url)
        self._ends: list = []
        self._reading = threading.Thread(target=self._read, kwargs=whom)
        self._reading.start()
        wait_for(lambda: self.events or not self._reading.is_alive())

    @property
    def topics(self) -> set[str]:
        return {topic for event in self.events for topic in event.data.get("topics", ())}

    @property
    def is_over(self) -> bool:
        return not self._reading.is_alive()

    def close(self) -> None:
        for end in self._ends:
            end()
        self._reading.join(SOON)
        assert self.is_over
        self._client.close()

    def _read(self, **whom: str) -> None:
        try:
            for event in self._client.work_stream(**whom, opened=self._ends.append):
                self.events.append(event)
        except ServiceUnavailable:
            pass


@pytest.fixture(params=BOTH)
def world(request, tmp_path):
    yield World(tmp_path, rules=Rules(seal_seconds=0, max_feeds=3, max_feeds_per_client=2), database=request.param)
    close_databases()


@pytest.fixture
def service(world):
    made = serve(world)
    yield made
    made.stop()


@pytest.fixture
def hear(service):
    """Feeds of the service that end with the test."""
    heard = []

    def follow(**whom) -> Heard:
        heard.append(Heard(service.url, **whom))
        return heard[-1]

    yield follow
    for one in heard:
        one.close()


# --- who is told of what ---


def test_an_agent_is_told_when_a_lease_of_its_own_opens_and_when_it_is_closed(world, hear):
    ours, others = hear(agent=AGENT.address), hear(agent=OTHER)
    assert ours.events == [JobEvent("begin", {"heartbeatSeconds": 60}, "")]
    lease = world.open_lease()
    wait_for(lambda: ours.topics == {LEASES})
    ours.events.clear()
    world.attest(lease)
    world.judge(lease)
    world.sign_batches()
    assert ours.topics == set(), "what others do about it is none of its business"
    world.drain()
    wait_for(lambda: ours.topics == {LEASES})
    assert others.topics == set()


def test_an_agent_is_told_that_its_renter_accepted_less_than_the_lock(world, hear):
    ours, lease = hear(agent=AGENT.address), world.open_lease()
    attested = world.attest(lease)
    ours.events.clear()
    receipt = Receipt(lease_id=lease, pay=world.pay(lease), result_digest=attested.result_digest)
    record_receipt(world.market, lease, receipt, receipt.sign(DOMAIN, RENTER.key))
    wait_for(lambda: RECEIPTS in ours.topics)


def test_an_oracle_is_told_of_evidence_then_of_seals_to_open_then_of_a_batch_to_sign(world, hear):
    told, lease = hear(oracle=ORACLES[0].address), world.open_lease()
    assert told.topics == set()
    world.attest(lease)
    wait_for(lambda: told.topics == {CLAIMS})
    told.events.clear()
    world.seal_as(lease, ORACLES[:2])
    wait_for(lambda: told.topics == {REVEALS})
    told.events.clear()
    world.reveal_all()
    propose_batches(world.market)
    wait_for(lambda: told.topics == {BATCHES})


@needs_postgres
@pytest.mark.parametrize("world", [POSTGRES], indirect=True)
def test_who_follows_one_process_is_told_of_what_another_commits(world, service):
    other = copy(world)
    other.market = world.restarted()
    there = serve(other)
    heard = Heard(there.url, agent=AGENT.address)
    world.open_lease()
    wait_for(lambda: LEASES in heard.topics)
    heard.close()
    there.stop()


# --- bounds ---


@pytest.mark.parametrize(("whom", "error"), [({"agent": ""}, MalformedMessage), ({"oracle": OTHER}, WrongSigner)])
def test_who_names_nobody_or_no_oracle_is_refused(service, whom, error):
    with MarketClient(service.url) as client, pytest.raises(error):
        next(client.work_stream(**whom))


def test_naming_both_is_refused_by_field(service):
    answer = httpx.get(f"{service.url}/api/v1/work?agent={AGENT.address}&oracle={ORACLES[0].address}", timeout=SOON)
    assert (answer.status_code, answer.json()["values"]["field"]) == (422, "agent")


def test_more_feeds_than_one_address_may_have_are_refused_until_one_is_closed(service, hear):
    first, _ = hear(agent=AGENT.address), hear(agent=OTHER)
    with MarketClient(service.url) as client:
        with pytest.raises(ServiceUnavailable, match="Too many feeds"):
            next(client.work_stream(oracle=ORACLES[0].address))
        first.close()
        wait_for(lambda: _begins(client))


def _begins(client: MarketClient) -> bool:
    try:
        return next(client.work_stream(oracle=ORACLES[0].address)).kind == "begin"
    except ServiceUnavailable:
        return False


def test_a_third_feed_of_one_account_ends_its_oldest_however_full_the_market_is(hear):
    feeds = [hear(agent=AGENT.address) for _ in range(3)]
    wait_for(lambda: feeds[0].is_over)
    assert not feeds[1].is_over and feeds[2].events[0].kind == "begin"


def test_what_is_committed_before_it_could_be_told_is_told_together(world):
    feeds = WorkFeeds(world.market, Streams(world.market.rules))

    async def read() -> list[bytes]:
        stream = feeds.follow("here", None, ORACLES[0].address)
        events = aiter(stream.body_iterator)
        seen = [await anext(events)]
        for word in (CLAIMS, REVEALS, CLAIMS):
            world.market.store._changes.publish({word})
        seen.append(await anext(events))
        await events.aclose()
        return seen

    begin, told = asyncio.run(read())
    assert b"event: begin" in begin
    assert b'"topics": ["claims", "reveals"]' in told


def test_while_nothing_happens_a_comment_keeps_the_connection(service, monkeypatch):
    monkeypatch.setattr(work_feeds, "KEEP_ALIVE_SECONDS", 0.1)
    with httpx.stream("GET", f"{service.url}/api/v1/work?agent={AGENT.address}", timeout=SOON) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = (line for line in answer.iter_lines() if line.startswith(":"))
        assert [next(lines), next(lines)] == 2 * [": nothing new"]


def test_a_stop_of_the_market_ends_feeds_at_once(world, caplog):
    service = serve(world)
    heard = [Heard(service.url, agent=AGENT.address), Heard(service.url, oracle=ORACLES[0].address)]
    began = time.monotonic()
    service.stop()
    for one in heard:
        one.close()
    assert time.monotonic() - began < work_feeds.KEEP_ALIVE_SECONDS
    assert "timeout graceful shutdown exceeded" not in caplog.text


# --- the daemons' side ---


def test_a_daemon_that_waits_to_be_told_stops_at_once(service):
    with MarketClient(service.url) as client:
        feed = WorkFeed(lambda opened: client.work_stream(agent=AGENT.address, opened=opened))
        feed.start()
        wait_for(lambda: feed.is_open)
        began = time.monotonic()
        feed.stop()
        assert not feed._thread.is_alive() and time.monotonic() - began < 2
        assert not feed.is_open


def test_a_step_is_taken_when_the_market_tells_and_not_before(world, service):
    taken = []
    with MarketClient(service.url) as client:
        feed = WorkFeed(lambda opened: client.work_stream(agent=AGENT.address, opened=opened))
        step = feed.when_told(lambda: taken.append(1) or True, LEASES, slow=1_000)
        feed.start()
        wait_for(lambda: feed.is_open)
        for _ in range(5):
            step()
        assert taken == [1], "once, for what came before it was told anything"
        world.open_lease()
        wait_for(lambda: step() or len(taken) == 2)
        feed.stop()


def test_a_market_that_comes_back_is_followed_again_and_looked_at(world):
    first = serve(world)
    with MarketClient(first.url) as client:
        url = [client]
        feed = WorkFeed(lambda opened: url[0].work_stream(agent=AGENT.address, opened=opened), draw=lambda: 0.0)
        feed.start()
        wait_for(lambda: feed.is_open)
        heard = feed.heard(LEASES)
        first.stop()
        wait_for(lambda: not feed.is_open)
        second = serve(world)
        with MarketClient(second.url) as again:
            url[0] = again
            wait_for(lambda: feed.is_open)
            assert feed.heard(LEASES) == heard + 1, "something may have come while nobody told"
            feed.stop()
        second.stop()
