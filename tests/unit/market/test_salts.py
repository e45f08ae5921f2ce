"""Salts count up: a bid that opens voids what lies far below it, so the market names the next one and keeps order."""

from dataclasses import replace

import pytest

from marketplace.clearing import PricedMatch
from marketplace.errors import CancelledOrder, DuplicateOrder, InvalidSignature, MalformedMessage, OrderError
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.messages import Cancel
from marketplace.services.cancel_order import cancel_order
from marketplace.services.clear_round import opening_order, run_round
from marketplace.services.show_job import show_job
from marketplace.services.show_market import show_account
from marketplace.services.snapshot import load_book
from tests.fakes.chain import FakeSender
from tests.fakes.world import AGENT, DOMAIN, PROVIDER, RENTER, USDC, key


def next_salt(world) -> int:
    return show_account(world.market, RENTER.address)["nextSalt"]


def test_the_next_salt_is_above_what_the_chain_and_the_market_know(world):
    assert next_salt(world) == 0
    world.submit(world.bid(salt=3))
    assert next_salt(world) == 4
    world.chain.state.renters.use(RENTER.address, 7)
    assert next_salt(world) == 8
    world.chain.state.renters.void_before(RENTER.address, 20)
    assert next_salt(world) == 20


@pytest.mark.parametrize(
    ("salt", "error"), [(2, CancelledOrder), (5, DuplicateOrder), (9, CancelledOrder), (111, OrderError)]
)
def test_a_salt_that_cannot_be_is_refused_and_the_next_one_named(world, salt, error):
    world.chain.state.renters.use(RENTER.address, 2)
    world.submit(world.bid(salt=5))
    cancelled = world.bid(salt=9)
    world.submit(cancelled)
    cancel = Cancel(signer=RENTER.address, kind=CancelKind.BID, salt=9)
    cancel_order(world.market, cancel, cancel.sign(DOMAIN, RENTER.key))
    with pytest.raises(error) as caught:
        world.submit(world.bid(salt=salt, max_price=USDC - 1))
    assert type(caught.value) is error
    assert caught.value.values["nextSalt"] == 10 == next_salt(world)
    world.submit(world.bid(salt=110))


def test_placing_the_same_bid_again_is_harmless_even_once_its_salt_is_used(world):
    world.offer()
    bid = world.bid()
    job_id = world.submit(bid)
    run_round(world.market)
    world.drain()
    assert world.submit(bid) == job_id


def test_a_salt_of_a_bid_that_expired_may_be_used_again(world):
    old = world.bid(salt=0)
    world.submit(old)
    world.chain.mine(seconds=700)
    run_round(world.market)
    world.submit(world.bid(salt=0))


def test_a_bid_that_would_void_a_waiting_one_waits_for_it(world):
    world.chain.state.free[RENTER.address] = 500 * USDC
    first = world.bid(salt=0, vcpus=60)
    world.submit(first)
    for salt in range(100, 143, 42):
        world.submit(world.bid(salt=salt))
    far = world.submit(world.bid(salt=144))
    book = load_book(world.market)
    assert {one.bid.salt for one in book.snapshot.bids} == {0, 100, 142}
    assert "salt 0" in book.left_out[far]
    cancel = Cancel(signer=RENTER.address, kind=CancelKind.BID, salt=0)
    cancel_order(world.market, cancel, cancel.sign(DOMAIN, RENTER.key))
    assert {one.bid.salt for one in load_book(world.market).snapshot.bids} == {100, 142, 144}


def test_a_bid_whose_salt_is_void_on_chain_is_left_out_and_says_why(world):
    world.offer()
    job_id = world.submit(world.bid(salt=0))
    world.chain.state.renters.use(RENTER.address, 150)
    assert run_round(world.market) is None
    assert "used or cancelled" in show_job(world.market, job_id)["reason"]


def test_many_bids_of_one_renter_all_open_whatever_order_their_hashes_give(world):
    world.market = replace(world.market, rules=replace(world.rules, max_batch=40))
    world.chain.state.free[RENTER.address] = 500 * USDC
    world.chain.state.active[PROVIDER.address] = 500 * USDC
    world.offer(world.ask(units=300))
    jobs = [world.submit(world.bid(salt=salt, vcpus=0, memory_mb=1)) for salt in range(160)]
    for _ in range(3):
        run_round(world.market)
        world.drain()
    assert {show_job(world.market, job)["state"] for job in jobs} == {"running"}


def test_only_escrowed_bids_are_taken(world):
    with pytest.raises(MalformedMessage, match="settlement"):
        world.submit(world.bid(settlement=1))


# --- cancels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "salt", "left"), [(0, 2, {1, 3}), (1, 3, {3}), (2, 3, {1, 2, 3})])
def test_a_cancel_voids_what_its_kind_says(world, kind, salt, left):
    for number in (1, 2, 3):
        world.submit(world.bid(salt=number))
    cancel = Cancel(signer=RENTER.address, kind=kind, salt=salt)
    cancel_order(world.market, cancel, cancel.sign(DOMAIN, RENTER.key))
    with world.market.store.read() as tx:
        assert {one.bid.salt for one in tx.bids.live()} == left
    world.drain()
    assert {number for number in (1, 2, 3) if not world.chain.is_void(RENTER.address, number)} == left


def test_cancelled_asks_stay_away_and_a_newer_one_is_welcome(world):
    world.offer(world.ask(salt=10))
    cancel = Cancel(signer=PROVIDER.address, kind=CancelKind.ASKS_BEFORE, salt=11)
    assert cancel_order(world.market, cancel, cancel.sign(DOMAIN, PROVIDER.key)).is_sent
    with pytest.raises(CancelledOrder):
        world.offer(world.ask(salt=9))
    world.drain()
    assert world.chain.provider_account(PROVIDER.address).ask_salt == 11
    world.offer(world.ask(salt=11))


@pytest.mark.parametrize("change", [{"kind": 3}, {"kind": 2, "salt": 2**32}])
def test_a_cancel_that_the_contract_would_not_take_is_refused(world, change):
    cancel = Cancel(**{"signer": RENTER.address, "kind": 0, "salt": 1} | change)
    with pytest.raises(MalformedMessage, match="Cancel"):
        cancel_order(world.market, cancel, cancel.sign(DOMAIN, RENTER.key))


# --- asks -------------------------------------------------------------------------------------------------------------


def test_an_agent_prices_its_node_once_the_provider_has_delegated_to_it(world):
    with pytest.raises(InvalidSignature):
        world.offer(signer=AGENT)
    delegate(world, True)
    world.offer(signer=AGENT)
    job_id = world.submit()
    run_round(world.market)
    world.drain()
    assert show_job(world.market, job_id)["state"] == "running"
    with pytest.raises(InvalidSignature):
        world.offer(signer=key(77))


def delegate(world, allowed: bool) -> None:
    FakeSender(world.chain, PROVIDER.address).call("set_agent", AGENT.address, allowed)
    world.drain()


@pytest.mark.parametrize(("signer", "left"), [(AGENT, ()), (PROVIDER, (PROVIDER.address,))])
def test_asks_that_an_agent_signed_are_void_once_it_may_no_longer(world, signer, left):
    """What the provider signed itself for the same machine stays."""
    delegate(world, True)
    world.offer(signer=signer)
    delegate(world, False)
    assert tuple(one.ask.provider for one in load_book(world.market).snapshot.asks) == left
    world.chain.reorganise(1, keep_transactions=False)
    world.drain()
    assert len(load_book(world.market).snapshot.asks) == 1, "the provider never took its word back"


def test_units_are_the_providers_whatever_its_nodes(world):
    world.offer(world.ask(units=2))
    world.offer(world.ask(units=2, agent=key(78).address))
    jobs = [world.submit() for _ in range(4)]
    run_round(world.market)
    world.drain()
    states = sorted(show_job(world.market, job)["state"] for job in jobs)
    assert states == ["queued", "queued", "running", "running"]
    assert load_book(world.market).snapshot.asks == ()


def test_single_bids_go_by_ask_and_replicas_by_provider():
    def match(bid: str, ask: str) -> PricedMatch:
        return PricedMatch(bid, ask, 1, 1, 0)

    providers = {"a": "0x09", "b": "0x02", "c": "0x11"}
    matches = [match("1", "c"), match("2", "a"), match("2", "b"), match("3", "a"), match("2", "c"), match("4", "c")]
    order = [[(one.bid_hash, one.ask_hash) for one in group] for group in opening_order(matches, providers)]
    assert order == [[("3", "a")], [("1", "c")], [("4", "c")], [("2", "b"), ("2", "a"), ("2", "c")]]
