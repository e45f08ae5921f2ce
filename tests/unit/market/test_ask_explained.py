"""A provider is told what became of each bid of a round at its ask, out of the round's own transcript."""

import pytest

from marketplace.clearing import Fate
from marketplace.errors import NotFound
from marketplace.services.clear_round import run_round
from marketplace.services.show_ask import show_ask_explanation
from marketplace.services.show_market import show_round
from tests.fakes.world import World


def test_each_bid_is_told_as_won_or_with_what_stood_in_the_way(world: World):
    won = world.submit()
    large = world.submit(world.bid(vcpus=60))
    poor = world.submit(world.bid(max_price=1))
    ask = world.offer()
    run_round(world.market)
    shown = show_ask_explanation(world.market, 1, ask)
    fates = {each["bidHash"]: each for each in shown["bids"]}
    assert {one: fates[one]["fate"] for one in (won, large, poor)} == {
        won: Fate.WON, large: Fate.UNFIT, poor: Fate.DEAR,
    }  # fmt: skip
    assert [one["name"] for one in fates[large]["constraints"]] == ["vcpus"]
    assert int(fates[poor]["undercut"]) == int(fates[poor]["quote"]) - 1


def test_an_ask_that_was_not_in_the_round_and_a_round_that_was_not_are_not_found(world: World):
    world.open_lease()
    ask = show_round(world.market, 1)["matches"][0]["askHash"]
    for number, one in ((1, "0x" + "11" * 32), (2, ask)):
        with pytest.raises(NotFound):
            show_ask_explanation(world.market, number, one)
