"""Preemptible jobs: served by what others leave over, at no rent of theirs, and they make way with notice."""

import pytest

from marketplace.clearing.transcript import verify_transcript
from marketplace.errors import MalformedMessage
from marketplace.protocol.enums import CancelKind, Verification
from marketplace.protocol.jobspec import Schedule
from marketplace.protocol.messages import Cancel
from marketplace.protocol.metering import compute_quote
from marketplace.services.cancel_order import cancel_order
from marketplace.services.clear_round import run_round
from marketplace.services.place_order import place_ask, place_bid
from marketplace.services.preempt import notices_of, preempt
from marketplace.services.show_job import show_job
from marketplace.services.show_market import show_round, show_transcript
from tests.fakes.world import AGENT, DOMAIN, PROVIDER, RENTER, USDC
from tests.unit.market.test_life_of_a_job import state

NOTICE = 60


def offer(world, *, consents=True, units=1, **changes) -> str:
    profile = world.profile().model_copy(update={"preemptible_jobs": consents})
    ask = world.ask(units=units, profile_digest=profile.digest(), **changes)
    return place_ask(world.market, ask, ask.sign(DOMAIN, PROVIDER.key), profile).order_hash


def cheap(world, *, notice=NOTICE, **changes) -> str:
    """A preemptible bid."""
    spec = world.job_spec().model_copy(update={"schedule": Schedule(preemption_notice_seconds=notice)})
    bid = world.bid(job_digest=spec.digest(), **changes)
    return place_bid(world.market, bid, bid.sign(DOMAIN, RENTER.key), spec).order_hash


def step(world) -> None:
    run_round(world.market)
    preempt(world.market)
    world.drain()


@pytest.fixture
def held(world):
    """A world whose only unit a preemptible job holds; its lease's id beside it."""
    offer(world)
    job = cheap(world)
    step(world)
    return world, job, world.lease_of(job)


def notices(world) -> list[dict]:
    with world.market.store.read() as tx:
        return notices_of(tx, {AGENT.address}).get(AGENT.address, [])


def cancel_bid(world, job: str) -> None:
    with world.market.store.read() as tx:
        bid = tx.bids.get(job).bid
    cancel = Cancel(signer=RENTER.address, kind=CancelKind.BID, salt=bid.salt)
    cancel_order(world.market, cancel, cancel.sign(DOMAIN, RENTER.key))


def test_preemptible_job_gets_what_is_left_over_and_pays_its_bare_quote(world):
    offer(world)
    dear, job = world.submit(world.bid(max_price=2 * USDC)), cheap(world, max_price=9 * USDC)
    step(world)
    assert (state(world, dear), state(world, job)) == ("running", "queued"), "whatever it would pay"
    offer(world, units=2)
    step(world)
    (lease,) = show_job(world.market, job)["leases"]
    with world.market.store.read() as tx:
        bid, ask = tx.bids.get(job).bid, tx.asks.get(lease["askHash"]).ask
    assert int(lease["price"]) == compute_quote(ask.rates, bid.resources).total


def test_node_that_has_not_agreed_to_it_gets_no_preemptible_job(world):
    offer(world, consents=False)
    job = cheap(world)
    step(world)
    assert state(world, job) == "queued" and "preemption" in show_job(world.market, job)["reason"]


def test_bid_that_waits_gives_notice_to_the_preemptible_lease_on_a_unit_that_it_wants(held):
    world, job, lease_id = held
    world.submit()
    step(world)
    (notice,) = notices(world)
    assert (notice["leaseId"], notice["stopsAt"]) == (lease_id, world.chain.time + NOTICE)
    assert show_job(world.market, job)["timeline"][-1]["event"] == "eviction_notice"


def test_notice_cites_a_round_that_anybody_can_recompute_and_that_opens_nothing(held):
    world, _, _ = held
    better = world.submit()
    step(world)
    (notice,) = notices(world)
    result = verify_transcript(show_transcript(world.market, notice["round"]), notice["roundDigest"])
    assert [match.bid_hash for match in result.matches] == [better] == [notice["bidHash"]]
    assert show_round(world.market, notice["round"])["matches"] == []


def test_evicted_job_costs_its_renter_nothing_and_its_unit_goes_to_the_better_bid(held):
    world, job, lease_id = held
    before = world.chain.state.total()
    better = world.submit()
    step(world)
    world.evict(lease_id)
    step(world)
    (lease,) = show_job(world.market, job)["leases"]
    assert (state(world, job), lease["exit"], lease["paid"]) == ("failed", "evicted", "0")
    assert lease["refund"] == lease["price"] and world.chain.state.total() == before
    assert state(world, better) == "running" and notices(world) == []


def test_one_bid_evicts_one_lease_however_long_it_waits(world):
    offer(world, units=2)
    for _ in range(2):
        cheap(world)
    step(world)
    world.submit()
    for _ in range(3):
        world.chain.mine()
        step(world)
    assert len(notices(world)) == 1


def test_notice_whose_cause_goes_away_is_withdrawn_before_its_time(held):
    world, job, _ = held
    better = world.submit()
    step(world)
    cancel_bid(world, better)
    step(world)
    assert notices(world) == []
    assert show_job(world.market, job)["timeline"][-1]["event"] == "eviction_withdrawn"


def test_notice_that_is_over_is_not_taken_back(held):
    world, _, _ = held
    better = world.submit()
    step(world)
    world.chain.mine(seconds=NOTICE)
    cancel_bid(world, better)
    step(world)
    assert len(notices(world)) == 1


def test_nobody_is_evicted_while_a_unit_stands_idle(world):
    offer(world, units=2)
    cheap(world)
    step(world)
    world.submit(world.bid(vcpus=60))
    step(world)
    assert notices(world) == []


def test_bid_that_pays_less_than_the_lease_evicts_nobody(world):
    offer(world)
    cheap(world, duration_seconds=600)
    step(world)
    world.submit(world.bid(duration_seconds=10, fuel=1))
    step(world)
    assert notices(world) == []


def test_bid_that_cannot_wait_for_the_notice_evicts_nobody(held):
    world, _, _ = held
    world.submit(world.bid(deadline=world.chain.time + 70))
    step(world)
    assert notices(world) == []


def test_bid_that_needs_more_units_than_one_lease_frees_evicts_nobody(world):
    """It would wait all the same, and the evicted job be gone for nothing."""
    offer(world, units=4)
    for _ in range(4):
        cheap(world)
    step(world)
    world.submit(world.bid(memory_mb=world.profile().memory_mb // 2))
    step(world)
    assert notices(world) == []


def test_lease_with_a_long_notice_keeps_no_bid_from_another_that_makes_way_sooner(world):
    offer(world, units=2)
    cheap(world, notice=3_000)
    soon = cheap(world)
    step(world)
    world.submit(world.bid(valid_until=world.chain.time + 300))
    step(world)
    assert [one["leaseId"] for one in notices(world)] == [world.lease_of(soon)]


def test_lease_that_only_its_renter_can_close_is_not_evicted(world):
    """Its unit would not be free before its deadline."""
    offer(world)
    job = cheap(world, verification=int(Verification.ACCEPT))
    step(world)
    assert state(world, job) == "running"
    world.submit()
    step(world)
    assert notices(world) == []


def test_preemptible_bid_evicts_nobody(held):
    world, _, _ = held
    cheap(world)
    step(world)
    assert notices(world) == []


def test_job_that_has_delivered_is_not_evicted(held):
    world, _, lease_id = held
    world.attest(lease_id)
    world.submit()
    step(world)
    assert notices(world) == []


def test_ordinary_job_is_never_evicted(world):
    offer(world)
    world.submit(world.bid(max_price=USDC))
    step(world)
    world.submit(world.bid(max_price=9 * USDC))
    step(world)
    assert notices(world) == []


def test_preemptible_job_with_replicas_is_refused(world):
    with pytest.raises(MalformedMessage, match="replicas"):
        cheap(world, replicas=2, verification=1)
