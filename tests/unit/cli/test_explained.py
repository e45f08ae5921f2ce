"""An explanation of the auction as a person reads it."""

from io import StringIO

import pytest
from rich.console import Console

from marketplace.clearing import clear_round, explain_bid
from marketplace.cli.explained import obstacle_text, print_explanation
from tests.unit.clearing.market import ask, bid, snapshot, spec


def explained(bids, asks) -> str:
    console = Console(file=StringIO(), width=110)
    market = snapshot(bids, asks)
    print_explanation(explain_bid(clear_round(market), market.bids[0].bid_hash).to_json(), console)
    return " ".join(console.file.getvalue().split())


def test_a_match_shows_the_offers_and_says_why_there_is_no_rent():
    told = explained([bid()], [ask(1, price=100_000), ask(2, price=2_000_000)])
    for words in ("Matched: 1 of 1 wanted, at 0.100000 USDC.", "← chosen", "above your cap", "The scarcity rent is 0:"):
        assert words in told


def test_what_steers_is_a_column_of_its_own_where_anything_does():
    wish = {"locality": [{"zone": "a", "worth": 3_000}]}
    assert "0.003000" in explained([bid(job_spec=spec(wish))], [ask(1)])
    assert "steers" not in explained([bid()], [ask(1)])


def test_what_is_not_matched_says_nothing_of_rent():
    told = explained([bid(vcpus=65)], [ask(1)])
    assert "vCPUs: 65 needed" in told and "rent is" not in told


@pytest.mark.parametrize(
    ("name", "needed", "shown"),
    [("stake", 53_571, "stake: 0.053571 USDC needed, 0.000001 USDC offered"), ("gpus", "1 of any model", "GPUs: 1 of")],
)
def test_an_obstacle_has_its_units(name, needed, shown):
    assert obstacle_text({"constraints": [{"name": name, "needed": needed, "offered": 1}]}).startswith(shown)


def test_a_deadline_is_a_time_of_day():
    told = obstacle_text({"constraints": [{"name": "deadline", "needed": 1_790_000_000, "offered": 1_789_999_000}]})
    assert "2026-" in told and "1790000000" not in told
