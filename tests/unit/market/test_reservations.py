"""Bids whose start lies ahead: promised a unit, opened at their start, and nobody loses anything where that fails."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.clearing.transcript import verify_transcript
from marketplace.errors import ExpiredOrder, InsufficientFunds, InvalidJobSpec, MalformedMessage
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.jobspec import JobSpec, Schedule
from marketplace.protocol.messages import Cancel
from marketplace.services.cancel_order import cancel_order
from marketplace.services.clear_round import run_round
from marketplace.services.place_order import place_bid
from marketplace.services.quote_job import quote_job
from marketplace.services.refund_lease import refund_overdue
from marketplace.services.reserve_ahead import reserve_ahead
from marketplace.services.show_job import show_job
from marketplace.services.show_market import show_transcript
from marketplace.services.snapshot import load_book
from tests.fakes.world import DOMAIN, PROVIDER, RENTER, USDC, World, key
from tests.unit.market.test_draining import beat, cancel_asks
from tests.unit.market.test_life_of_a_job import state

AHEAD, LONG = 3_000, 7_200


def reserve(world, ahead: int = AHEAD, *, lasts: int = 600, **changes) -> str:
    """A bid that begins `ahead` from now and must be over `lasts` seconds later."""
    start = world.chain.time + ahead
    spec = world.job_spec().model_copy(update={"schedule": Schedule(not_before=start)})
    fields = {"job_digest": spec.digest(), "valid_until": start + 600, "deadline": start + lasts} | changes
    bid = world.bid(**fields)
    return place_bid(world.market, bid, bid.sign(DOMAIN, RENTER.key), spec).order_hash


def now_job(world, *, lasts: int, **changes) -> str:
    return world.submit(world.bid(deadline=world.chain.time + lasts, **changes))


def step(world) -> None:
    run_round(world.market)
    reserve_ahead(world.market)
    world.drain()


def pass_time(world, seconds: int) -> None:
    world.chain.mine(seconds=seconds)
    beat(world)


def test_bid_whose_start_lies_ahead_is_promised_a_unit_and_locks_nothing(single):
    job = reserve(single)
    step(single)
    assert state(single, job) == "reserved"
    assert single.chain.state.free[RENTER.address] == 100 * USDC
    assert show_job(single.market, job)["timeline"][-1]["data"]["start"] == single.chain.time + AHEAD


def test_lease_opens_at_the_start_at_the_price_of_the_round_that_promised_it(single):
    job = reserve(single)
    step(single)
    (match,) = show_job(single.market, job)["matches"]
    pass_time(single, AHEAD - 2)
    step(single)
    assert state(single, job) == "reserved", "not before its time"
    pass_time(single, 2)
    step(single)
    (lease,) = show_job(single.market, job)["leases"]
    assert (state(single, job), lease["price"]) == ("running", match["price"])
    transcript = show_transcript(single.market, match["round"])
    verify_transcript(transcript, lease["roundDigest"])


def test_bid_that_must_not_begin_yet_is_never_opened_by_an_ordinary_round(single):
    job = reserve(single)
    assert run_round(single.market) is None and state(single, job) == "queued"


def test_unit_is_promised_once(single):
    first, second = reserve(single), reserve(single)
    for _ in range(3):
        step(single)
    assert sorted([state(single, first), state(single, second)]) == ["queued", "reserved"]


def test_reservations_that_follow_one_another_share_a_unit(single):
    first = reserve(single, 3_000, lasts=600)
    second = reserve(single, 3_000 + 600 + single.rules.handover_seconds, lasts=600)
    step(single)
    assert (state(single, first), state(single, second)) == ("reserved", "reserved")


def test_job_that_is_over_before_the_start_is_backfilled(single):
    job = reserve(single)
    step(single)
    short = now_job(single, lasts=AHEAD - single.rules.handover_seconds)
    step(single)
    assert (state(single, job), state(single, short)) == ("reserved", "running")


def test_job_that_could_last_into_the_reserved_time_is_not(single):
    reserve(single)
    step(single)
    long = now_job(single, lasts=AHEAD - single.rules.handover_seconds + 1)
    step(single)
    shown = show_job(single.market, long)
    assert shown["state"] == "queued" and "schedule" in shown["reason"]


def test_backfilled_job_that_is_never_settled_is_refunded_in_time_for_the_reservation(single):
    job = reserve(single)
    step(single)
    lasts = AHEAD - single.rules.handover_seconds
    short = now_job(single, lasts=lasts)
    step(single)
    pass_time(single, lasts + 1)
    refund_overdue(single.market)
    step(single)
    assert state(single, short) == "refunded"
    pass_time(single, single.rules.handover_seconds)
    step(single)
    assert state(single, job) == "running"


def test_lease_that_runs_now_is_no_obstacle_to_a_reservation_after_its_deadline(single):
    now_job(single, lasts=1_000)
    step(single)
    assert state(single, one := reserve(single, 900)) == "queued"
    step(single)
    assert state(single, one) == "queued"
    later = reserve(single, 1_000 + single.rules.handover_seconds)
    step(single)
    assert state(single, later) == "reserved"


def test_node_is_reserved_no_farther_ahead_than_its_provider_signed(world):
    world.offer(world.ask(units=1, valid_until=world.chain.time + AHEAD))
    job = reserve(world)
    step(world)
    assert state(world, job) == "queued"


def test_reservation_outlives_the_renewal_of_its_ask(single):
    job = reserve(single)
    step(single)
    single.chain.mine()
    single.offer(single.ask(units=1))
    step(single)
    assert state(single, job) == "reserved"
    pass_time(single, AHEAD)
    step(single)
    assert state(single, job) == "running"


@pytest.mark.parametrize("leaves", ["ask", "node"])
def test_promise_of_a_node_that_goes_is_broken_at_once_and_another_node_takes_it(world, leaves):
    world.offer(world.ask(units=1))
    job = reserve(world)
    step(world)
    if leaves == "ask":
        cancel_asks(world)
    else:
        beat(world, drains_by=world.chain.time + 10)
    reserve_ahead(world.market)
    shown = show_job(world.market, job)
    assert shown["state"] == "queued"
    assert any(event["event"] == "match_dropped" for event in shown["timeline"])
    assert world.chain.state.free[RENTER.address] == 100 * USDC
    other = key(50)
    world.chain.state.active[other.address] = 100 * USDC
    world.offer(world.ask(provider=other.address, agent=key(51).address), signer=other)
    step(world)
    assert state(world, job) == "reserved"


def test_promise_of_a_node_that_is_silent_at_the_start_is_broken_before_the_lease_opens(single):
    job = reserve(single)
    step(single)
    single.chain.mine(seconds=AHEAD - 20)
    reserve_ahead(single.market)
    assert state(single, job) == "queued"


def test_reservation_whose_unit_is_not_free_at_the_start_goes_back_to_the_book_with_its_money(single):
    job = reserve(single)
    step(single)
    single.chain.state.providers.change(PROVIDER.address, covered=0, open_leases=1)
    pass_time(single, AHEAD)
    step(single)
    assert state(single, job) == "queued"
    assert single.chain.state.free[RENTER.address] == 100 * USDC
    single.chain.state.providers.change(PROVIDER.address, covered=0, open_leases=-1)
    pass_time(single, single.rules.hold_seconds + 1)
    step(single)
    assert state(single, job) == "running", "its start has come: it is a bid like any other"


def test_reservation_can_be_cancelled_until_its_start(single):
    job = reserve(single)
    step(single)
    with single.market.store.read() as tx:
        bid = tx.bids.get(job).bid
    cancel = Cancel(signer=RENTER.address, kind=CancelKind.BID, salt=bid.salt)
    cancel_order(single.market, cancel, cancel.sign(DOMAIN, RENTER.key))
    assert state(single, job) == "cancelled"
    other = now_job(single, lasts=LONG)
    step(single)
    assert state(single, other) == "running"


def test_replicas_are_promised_together_or_not_at_all(single):
    job = reserve(single, replicas=2, verification=1)
    step(single)
    assert state(single, job) == "queued"


def test_money_of_a_reservation_is_not_offered_twice(single):
    reserve(single, max_price=60 * USDC)
    step(single)
    with pytest.raises(InsufficientFunds):
        single.submit(single.bid(max_price=60 * USDC))


def test_deadline_counts_from_the_start(single):
    with pytest.raises(ExpiredOrder):
        reserve(single, lasts=30)


def test_bid_that_lapses_before_it_may_begin_is_refused(single):
    with pytest.raises(MalformedMessage, match="validUntil"):
        reserve(single, valid_until=single.chain.time + AHEAD)


def test_job_cannot_be_reserved_and_preemptible():
    with pytest.raises(InvalidJobSpec, match="schedule"):
        JobSpec.parse(
            {
                "program": {"kind": "module", "digest": "0x" + "00" * 32, "size": 1},
                "schedule": {"notBefore": 1, "preemptionNoticeSeconds": 60},
            }
        )


def test_quote_for_a_later_start_is_of_what_is_free_then(single):
    reserve(single)
    step(single)
    with single.market.store.read() as tx:
        (record,) = tx.bids.live()
    ahead = record.job_spec
    later = ahead.model_copy(update={"schedule": Schedule(not_before=single.chain.time + 2 * LONG)})
    assert quote_job(single.market, record.bid.resources, ahead, 1, None)["feasible"] == 0
    assert quote_job(single.market, record.bid.resources, later, 1, None)["feasible"] == 1


def test_same_book_is_not_cleared_again_for_a_start_that_nobody_can_serve(world):
    world.offer(world.ask(units=1, valid_until=world.chain.time + 100))
    reserve(world)
    assert [reserve_ahead(world.market) for _ in range(3)] == [1, 0, 0]


@settings(max_examples=5, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40), st.integers(2, 40)), min_size=1, max_size=6))
def test_whatever_is_reserved_or_run_no_unit_is_ever_promised_twice(tmp_path_factory, orders):
    """Random bids, now or later, on a node of two units: at every moment at most two of them hold one."""
    world = World(tmp_path_factory.mktemp("world"))
    world.offer(world.ask(units=2))
    placed = []
    for is_ahead, start, length in orders:
        lasts = length * 100 + 60
        job = reserve(world, start * 100, lasts=lasts) if is_ahead else now_job(world, lasts=lasts)
        placed.append((job, world.chain.time + (start * 100 if is_ahead else 0), world.chain.time + lasts))
        step(world)
    with world.market.store.read() as tx:
        windows = [
            (record.job_spec.schedule.not_before, record.bid.deadline)
            for record in (tx.bids.get(job) for job, _, _ in placed)
            if record.job_state.value in ("reserved", "running")
        ]
    assert windows
    for at, _ in windows:
        assert sum(start <= max(at, world.chain.time) < end for start, end in windows) <= 2
    assert all(one.free_units <= 2 for one in load_book(world.market).snapshot.asks)
