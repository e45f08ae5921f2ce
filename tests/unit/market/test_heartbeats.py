"""Heartbeats that come at the same time are noted together, each by itself; a newer one is never undone by an older."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from marketplace.domain.orders import AskRecord, SignOfLife
from marketplace.errors import ExpiredOrder, InvalidSignature, MalformedMessage, NotFound
from marketplace.protocol.messages import Heartbeat
from marketplace.services.record_heartbeat import CLOCK_SKEW_SECONDS, record_heartbeat
from tests.fakes.world import AGENT, DOMAIN, key


def beat(world, agent, *, sent_at=None, drains_by=0):
    now = world.market.clock.now() if sent_at is None else sent_at
    digest = "0x" + "00" * 32
    heartbeat = Heartbeat(agent=agent.address, profile_digest=digest, sent_at=now, drains_by=drains_by)
    return heartbeat, heartbeat.sign(DOMAIN, agent.key)


def send(world, agent, **changes):
    return record_heartbeat(world.market, agent.address, *beat(world, agent, **changes))


def last_seen(world, agent) -> int:
    with world.market.store.read() as tx:
        return tx.asks.last_seen(agent)


def test_nodes_of_many_threads_are_each_noted_and_who_has_no_ask_is_told_so(world):
    agents = [key(100 + number) for number in range(12)]
    for number, agent in enumerate(agents[:8]):
        ask = world.ask(agent=agent.address, salt=number + 1)
        with world.market.store.write() as tx:
            tx.asks.add(AskRecord(ask.struct_hash(), ask, "0x", world.profile(), placed_at=1))

    def answer(agent):
        try:
            return send(world, agent).last_seen
        except NotFound:
            return None

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(answer, agents * 3))
    now = world.market.clock.now()
    assert answers == ([now] * 8 + [None] * 4) * 3
    assert [last_seen(world, one.address) for one in agents] == [now] * 8 + [0] * 4


def test_an_older_sign_of_life_changes_nothing_and_the_newest_says_whether_the_node_drains(world):
    world.offer()
    with world.market.store.write() as tx:
        signs = [SignOfLife(AGENT.address, 10**10, 7), SignOfLife(AGENT.address, 10**10 - 1, 0)]
        assert tx.asks.hear(signs) == {AGENT.address: 10**10}
        assert tx.asks.hear([SignOfLife(AGENT.address, 5, 0)]) == {AGENT.address: 10**10}
        assert tx.asks.hear([]) == {}
    with world.market.store.read() as tx:
        found = tx.asks.latest_of_agent(AGENT.address)
    assert (found.last_seen, found.drains_by) == (10**10, 7)


def test_hearing_nodes_together_leaves_what_hearing_one_after_the_other_does(world):
    heard = [SignOfLife(agent, at, to) for at, to in [(50, 0), (60, 9), (60, 4), (40, 3)] for agent in ("0xa", "0xb")]
    for one in ("0xa", "0xb", "0xc", "0xd"):
        with world.market.store.write() as tx:
            tx.asks.seen(one, 45)
    for one in heard:
        with world.market.store.write() as tx:
            tx.asks.seen(one.agent, one.at, one.drains_by)
    renamed = {"0xa": "0xc", "0xb": "0xd"}
    with world.market.store.write() as tx:
        assert tx.asks.hear([SignOfLife(renamed[one.agent], one.at, one.drains_by) for one in heard]) == {
            "0xc": 60, "0xd": 60,
        }  # fmt: skip
        assert [tx.asks.last_seen(one) for one in ("0xa", "0xb")] == [60, 60]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"age": CLOCK_SKEW_SECONDS + 1}, ExpiredOrder),
        ({"age": -CLOCK_SKEW_SECONDS - 1}, ExpiredOrder),
        ({"agent": key(99)}, MalformedMessage),
        ({"signer": key(99)}, InvalidSignature),
    ],
)
def test_what_is_not_the_nodes_own_word_of_now_is_refused_and_notes_nothing(world, change, error):
    world.offer()
    before = last_seen(world, AGENT.address)
    world.market.clock.ahead = 9
    heartbeat, signature = beat(
        world, change.get("agent", AGENT), sent_at=world.market.clock.now() - change.get("age", 0)
    )
    if "signer" in change:
        signature = heartbeat.sign(DOMAIN, change["signer"].key)
    with pytest.raises(error):
        record_heartbeat(world.market, AGENT.address, heartbeat, signature)
    assert last_seen(world, AGENT.address) == before
