"""The newest of many is one row: what there was before costs nothing, however much it is."""

import pytest
from sqlalchemy import event

from marketplace.adapters.store.tables import AskRow, BlockRow, RoundRow
from marketplace.domain.chain import BlockRef
from marketplace.services.clear_round import run_round
from tests.fakes.world import AGENT, PROVIDER, World

MANY = 5


@pytest.fixture
def world(tmp_path) -> World:
    world = World(tmp_path)
    for number in range(1, MANY + 1):
        world.offer()
        world.submit(world.bid(max_price=200))
        assert run_round(world.market) is not None
        with world.market.store.write() as tx:
            tx.blocks.add(BlockRef(number, f"0x{number:064x}", number))
    return world


@pytest.mark.parametrize(
    ("row", "look"),
    [
        (BlockRow, lambda tx: tx.blocks.last().number == MANY),
        (RoundRow, lambda tx: tx.rounds.last().number == MANY),
        (AskRow, lambda tx: tx.asks.newest_of(PROVIDER.address).ask.salt == MANY),
        (AskRow, lambda tx: tx.asks.latest_of_agent(AGENT.address).ask.salt == MANY),
    ],
)
def test_whoever_asks_for_the_newest_is_given_it_and_no_other_is_loaded(world, row, look):
    loaded = []

    def note(target, context):
        loaded.append(target)

    event.listen(row, "load", note)
    try:
        with world.market.store.read() as tx:
            assert look(tx)
    finally:
        event.remove(row, "load", note)
    assert len(loaded) == 1
