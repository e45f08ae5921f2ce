"""Bids that come at the same time go into the book in one write, each by itself; what is told is stored."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest

from marketplace.domain.orders import OrderState
from marketplace.errors import DuplicateOrder, InsufficientFunds, MarketError, ServiceUnavailable
from marketplace.services.enter_bids import Placed
from marketplace.services.place_order import SignedBid, place_bids
from tests.fakes.world import DOMAIN, RENTER, USDC


def signed(world, bid, signer=RENTER) -> SignedBid:
    return SignedBid(bid, bid.sign(DOMAIN, signer.key), world.job_spec())


class Failing:
    """A store whose writes fail as they are committed."""

    def __init__(self, store) -> None:
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    @contextmanager
    def write(self):
        with self._store.write() as tx:
            yield tx
            raise ServiceUnavailable("The database does not answer.")


def known(world) -> int:
    with world.market.store.read() as tx:
        return sum(tx.bids.count_by_state().values())


def test_what_a_renters_live_bids_may_lock_is_added_up_whatever_was_placed_with_them(world):
    world.submit(world.bid(max_price=30 * USDC))
    orders = [signed(world, world.bid(max_price=price * USDC)) for price in (40, 31, 30)]
    outcomes = place_bids(world.market, orders)
    assert [type(one) for one in outcomes] == [Placed, InsufficientFunds, Placed]
    with world.market.store.read() as tx:
        standing = tx.bids.standing(RENTER.address)
    assert (standing.live, standing.set_aside) == (3, 100 * USDC)


def test_a_bid_that_is_no_longer_live_locks_nothing_and_its_salt_stays_the_highest(world):
    job = world.submit(world.bid(max_price=30 * USDC, salt=9))
    with world.market.store.write() as tx:
        tx.bids.set_state(job, OrderState.EXPIRED)
    with world.market.store.read() as tx:
        standing = tx.bids.standing(RENTER.address)
        assert tx.bids.live_salts(RENTER.address, [9]) == set()
    assert (standing.live, standing.set_aside, standing.highest_salt) == (0, 0, 9)


@pytest.mark.parametrize("price", [2**64 - 1, 2**62 + 1, 2**31, 2**31 - 1, 1])
def test_sums_of_what_is_locked_are_exact_beyond_what_the_database_can_add(world, price):
    world.chain.state.free[RENTER.address] = 2**100
    outcomes = place_bids(world.market, [signed(world, world.bid(max_price=price)) for _ in range(3)])
    assert all(one.is_new for one in outcomes)
    with world.market.store.read() as tx:
        assert tx.bids.standing(RENTER.address).set_aside == 3 * min(price, 2**63 - 1)


def test_of_two_bids_with_one_salt_that_come_together_one_is_taken(world):
    orders = [signed(world, world.bid(salt=5, max_price=price)) for price in (USDC, USDC + 1)]
    assert [type(one) for one in place_bids(world.market, orders)] == [Placed, DuplicateOrder]


def test_nothing_is_told_to_be_placed_that_was_not_committed(world):
    orders = [signed(world, world.bid()) for _ in range(3)]
    with pytest.raises(ServiceUnavailable):
        place_bids(replace(world.market, store=Failing(world.market.store)), orders)
    assert known(world) == 0
    assert [one.is_new for one in place_bids(world.market, orders)] == [True] * 3


def test_bids_of_many_threads_are_all_in_the_book_once_with_their_timelines(world):
    orders = [signed(world, world.bid()) for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        outcomes = [one for (one,) in pool.map(lambda order: place_bids(world.market, [order]), orders * 2)]
    assert not [one for one in outcomes if isinstance(one, MarketError)]
    assert sum(one.is_new for one in outcomes) == known(world) == 40
    with world.market.store.read() as tx:
        assert all([line["kind"] for line in tx.timeline.of(one.order_hash)] == ["queued"] for one in outcomes)
