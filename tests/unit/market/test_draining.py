"""A node that leaves: its signed heartbeat says so, no round gives it work, the listings show it until it is gone."""

from marketplace.protocol.enums import CancelKind
from marketplace.protocol.messages import Cancel, Heartbeat
from marketplace.services.cancel_order import cancel_order
from marketplace.services.clear_round import run_round
from marketplace.services.record_heartbeat import record_heartbeat
from marketplace.services.show_market import list_nodes
from tests.fakes.world import AGENT, DOMAIN, PROVIDER
from tests.unit.market.test_life_of_a_job import state


def beat(world, drains_by: int = 0) -> None:
    heartbeat = Heartbeat(
        agent=AGENT.address,
        profile_digest=world.profile().digest(),
        sent_at=world.chain.time,
        drains_by=drains_by,
    )
    record_heartbeat(world.market, AGENT.address, heartbeat, heartbeat.sign(DOMAIN, AGENT.key))


def only_node(world) -> dict:
    (node,) = list_nodes(world.market)["nodes"]
    return node


def cancel_asks(world) -> None:
    cancel = Cancel(signer=PROVIDER.address, kind=CancelKind.ASKS_BEFORE, salt=world.salts[PROVIDER.address] + 1)
    cancel_order(world.market, cancel, cancel.sign(DOMAIN, PROVIDER.key))


def test_node_that_says_it_is_leaving_gets_no_new_lease_even_while_its_ask_stands(world):
    world.offer()
    beat(world, drains_by=world.chain.time + 600)
    job = world.submit()
    run_round(world.market)
    assert state(world, job) == "queued"
    beat(world)
    run_round(world.market)
    assert state(world, job) == "matched"


def test_leaving_node_is_listed_with_its_time_until_nothing_is_heard_of_it(world):
    world.offer()
    until = world.chain.time + 600
    assert (only_node(world)["status"], only_node(world)["drainsBy"]) == ("alive", None)
    beat(world, drains_by=until)
    cancel_asks(world)
    node = only_node(world)
    assert (node["status"], node["drainsBy"], node["freeUnits"]) == ("draining", until, 0)
    world.chain.mine(seconds=world.rules.node_silence_seconds + 1)
    assert list_nodes(world.market)["nodes"] == []


def test_leases_that_run_on_a_leaving_node_go_on_and_are_paid(world):
    lease_id = world.open_lease()
    beat(world, drains_by=world.chain.time + 600)
    cancel_asks(world)
    world.attest(lease_id)
    world.judge(lease_id)
    world.sign_batches()
    world.drain()
    with world.market.store.read() as tx:
        assert tx.leases.get(lease_id).closing.paid > 0


def test_node_that_offers_again_is_leaving_no_longer(world):
    world.offer()
    beat(world, drains_by=world.chain.time + 600)
    world.chain.mine()
    world.offer()
    assert only_node(world)["status"] == "alive"


def test_evicted_run_is_refunded_whole_without_a_slash(world):
    lease_id = world.open_lease()
    world.evict(lease_id)
    with world.market.store.read() as tx:
        closing = tx.leases.get(lease_id).closing
    assert (closing.paid, closing.refund > 0) == (0, True)
    assert world.chain.stake(PROVIDER.address).active == 100_000_000
