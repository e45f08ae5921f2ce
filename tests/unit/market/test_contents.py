"""Orders are read whole once: rounds and lists look at them again and again, and what was signed never changes."""

import pytest
from sqlmodel import select

from marketplace.adapters.store.contents import Contents
from marketplace.adapters.store.tables import BidRow
from marketplace.domain.orders import OrderState
from marketplace.protocol.messages import Bid
from marketplace.services.clear_round import run_round
from tests.fakes.databases import BOTH
from tests.fakes.world import RENTER, World
from tests.unit.market.test_many_at_once import statements


@pytest.fixture(params=BOTH)
def world(request, tmp_path):
    return World(tmp_path, database=request.param)


def live(world: World) -> tuple[list, list]:
    with world.market.store.read() as tx:
        return tx.bids.live(), tx.asks.live()


def test_the_book_is_the_same_again_and_its_documents_are_not_read_for_it(world):
    bids, ask = [world.bid() for _ in range(3)], world.ask()
    world.offer(ask)
    for bid in bids:
        world.submit(bid)
    first = live(world)
    with statements() as asked:
        again = live(world)
    assert again == first
    assert [one.bid for one in again[0]] == bids and [one.ask for one in again[1]] == [ask]
    assert asked and not [one for one in asked if "job_spec" in one or "profile" in one]


def test_orders_that_change_their_state_keep_what_was_signed(world):
    """A row that was read without its documents is written without them, too."""
    bid_hash = world.submit()
    with world.market.store.write() as tx:
        (record,) = tx.bids.live()
        tx.bids.set_reason(bid_hash, "nobody offers")
    with world.market.store.read() as tx:
        assert tx.bids.get(bid_hash).reason == "nobody offers"
        assert tx.bids.get(bid_hash).bid == record.bid
        (document,) = tx.bids._session.exec(select(BidRow.bid)).all()
        assert Bid.parse(document) == record.bid


@pytest.mark.parametrize("limit", [1, 100])
def test_however_few_are_kept_each_is_read_once_a_look(world, limit):
    hashes = [world.submit() for _ in range(5)]
    parsed: list[str] = []

    def parse(document: dict) -> Bid:
        parsed.append(document["salt"])
        return Bid.parse(document)

    contents = Contents(BidRow.bid_hash, (BidRow.bid,), parse, limit)
    for looks in (1, 2):
        with world.market.store.read() as tx, statements() as asked:
            found = contents.load(tx.bids._session, select(BidRow).order_by(BidRow.id))
            assert [row.bid_hash for row, _ in found] == hashes
        assert [known.struct_hash() for _, known in found] == hashes
        assert len(asked) <= 3
        assert len(parsed) == (5 if limit == 100 else 5 * looks - (looks - 1))


def test_the_last_round_is_told_without_its_transcript(world):
    """Which has the whole book, and every look at the market asks for the last round."""
    world.open_lease()
    assert run_round(world.market) is None
    with world.market.store.read() as tx, statements() as asked:
        last = tx.rounds.last()
    assert (last.number, last.summary["matches"]) == (1, 1)
    assert not [one for one in asked if "transcript" in one]


def test_late_orders_are_those_whose_time_is_over_and_no_others_are_looked_at(world):
    """A bid is late with its `validUntil` or when its deadline leaves too little, an ask after its own."""
    now = world.chain.time
    short = world.submit(world.bid(valid_until=now + 10))
    tight = world.submit(world.bid(deadline=now + 80))
    world.submit()
    asked = world.offer(world.ask(valid_until=now + 15))
    world.offer(world.ask(agent=RENTER.address, valid_until=now + 86_400))
    assert late(world, now + 10) == ([], [])
    assert late(world, now + 11) == ([short], [])
    assert late(world, now + 21) == ([short, tight], [asked])
    with statements() as looked_at:
        assert late(world, now + 10) == ([], [])
    assert looked_at and not [one for one in looked_at if "signature" in one or "job_spec" in one]


def late(world: World, now: int) -> tuple[list[str], list[str]]:
    with world.market.store.read() as tx:
        return [one.bid_hash for one in tx.bids.late(now)], [one.ask_hash for one in tx.asks.late(now)]


def test_there_are_live_bids_until_the_last_one_ended(world):
    def has_live() -> bool:
        with world.market.store.read() as tx:
            return tx.bids.has_live()

    assert not has_live()
    bid_hash = world.submit()
    assert has_live()
    with world.market.store.write() as tx:
        tx.bids.set_state(bid_hash, OrderState.EXPIRED)
        assert not tx.bids.has_live(), "what is not written yet counts"
    assert not has_live()
