"""What a bid would have had to allow: checked by placing it with a little more and a little less."""

import pytest

from marketplace.clearing import Parameters, clear_round, write_transcript
from marketplace.clearing.entry import cap_newcomer, price_each, price_in_round, read_past_round
from marketplace.domain.book import BookSnapshot
from marketplace.protocol.eip712 import Domain
from tests.unit.clearing.market import MARKET, account, ask, bid, random_market, snapshot, spec

CHAIN = 4
"""Below its price a bid may still be filled by as many epsilons as a chain of competitors is long."""


def is_filled(market, wanted, allows: int) -> bool:
    newcomer = cap_newcomer(wanted, allows)
    result = clear_round(BookSnapshot.of(market.now, [*market.bids, newcomer], market.asks))
    return any(match.bid_hash == newcomer.bid_hash for match in result.matches)


def recorded(market):
    """The round as the market keeps it."""
    document = write_transcript(clear_round(market), Parameters(), Domain(1, MARKET), MARKET, 1).document
    return read_past_round(document)


@pytest.mark.parametrize("seed", range(6))
def test_a_bid_is_filled_at_the_price_to_enter_and_not_far_below(seed):
    market = random_market(seed, 40, 8, units=False)
    for wanted in (bid(999), bid(998, gpus=1, job_spec=spec(regions=["eu", "us"])), bid(997, replicas=2)):
        (price,) = price_each(market, [wanted])
        if price is None:
            assert not is_filled(market, wanted, 10**9)
            continue
        assert is_filled(market, wanted, price)
        assert not is_filled(market, wanted, price - CHAIN * clear_round(market).certificate.epsilon - price // 500)


@pytest.mark.parametrize("seed", range(6))
def test_a_past_round_gives_the_price_of_clearing_it_again(seed):
    market = random_market(seed, 12, 12)
    wanted = [bid(999), bid(998, gpus=1), bid(997, replicas=2), bid(996, job_spec=spec(regions=["nowhere"]))]
    alone = price_each(market, wanted)
    for one, price in zip(wanted, alone, strict=True):
        found = price_in_round(recorded(market), one)
        assert (found is None) == (price is None)
        assert price is None or found == pytest.approx(price, abs=CHAIN * clear_round(market).certificate.epsilon)


def test_where_a_node_stands_idle_its_quote_is_enough():
    past = recorded(snapshot([bid(1)], [ask(1, price=100_000), ask(2, price=150_000)]))
    assert price_in_round(past, bid(999)) == 150_000


def test_a_full_node_takes_what_its_holder_is_worth_although_its_rent_is_zero():
    market = snapshot([bid(1, max_price=900_000)], [ask(1, price=100_000)])
    assert recorded(market).rents == {market.asks[0].ask_hash: 0}
    assert price_in_round(recorded(market), bid(999)) == pytest.approx(900_000, rel=2e-3)


def test_a_provider_whose_stake_or_units_are_spent_is_no_idle_one():
    spent = ask(1, price=100_000, units=2, stake=150_000)
    assert price_in_round(recorded(snapshot([bid(1, max_price=120_000)], [spent])), bid(999, max_price=0)) != 100_000
    shared = [ask(1, price=100_000, provider=account(7)), ask(2, price=110_000, provider=account(7))]
    assert price_in_round(recorded(snapshot([bid(1, max_price=900_000)], shared)), bid(999)) > 890_000


def test_a_stake_that_covers_the_price_but_not_much_more_is_enough():
    market = snapshot([], [ask(1, price=100_000, stake=210_000)])
    assert price_each(market, [bid(999, max_price=0), bid(998, max_price=210_000)]) == [100_000, 100_000]


def test_a_bid_that_allows_more_than_stakes_cover_has_no_price():
    market = snapshot([], [ask(1, price=100_000, stake=210_000)])
    assert price_each(market, [bid(999, max_price=210_001)]) == [None]
    assert price_in_round(recorded(snapshot([bid(1, max_price=1)], market.asks)), bid(999, max_price=210_001)) is None


def test_what_a_bid_says_it_allows_does_not_change_its_price():
    market = random_market(3, 40, 8)
    caps = [price_each(market, [bid(999, max_price=cap)])[0] for cap in (0, 1, 400_000, 10**7, 10**10)]
    epsilon = clear_round(market).certificate.epsilon
    assert all(price == pytest.approx(caps[0], abs=CHAIN * epsilon) for price in caps)


def test_an_absurd_ask_does_not_blur_the_price():
    market = snapshot([], [ask(1, price=100_000), ask(2, price=2**47)])
    assert price_each(market, [bid(999)]) == [100_000]


def test_an_empty_market_has_no_price():
    assert price_each(snapshot([], []), [bid(999)]) == [None]
    assert price_in_round(recorded(snapshot([bid(1)], [])), bid(999)) is None
