"""A job that needs more than one unit's share takes several: rounds, fills and listings count units, not leases."""

from marketplace.services.clear_round import run_round
from marketplace.services.show_market import list_nodes
from marketplace.services.snapshot import load_book


def free_units(world) -> list[int]:
    return [ask.free_units for ask in load_book(world.market).snapshot.asks]


def test_a_job_of_half_a_node_takes_half_of_its_units(world):
    world.offer(world.ask(units=4))
    job = world.submit(world.bid(vcpus=2))
    record = run_round(world.market)
    (match,) = record.transcript["matches"]
    assert (match["bidHash"], match["units"]) == (job, 2)
    assert free_units(world) == [2], "of what is planned"
    world.drain()
    assert free_units(world) == [2], "of what is open"
    (node,) = list_nodes(world.market)["nodes"]
    assert (node["units"], node["freeUnits"]) == (4, 2)


def test_units_that_a_gang_has_are_nobody_elses(world):
    world.offer(world.ask(units=4))
    first = world.submit(world.bid(vcpus=3))
    run_round(world.market)
    world.drain()
    late = world.submit(world.bid(vcpus=2))
    small = world.submit(world.bid(vcpus=1, salt=7))
    record = run_round(world.market)
    world.drain()
    assert free_units(world) == []
    assert [match["bidHash"] for match in record.transcript["matches"]] == [small]
    assert world.lease_of(first) and late not in str(record.transcript["matches"])


def test_a_job_bigger_than_the_node_is_told_what_the_free_units_have(world):
    world.offer(world.ask(units=4))
    world.submit(world.bid(vcpus=5))
    run_round(world.market)
    (bid,) = load_book(world.market).snapshot.bids
    with world.market.store.read() as tx:
        assert "vcpus" in tx.bids.get(bid.bid_hash).reason
