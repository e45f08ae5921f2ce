"""Reservations beside what else goes on: many starts, other markets, leases that close, batches that are too big."""

from marketplace.errors import Reverted
from marketplace.services.clear_round import run_round
from marketplace.services.outbox import process_outbox
from marketplace.services.refund_lease import refund_overdue
from marketplace.services.reserve_ahead import STARTS_AT_ONCE, reserve_ahead
from marketplace.services.snapshot import load_book
from tests.fakes.chain import FakeSender
from tests.fakes.world import PROVIDER
from tests.unit.market.test_life_of_a_job import state
from tests.unit.market.test_reservations import AHEAD, now_job, pass_time, reserve, step


def test_starts_beyond_what_is_looked_at_in_one_go_have_their_turn_later(world):
    world.offer(world.ask(units=16))
    jobs = [reserve(world, AHEAD + second) for second in range(STARTS_AT_ONCE + 3)]
    assert reserve_ahead(world.market) == STARTS_AT_ONCE
    for _ in jobs:
        pass_time(world, 1)
        step(world)
    assert {state(world, job) for job in jobs} == {"reserved"}


def test_starts_that_nobody_can_serve_take_no_turn_of_those_after_them(world):
    world.offer(world.ask(units=1))
    for second in range(STARTS_AT_ONCE + 1):
        reserve(world, AHEAD + second, max_price=1)
    job = reserve(world, AHEAD + 2 * STARTS_AT_ONCE)
    for _ in range(STARTS_AT_ONCE + 2):
        pass_time(world, 1)
        step(world)
    assert state(world, job) == "reserved"


def test_unit_that_a_lease_of_another_market_holds_is_neither_free_nor_promised(single):
    """Nobody knows here when it will be over."""
    single.chain.state.providers.change(PROVIDER.address, covered=0, open_leases=1)
    job = reserve(single)
    step(single)
    assert load_book(single.market).snapshot.asks == ()
    assert state(single, job) == "queued"


def test_unit_of_a_lease_that_the_chain_has_closed_is_free_once_its_closing_is_seen(single):
    job = now_job(single, lasts=1_000)
    step(single)
    single.chain.state.providers.change(PROVIDER.address, covered=0, open_leases=-1)
    assert load_book(single.market).snapshot.asks == ()
    single.chain.state.providers.change(PROVIDER.address, covered=0, open_leases=1)
    pass_time(single, 1_001)
    refund_overdue(single.market)
    single.drain()
    assert state(single, job) == "refunded"
    assert [ask.free_units for ask in load_book(single.market).snapshot.asks] == [1]


def test_half_of_a_batch_that_is_too_much_at_once_waits_for_its_start_too(world, monkeypatch):
    world.offer(world.ask(units=8))
    jobs = [reserve(world) for _ in range(4)]
    step(world)
    pass_time(world, AHEAD)
    estimate = FakeSender.prepare_open

    def at_most_one(self, matches, *rest):
        if len(matches) > 1:
            raise Reverted("OutOfGas")
        return estimate(self, matches, *rest)

    monkeypatch.setattr(FakeSender, "prepare_open", at_most_one)
    run_round(world.market)
    process_outbox(world.market)
    with world.market.store.read() as tx:
        starts = {tx.outbox.get(match.outbox_id).opens_at for job in jobs for match in tx.matches.of_bid(job)}
        items = {match.outbox_id for job in jobs for match in tx.matches.of_bid(job)}
    assert len(items) == 2 and len(starts) == 1 and starts != {0}
