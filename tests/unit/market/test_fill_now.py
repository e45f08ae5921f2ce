"""A bid that asks for it is filled at once against standing asks, and anyone can check the round that this is."""

import threading

import pytest

from marketplace.clearing import verify_transcript
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.messages import Cancel
from marketplace.protocol.metering import Resources
from marketplace.services.cancel_order import cancel_order
from marketplace.services.clear_round import fill_now, run_round
from marketplace.services.quote_job import quote_job
from marketplace.services.show_job import show_explanation, show_job
from marketplace.services.show_market import show_transcript
from tests.fakes.world import AGENT, DOMAIN, PROVIDER, RENTER, USDC, key


def quoted(world, **changes) -> dict:
    bid = world.bid(**changes)
    resources = Resources(bid.gpus, bid.vcpus, bid.memory_mb, bid.duration_seconds, bid.fuel, bid.egress_mb)
    return quote_job(world.market, resources, world.job_spec(), bid.replicas, None)


def test_a_bid_is_filled_at_the_price_that_was_quoted_and_its_lease_opens(world):
    world.offer()
    price = int(quoted(world)["priceAtOnce"])
    job_id = world.submit()
    number = fill_now(world.market, job_id)
    assert show_job(world.market, job_id)["state"] == "matched"
    world.drain()
    assert show_job(world.market, job_id)["state"] == "running"
    with world.market.store.read() as tx:
        (match,) = tx.matches.of_bid(job_id)
        (lease,) = tx.leases.of_bid(job_id)
    assert (match.round_number, match.price, lease.price) == (number, price, price)


def test_the_transcript_of_a_fill_holds_that_bid_alone_and_recomputes_to_its_digest(world):
    world.offer()
    world.submit()
    job_id = world.submit()
    number = fill_now(world.market, job_id)
    document = show_transcript(world.market, number)
    with world.market.store.read() as tx:
        digest = tx.rounds.get(number).digest
    result = verify_transcript(document, digest)
    assert [one.bid_hash for one in result.problem.snapshot.bids] == [job_id]
    assert [match.rent for match in result.matches] == [0]
    assert show_explanation(world.market, job_id)["round"] == number


def test_asking_again_gives_the_same_round_and_takes_nothing_more(world):
    world.offer()
    job_id = world.submit()
    first = fill_now(world.market, job_id)
    assert fill_now(world.market, job_id) == first
    world.drain()
    assert fill_now(world.market, job_id) == first
    with world.market.store.read() as tx:
        assert len(tx.matches.of_bid(job_id)) == 1


def test_where_nothing_stands_idle_the_bid_waits_for_a_round(world):
    job_id = world.submit()
    assert fill_now(world.market, job_id) is None
    assert show_job(world.market, job_id)["state"] == "queued"
    world.offer(world.ask(units=1))
    assert run_round(world.market).summary["matches"] == 1
    late = world.submit()
    assert fill_now(world.market, late) is None, "the unit is promised already"


def test_a_bid_that_waits_stays_in_the_book_and_the_next_round_gives_it_what_is_left(world):
    world.offer(world.ask(units=2))
    waiting, hurried = world.submit(), world.submit()
    assert fill_now(world.market, hurried) is not None
    assert show_job(world.market, waiting)["state"] == "queued"
    run_round(world.market)
    assert show_job(world.market, waiting)["state"] == "matched"


def test_replicas_are_filled_together_or_not_at_all(world):
    world.offer(world.ask(units=5))
    job_id = world.submit(world.bid(replicas=2, verification=1))
    assert fill_now(world.market, job_id) is None
    other, agent = key(40), key(41)
    world.chain.state.active[other.address] = 100 * USDC
    world.offer(world.ask(provider=other.address, agent=agent.address), signer=other)
    assert fill_now(world.market, job_id) is not None
    world.drain()
    with world.market.store.read() as tx:
        assert {lease.provider for lease in tx.leases.of_bid(job_id)} == {PROVIDER.address, other.address}


def test_a_stake_that_one_fill_took_does_not_cover_the_next(world):
    world.chain.state.active[PROVIDER.address] = USDC
    world.offer(world.ask(units=5, vcpu_hour_rate=30 * USDC))
    first, second = world.submit(), world.submit()
    assert fill_now(world.market, first) is not None
    assert fill_now(world.market, second) is None


def test_a_bid_that_was_cancelled_or_never_was_is_not_filled(world):
    world.offer()
    bid = world.bid()
    job_id = world.submit(bid)
    cancel = Cancel(signer=RENTER.address, kind=CancelKind.BID, salt=bid.salt)
    cancel_order(world.market, cancel, cancel.sign(DOMAIN, RENTER.key))
    assert fill_now(world.market, job_id) is None
    assert fill_now(world.market, "0x" + "00" * 32) is None


def test_fills_and_rounds_at_the_same_time_promise_no_unit_twice(world):
    world.offer(world.ask(units=3))
    jobs = [world.submit() for _ in range(5)]
    threads = [threading.Thread(target=fill_now, args=(world.market, job)) for job in jobs]
    threads.append(threading.Thread(target=run_round, args=(world.market,)))
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with world.market.store.read() as tx:
        assert sum(len(tx.matches.of_bid(job)) for job in jobs) == 3
    world.drain()
    with world.market.store.read() as tx:
        assert len(tx.leases.open()) == 3


@pytest.mark.parametrize("rival", [False, True])
def test_a_quote_says_both_prices_and_they_differ_only_where_others_wait(world, rival):
    world.offer(world.ask(units=1))
    if rival:
        world.submit(world.bid(max_price=2 * int(quoted(world)["price"])))
    found = quoted(world)
    at_once, in_round = int(found["priceAtOnce"]), int(found["price"])
    assert at_once == min(int(offer["quote"]["total"]) for offer in found["offers"])
    assert in_round > at_once if rival else in_round == at_once
    assert found["offers"][0]["agent"] == AGENT.address
