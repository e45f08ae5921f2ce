"""When orders end, and how they fill: an ask unit by unit, a bid with all its replicas or not at all."""

from marketplace.services.clear_round import expire_orders, run_round
from marketplace.services.show_job import show_job
from tests.fakes.world import PROVIDER, USDC, key
from tests.unit.market.test_life_of_a_job import state


def ask_state(world, ask_hash: str) -> str:
    with world.market.store.read() as tx:
        return tx.asks.get(ask_hash).state.value


def second_provider(world, **changes) -> str:
    other = key(60)
    world.chain.state.active[other.address] = 100 * USDC
    return world.offer(world.ask(provider=other.address, agent=key(61).address, **changes), signer=other)


def test_bid_expires_once_its_deadline_leaves_too_little_for_its_seconds(world):
    job = world.submit(world.bid(duration_seconds=60, deadline=world.chain.time + 100))
    world.chain.mine(seconds=40)
    expire_orders(world.market)
    assert state(world, job) == "queued", "it can just be done"
    world.chain.mine(seconds=1)
    expire_orders(world.market)
    assert state(world, job) == "expired"


def test_bid_expires_with_its_own_time_however_far_its_deadline(world):
    job = world.submit(world.bid(valid_until=world.chain.time + 50))
    world.chain.mine(seconds=51)
    expire_orders(world.market)
    assert state(world, job) == "expired"


def test_money_of_an_expired_bid_can_be_bid_again(world):
    world.submit(world.bid(max_price=80 * USDC, valid_until=world.chain.time + 50))
    world.chain.mine(seconds=51)
    expire_orders(world.market)
    world.submit(world.bid(max_price=80 * USDC))


def test_ask_that_lapses_takes_no_lease_and_ends_none(world):
    ask = world.offer(world.ask(valid_until=world.chain.time + 50))
    first = world.submit()
    run_round(world.market)
    world.drain()
    world.chain.mine(seconds=51)
    second = world.submit()
    run_round(world.market)
    assert ask_state(world, ask) == "expired"
    assert (state(world, first), state(world, second)) == ("running", "queued")


def test_ask_fills_one_unit_at_a_time_over_several_rounds_and_stays_in_the_book(world):
    ask = world.offer(world.ask(units=3))
    jobs = []
    for filled in (1, 2, 3):
        jobs.append(world.submit())
        run_round(world.market)
        world.drain()
        assert world.chain.provider_account(PROVIDER.address).open_leases == filled
    late = world.submit()
    run_round(world.market)
    assert {state(world, job) for job in jobs} == {"running"} and state(world, late) == "queued"
    assert ask_state(world, ask) == "live", "its units come back as its leases close"


def test_bid_whose_replicas_do_not_all_fit_takes_none_and_leaves_its_units_to_others(world):
    world.offer(world.ask(units=1))
    three = world.submit(world.bid(replicas=2, verification=1))
    alone = world.submit(world.bid(max_price=USDC // 2))
    run_round(world.market)
    world.drain()
    assert (state(world, three), state(world, alone)) == ("queued", "running")
    assert "as many providers" in show_job(world.market, three)["reason"]


def test_replicas_that_all_fit_open_together(world):
    world.offer(world.ask(units=1))
    second_provider(world, units=1)
    job = world.submit(world.bid(replicas=2, verification=1))
    run_round(world.market)
    world.drain()
    assert [lease["state"] for lease in show_job(world.market, job)["leases"]] == ["running", "running"]
