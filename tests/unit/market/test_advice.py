"""Advice to a renter from the market's own book and rounds."""

from marketplace.protocol.jobspec import Requirements, Schedule
from marketplace.protocol.metering import Resources
from marketplace.services.advise_job import advise_job
from marketplace.services.clear_round import run_round
from marketplace.services.reserve_ahead import reserve_ahead
from tests.fakes.world import USDC
from tests.unit.market.test_reservations import reserve

NEEDS = Resources(gpus=0, vcpus=1, memory_mb=512, seconds=60, fuel=10**10, egress_mb=1)


def advise(world, *, max_price=None, **requirements):
    spec = world.job_spec().model_copy(update={"requirements": Requirements(**requirements)})
    return advise_job(world.market, NEEDS, spec, 1, max_price)


def hold_rounds(world, count: int, **ask) -> None:
    """Rounds in each of which a job is matched, run and paid, so that the node is free again."""
    world.offer(world.ask(**ask))
    for _ in range(count):
        job_id = world.submit()
        assert run_round(world.market) is not None
        world.drain()
        lease_id = world.lease_of(job_id)
        world.attest(lease_id)
        world.judge(lease_id)
        world.sign_batches()
        world.drain()


def test_without_rounds_the_price_now_is_all_there_is(world):
    world.offer()
    found = advise(world)
    assert int(found["price"]) > 0
    assert found["history"] == {"rounds": 0, "servable": 0, "first": None, "last": None, "since": None}
    assert found["chance"] is None
    assert [level["price"] for level in found["levels"]] == [None, None, None]


def test_a_price_that_was_always_enough_is_said_to_be_with_what_so_few_rounds_can_show(world):
    hold_rounds(world, 3)
    found = advise(world)
    assert (found["history"]["first"], found["history"]["last"]) == (1, 3)
    chance = found["chance"]
    assert (chance["filled"], chance["rounds"], chance["high"]) == (3, 3, 1.0)
    assert 0.3 < chance["low"] < 0.7
    assert [level["price"] for level in found["levels"]] == [found["price"], None, None]
    assert found["levels"][2] == {"share": 0.99, "price": None, "roundsNeeded": 49}


def test_a_cap_below_every_quote_was_never_enough(world):
    hold_rounds(world, 2)
    chance = advise(world, max_price=1)["chance"]
    assert (chance["filled"], chance["low"], chance["price"]) == (0, 0.0, "1")


def test_a_job_that_nobody_can_serve_is_told_what_to_change(world):
    world.offer()
    found = advise(world, regions=("us",), min_settled_leases=0)
    assert found["price"] is None
    assert [one["changes"] for one in found["relaxations"]] == [{"requirements.regions": ["us", "eu"]}]
    assert found["relaxations"][0]["saving"] is None
    assert int(found["relaxations"][0]["price"]) < USDC


def test_an_empty_market_has_no_advice_and_no_error(world):
    found = advise(world)
    assert (found["price"], found["chance"], found["relaxations"]) == (None, None, [])


def test_only_so_many_orders_of_past_rounds_are_read(world, monkeypatch):
    hold_rounds(world, 3)
    monkeypatch.setattr("marketplace.services.advise_job.MAX_ORDERS", 4)
    assert advise(world)["history"]["rounds"] == 2, "each round has a bid and an ask"


def test_a_job_for_later_is_advised_by_what_past_rounds_had_for_their_time(world):
    """As long from start to deadline as it has now, which was over before what was reserved in each of them."""
    world.offer(world.ask(units=1))
    reserve(world, 5_000)
    reserve_ahead(world.market)
    hold_rounds(world, 3, units=1)
    later = Schedule(not_before=world.chain.time + 9_000)
    spec = world.job_spec().model_copy(update={"schedule": later, "requirements": Requirements()})
    history = advise_job(world.market, NEEDS, spec, 1, None)["history"]
    assert (history["rounds"], history["servable"]) == (4, 4)


def test_absurd_wants_are_answered(world):
    world.offer()
    most = Resources(
        gpus=2**16 - 1, vcpus=2**16 - 1, memory_mb=2**32 - 1, seconds=2**32 - 1, fuel=2**63 - 1, egress_mb=0
    )
    for resources in (most, Resources(0, 1, 512, 2**32 - 1, 2**63 - 1, 2**32 - 1)):
        found = advise_job(world.market, resources, world.job_spec(), 255, 2**62 - 1)
        assert (found["price"], found["relaxations"]) == (None, [])
