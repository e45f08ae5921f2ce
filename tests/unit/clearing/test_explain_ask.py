"""What a provider is told about each bid of a round: the fate, the reason, and by how much it was too dear."""

import pytest

from marketplace.clearing import Fate, clear_round, explain_ask
from tests.unit.clearing.market import ask, bid, profile, random_market, snapshot, spec


def views(bids, asks, own=0):
    return explain_ask(clear_round(snapshot(bids, asks)), asks[own].ask_hash)


def fate_of(bids, asks, own=0):
    (view,) = views(bids, asks, own)
    return view


def test_bid_that_was_won_says_what_its_price_is_made_of():
    won = fate_of([bid()], [ask(1, price=100_000)])
    assert (won.fate, won.price, won.undercut) == (Fate.WON, 100_000, None)
    assert "0.100000" in won.reason


def test_bid_that_no_price_would_have_won_names_the_constraint():
    unfit = fate_of([bid(job_spec=spec(regions=["us"]))], [ask(1)])
    assert (unfit.fate, unfit.price, unfit.quote) == (Fate.UNFIT, None, None)
    assert unfit.constraints == ({"name": "region", "needed": ["us"], "offered": "eu"},)


def test_rates_above_the_bids_limit_are_too_dear_by_the_difference():
    dear = fate_of([bid(max_price=90_000)], [ask(1, price=100_000)])
    assert (dear.fate, dear.undercut) == (Fate.DEAR, 10_000)


def test_undercut_that_is_told_would_have_won_the_bid_and_less_would_not():
    """The promise of `undercut`, held by clearing the round again."""
    cheap, own = ask(1, price=50_000), ask(2, price=80_000)
    beaten = fate_of([bid()], [cheap, own], own=1)
    assert (beaten.fate, beaten.undercut) == (Fate.BEATEN, 30_000)
    lower, higher = (ask(2, price=80_000 - beaten.undercut + change) for change in (-500, 500))
    assert fate_of([bid()], [cheap, lower], own=1).fate is Fate.WON
    assert fate_of([bid()], [cheap, higher], own=1).fate is Fate.BEATEN


def test_bid_that_others_outbid_for_the_units_is_told_as_full():
    rich, poor = bid(1, max_price=900_000), bid(2, max_price=150_000)
    found = {view.bid_hash: view for view in views([rich, poor], [ask(1, price=100_000)])}
    assert found[rich.bid_hash].fate is Fate.WON and found[rich.bid_hash].price > 140_000
    assert found[poor.bid_hash].fate is Fate.FULL
    assert "worth more" in found[poor.bid_hash].reason


def test_preferences_that_shut_an_ask_out_are_told_as_such():
    wishes = {"carbonPricePerKg": 2**40}
    dirty = ask(1, price=100_000, node=profile(carbonGramsPerKwh=800))
    steered = fate_of([bid(max_price=110_000, job_spec=spec(wishes))], [dirty])
    assert (steered.fate, steered.price) == (Fate.STEERED, 100_000)


def test_replicas_that_cannot_start_together_leave_a_node_out():
    assert fate_of([bid(replicas=2)], [ask(1)]).fate is Fate.LEFT


def test_ask_that_took_no_part_is_told_nothing():
    result = clear_round(snapshot([bid()], [ask(1)]))
    assert explain_ask(result, ask(9).ask_hash) == []


@pytest.mark.parametrize("seed", range(6))
def test_in_any_round_won_is_exactly_what_was_matched_and_every_reason_is_whole(seed):
    market = random_market(seed, 25, 12, replicas=True)
    result = clear_round(market)
    matched = {(match.bid_hash, match.ask_hash): match.price for match in result.matches}
    for one in market.asks:
        seen = explain_ask(result, one.ask_hash)
        assert [view.bid_hash for view in seen] == [each.bid_hash for each in market.bids]
        for view in seen:
            key = (view.bid_hash, view.ask_hash)
            assert (view.fate is Fate.WON) == (key in matched)
            assert view.fate is not Fate.WON or view.price == matched[key]
            assert (view.fate is Fate.UNFIT) == bool(view.constraints)
            assert view.undercut is None or view.undercut > 0
            assert view.reason.endswith(".") and "{" not in view.reason
            assert view.to_json()["fate"] == view.fate.value
