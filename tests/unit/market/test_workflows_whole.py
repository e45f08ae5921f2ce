"""A workflow that is refused leaves nothing behind, however far it had come and whoever else places it."""

from dataclasses import replace

import pytest

from marketplace.domain.orders import OrderState
from marketplace.errors import CancelledOrder, ConflictError, InsufficientFunds, TooManyRequests
from marketplace.services.clear_round import run_round
from marketplace.services.order_limit import Unlimited
from marketplace.services.place_order import SignedBid, place_bid
from marketplace.services.place_workflow import place_workflow
from marketplace.services.show_workflow import list_workflows
from tests.fakes.world import RENTER, USDC
from tests.unit.market.test_workflows import bids_of, job, signed, states


@pytest.fixture
def pair(world) -> list[SignedBid]:
    return signed(bids_of(world, job("a"), job("b", "a")))


class Once(Unlimited):
    """One order is all."""

    def __init__(self) -> None:
        self._has_counted = False

    def count_order(self, signer: str) -> None:
        if self._has_counted:
            raise TooManyRequests("The renter", "new orders", limit=1, retry_after=1)
        self._has_counted = True


class Withdrawing(Unlimited):
    """The renter withdraws a bid between the look at all bids and their being placed."""

    def __init__(self, world, order: SignedBid) -> None:
        self._world, self._bid_hash = world, order.bid.struct_hash()

    def require_order(self, signer: str) -> None:
        with self._world.market.store.write() as tx:
            tx.bids.set_state(self._bid_hash, OrderState.CANCELLED, "by its renter")


def standing(world):
    with world.market.store.read() as tx:
        return tx.bids.standing(RENTER.address)


def place_alone(world, order: SignedBid) -> None:
    place_bid(world.market, order.bid, order.signature, order.job_spec)


def test_what_was_refused_once_leaves_nothing_behind_when_it_is_sent_again(world):
    """The bids before the one that was refused are withdrawn: those after it must not hold back money for ever."""
    orders = signed(bids_of(world, job("a", maxPrice="60"), job("b", "a", maxPrice="60")))
    with pytest.raises(InsufficientFunds):
        place_workflow(world.market, orders)
    world.chain.state.free[RENTER.address] = 200 * USDC
    with pytest.raises(CancelledOrder, match="is cancelled already"):
        place_workflow(world.market, orders)
    assert (standing(world).live, standing(world).set_aside) == (0, 0)


def test_a_bid_that_is_withdrawn_while_the_others_are_placed_takes_them_with_it(world, pair):
    place_alone(world, pair[0])
    with pytest.raises(CancelledOrder):
        place_workflow(world.market, pair, Withdrawing(world, pair[0]))
    assert (standing(world).live, standing(world).set_aside) == (0, 0)


def test_a_bid_is_part_of_one_workflow_alone(world):
    bids = bids_of(world, job("a"), job("b", "a"))
    placed = place_workflow(world.market, signed(bids)).workflow_id
    before, another = standing(world), bids[1].bid.model_copy(update={"salt": 3})
    with pytest.raises(ConflictError, match="part of another workflow"):
        place_workflow(world.market, signed([bids[0], replace(bids[1], bid=another)]))
    assert standing(world) == before
    assert [one["workflowId"] for one in list_workflows(world.market)["workflows"]] == [placed]


def test_who_is_refused_does_not_withdraw_what_another_has_completed_meanwhile(world, pair, monkeypatch):
    """The same workflow comes twice at once: the first request has its share of orders and no more."""
    world.offer(world.ask(units=4))
    enter, placed = world.market.entering.submit, []

    def enter_and_wait(items, write):
        outcomes = enter(items, write)
        monkeypatch.undo()
        placed.append(place_workflow(world.market, pair).workflow_id)
        return outcomes

    monkeypatch.setattr(world.market.entering, "submit", enter_and_wait)
    assert not place_workflow(world.market, pair, Once()).is_new
    run_round(world.market)
    assert states(world, *placed) == {"a": ["matched"], "b": ["queued"]}
