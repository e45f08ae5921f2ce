"""Who goes without is told why: in each round some, those first that never were; nobody is left out."""

import pytest

from marketplace.services import clear_round
from marketplace.services.clear_round import clear_book, run_round
from marketplace.services.show_job import show_job
from marketplace.services.snapshot import load_book
from tests.fakes.world import World

AT_ONCE, BIDS = 2, 5


@pytest.fixture
def world(tmp_path, monkeypatch) -> World:
    monkeypatch.setattr(clear_round, "MOST_EXPLAINED", AT_ONCE)
    return World(tmp_path)


def reasons(world: World, jobs: list[str]) -> list[str]:
    return [show_job(world.market, job_id)["reason"] for job_id in jobs]


def test_rounds_go_on_until_every_bid_was_told_why_and_then_stop(world):
    jobs = [world.submit() for _ in range(BIDS)]
    told = []
    while run_round(world.market) is not None:
        told.append(sum(map(bool, reasons(world, jobs))))
    assert told == [2, 4, 5]
    assert set(reasons(world, jobs)) == {"Not matched: nobody offers anything at the moment."}


def test_reasons_that_changed_are_told_in_some_later_round(world):
    jobs = [world.submit(world.bid(max_price=200)) for _ in range(BIDS)]
    while run_round(world.market) is not None:
        pass
    world.offer()
    for _ in range(4 * BIDS):
        clear_book(world.market, load_book(world.market))
    assert all("the bid allows 0.000200 USDC" in reason for reason in reasons(world, jobs))
