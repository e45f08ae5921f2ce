"""One bid now: between rounds a bid is quoted or filled against standing asks, as well as any next round could."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.clearing import clear_round
from marketplace.clearing import kinds as kinds_module
from marketplace.clearing.live_book import LiveBook
from marketplace.clearing.problem import build_problem
from marketplace.clearing.round import PricedMatch
from marketplace.domain.book import BookSnapshot
from tests.unit.clearing.market import NOW, account, ask, bid, profile, random_market, snapshot, spec

seeds = st.integers(0, 10**6)


def book_of(market: BookSnapshot) -> LiveBook:
    book = LiveBook()
    for one in market.asks:
        book.put_ask(one)
    return book


def pairs(matches) -> list[tuple[str, int, int]]:
    return sorted((match.ask_hash, match.quote, match.rent) for match in matches)


def best_by_looking_at_all(market: BookSnapshot, order) -> list[tuple[str, int, int]]:
    """Provider by provider the best ask, then as many providers as replicas; of equals the lowest hash."""
    problem = build_problem(BookSnapshot.of(market.now, [order], market.asks))
    if not problem.snapshot.bids:
        return []
    best = {}
    for n, one in enumerate(problem.snapshot.asks):
        value = problem.value(0, n)
        if value is not None:
            candidate = (-value, one.ask_hash, problem.quote(0, n), one.ask.provider)
            best[one.ask.provider] = min(candidate, best.get(one.ask.provider, candidate))
    chosen = sorted(best.values())[: order.bid.replicas]
    return sorted((h, quote, 0) for _, h, quote, _ in chosen) if len(chosen) == order.bid.replicas else []


def shared_providers(market: BookSnapshot) -> list:
    """The same asks, two by two of one provider."""
    asks = []
    for n, one in enumerate(market.asks):
        body = one.ask.model_copy(update={"provider": account(n // 2 + 1)})
        asks.append(replace(one, ask=body, ask_hash=body.struct_hash()))
    return asks


@given(seeds)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_a_quote_is_the_best_of_all_asks_whatever_came_and_went_before(seed):
    market, draw = random_market(seed, 8, 40, replicas=True), random.Random(seed)
    book, standing, leases = LiveBook(), {}, []
    for one in shared_providers(market):
        standing[one.ask_hash] = one
    for one in standing.values():
        book.put_ask(one)
    for order in market.bids:
        state = BookSnapshot.of(NOW, [], standing.values())
        assert pairs(book.quote(order, NOW)) == best_by_looking_at_all(state, order)
        kind = draw.choice(["fill", "fill", "release", "cancel", "put"])
        if kind == "fill" and (filled := book.fill(order, NOW)):
            for match in filled:
                take(standing, match, 1)
                leases.append(match)
        elif kind == "release" and leases:
            match = leases.pop()
            book.release(match)
            take(standing, match, -1)
        elif kind == "cancel":
            gone = draw.choice(sorted(standing))
            assert book.cancel_ask(gone) and not book.cancel_ask(gone)
            del standing[gone]
        elif kind == "put":
            some = standing[draw.choice(sorted(standing))]
            standing[some.ask_hash] = replace(some, settled_leases=draw.randrange(5), free_units=draw.randrange(3))
            book.put_ask(standing[some.ask_hash])
        assert book.snapshot(NOW) == BookSnapshot.of(NOW, [], standing.values())


def take(standing, match: PricedMatch, leases: int) -> None:
    """The contract counts a provider's leases and its stake, under whichever of its asks."""
    if match.ask_hash in standing:
        provider = standing[match.ask_hash].ask.provider
        for h, one in standing.items():
            if one.ask.provider == provider:
                stake = one.available_stake - leases * match.price
                standing[h] = replace(one, free_units=one.free_units - leases, available_stake=stake)


@given(seeds)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_no_round_over_the_same_asks_leaves_a_bid_more_than_filling_it_at_once(seed):
    market = random_market(seed, 12, 8, replicas=True)
    order = market.bids[seed % len(market.bids)]
    filled = book_of(market).fill(order, NOW)
    assert len(filled) in (0, order.bid.replicas)
    in_round = [match for match in clear_round(market).matches if match.bid_hash == order.bid_hash]
    profit = sum(order.bid.max_price - match.price for match in filled)
    assert profit >= sum(order.bid.max_price - match.price for match in in_round)
    assert all(match.rent == 0 and match.price <= order.bid.max_price for match in filled)


@given(seeds)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_a_fill_is_the_round_of_that_bid_alone(seed):
    market = random_market(seed, 4, 30, replicas=True)
    for order in market.bids:
        alone = clear_round(BookSnapshot.of(NOW, [order], market.asks))
        assert pairs(book_of(market).quote(order, NOW)) == pairs(alone.matches)
        assert alone.certificate.surplus == sum(match.value for match in alone.assigned)
        assert not any(alone.rents.values())


def test_of_asks_that_cost_the_same_the_lowest_hash_is_taken_in_a_round_and_in_a_fill():
    asks = [ask(n) for n in range(70)]
    order, lowest = bid(), min(one.ask_hash for one in asks)
    for arrival in (asks, asks[::-1]):
        (match,) = book_of(BookSnapshot(NOW, (), tuple(arrival))).quote(order, NOW)
        assert match.ask_hash == lowest
    assert clear_round(snapshot([order], asks)).matches[0].ask_hash == lowest


def test_a_quote_takes_nothing_and_a_fill_takes_a_unit_until_the_lease_ends():
    book = book_of(snapshot([], [ask(1, units=1)]))
    first, second = bid(1), bid(2)
    assert book.quote(first, NOW) == book.quote(first, NOW) != ()
    (match,) = book.fill(first, NOW)
    assert match == PricedMatch(first.bid_hash, match.ask_hash, 100_000, 1, 0)
    assert book.quote(second, NOW) == ()
    book.release(match)
    assert len(book.fill(second, NOW)) == 1


def test_replicas_are_filled_at_distinct_providers_or_not_at_all():
    provider = account(7)
    asks = [ask(1, provider=provider, units=5), ask(2, provider=provider, units=5), ask(3, price=150_000)]
    book = book_of(snapshot([], asks))
    assert book.fill(bid(1, replicas=3), NOW) == ()
    filled = book.fill(bid(2, replicas=2), NOW)
    assert sorted(match.quote for match in filled) == [100_000, 150_000]


def test_a_stake_covers_all_leases_of_its_provider_together():
    provider = account(7)
    asks = [ask(n, provider=provider, units=9, stake=250_000) for n in (1, 2)]
    book = book_of(snapshot([], asks))
    fills = [book.fill(bid(n, max_price=100_000), NOW) for n in range(4)]
    assert [len(one) for one in fills] == [1, 1, 0, 0]


def test_a_provider_has_no_more_leases_than_the_ask_allows_that_it_is_filled_with():
    provider = account(7)
    asks = [ask(1, provider=provider, units=1), ask(2, provider=provider, units=2, price=120_000)]
    book = book_of(snapshot([], asks))
    assert [[match.quote for match in book.fill(bid(n), NOW)] for n in range(3)] == [[100_000], [120_000], []]


def test_orders_leave_the_book_when_their_time_is_over():
    book, order = LiveBook(), bid(1, valid_until=NOW + 50)
    early, late = ask(1, price=50_000, valid_until=NOW + 10), ask(2)
    for one in (early, late):
        book.put_ask(one)
    book.put_bid(order)
    assert book.snapshot(NOW) == snapshot([order], [early, late])
    assert book.quote(order, NOW + 10)[0].ask_hash == early.ask_hash
    assert book.quote(order, NOW + 11)[0].ask_hash == late.ask_hash
    assert book.quote(order, NOW + 51) == ()
    assert set(book.expire(NOW + 101)) == {late.ask_hash} and len(book) == 0


def test_a_bid_that_waited_does_not_wait_any_more_once_it_is_filled():
    book, order = book_of(snapshot([], [ask(1)])), bid(1)
    book.put_bid(order)
    assert book.fill(order, NOW) and not book.cancel_bid(order.bid_hash)
    assert book.snapshot(NOW).bids == ()


def test_a_book_follows_a_snapshot_by_what_differs():
    asks = [ask(n, price=100_000 + n, units=2) for n in range(6)]
    book = book_of(snapshot([], asks))
    later = snapshot([], [replace(asks[0], free_units=1), replace(asks[1], available_stake=5), *asks[3:], ask(9)])
    book.follow(later)
    assert book.snapshot(NOW) == later


def test_an_ask_whose_provider_settled_more_leases_is_open_to_those_who_ask_for_that():
    wanted = bid(1, job_spec=spec(minSettledLeases=3))
    young = ask(1, settled=2)
    book = book_of(snapshot([], [young]))
    assert book.quote(wanted, NOW) == ()
    book.put_ask(replace(young, settled_leases=3))
    assert len(book.quote(wanted, NOW)) == 1


def test_an_ask_that_oracles_can_no_longer_hold_to_its_promise_is_open_to_nobody_who_wants_the_job_run_again():
    book, wanted = book_of(snapshot([], [ask(1)])), bid(1, job_spec=spec())
    assert wanted.bid.verification == 0 and len(book.quote(wanted, NOW)) == 1
    book.put_ask(replace(ask(1), is_judged=False))
    assert book.quote(wanted, NOW) == ()
    book.put_ask(ask(1))
    assert len(book.quote(wanted, NOW)) == 1


def test_an_ask_whose_units_are_promised_to_others_is_open_until_then():
    book, free = book_of(snapshot([], [ask(1)])), bid(1, deadline=NOW + 9_000)
    assert len(book.quote(free, NOW)) == 1
    book.put_ask(replace(ask(1), free_until=NOW + 8_999))
    assert book.quote(free, NOW) == ()
    book.put_ask(replace(ask(1), free_until=NOW + 9_000))
    assert len(book.quote(free, NOW)) == 1


@pytest.mark.parametrize("most_words", [1, 32])
def test_kinds_of_nodes_that_have_no_bit_left_are_looked_at_one_by_one(monkeypatch, most_words):
    monkeypatch.setattr(kinds_module, "MOST_WORDS", most_words)
    asks = [ask(n, node=profile(region=f"r{n}"), price=100_000 + n) for n in range(60)]
    book = book_of(snapshot([], asks))
    for n in (0, 31, 59):
        (match,) = book.quote(bid(1, job_spec=spec(regions=[f"r{n}"])), NOW)
        assert match.ask_hash == asks[n].ask_hash
    assert book.quote(bid(2, job_spec=spec(regions=["nowhere"])), NOW) == ()


def test_asks_that_came_and_went_are_not_remembered_for_ever():
    book, one = LiveBook(), ask(1)
    for _ in range(5_000):
        book.put_ask(one)
        book.cancel_ask(one.ask_hash)
    assert len(book._expiries) < 3_000
