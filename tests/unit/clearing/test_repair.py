"""What a round does with orders that an assignment alone cannot serve: they harm nobody, and nothing is hidden."""

from dataclasses import replace

import pytest

from marketplace.clearing import Parameters, clear_round
from marketplace.clearing.certificate import verify_certificate
from marketplace.clearing.cost import compute_idle_cost
from marketplace.errors import CertificateRejected
from tests.unit.clearing.dense import dense_values
from tests.unit.clearing.market import account, ask, bid, profile, random_market, snapshot
from tests.unit.clearing.test_clearing import index_pairs, rent_vector

VOTES = {"verification": 1}


def served(market, order) -> int:
    return sum(match.bid_hash == order.bid_hash for match in clear_round(market).matches)


@pytest.mark.parametrize("replicas", [3, 255])
def test_vote_that_can_never_be_complete_keeps_nobody_else_from_the_nodes(replicas):
    honest = bid(1, max_price=500_000)
    market = snapshot([honest, bid(2, max_price=10**6, replicas=replicas, **VOTES)], [ask(1), ask(2)])
    assert served(market, honest) == 1


def test_votes_that_keep_each_other_incomplete_keep_nobody_else_from_the_nodes():
    honest = [bid(1, max_price=500_000), bid(2, max_price=400_000, replicas=2, **VOTES)]
    rivals = [bid(10 + n, max_price=10**6 + n, replicas=3, **VOTES) for n in range(2)]
    market = snapshot([*honest, *rivals], [ask(n) for n in range(4)])
    assert len(clear_round(market).matches) >= 3


def test_layers_of_incomplete_votes_still_leave_the_nodes_to_those_they_can_serve():
    honest = bid(1, max_price=300_000)
    layers = [
        bid(10 * layer + n, max_price=10**6 + 10_000 * layer, replicas=3, verification=1)
        for layer in range(1, 12)
        for n in range(2)
    ]
    market = snapshot([honest, *layers], [ask(n, stake=10**12) for n in range(3)])
    assert clear_round(market).matches


def test_replicas_that_lack_distinct_providers_leave_the_units_to_others():
    honest = [bid(n, max_price=500_000) for n in range(3)]
    greedy = bid(9, max_price=10**6, replicas=4)
    result = clear_round(snapshot([*honest, greedy], [ask(1, units=4)]))
    assert {match.bid_hash for match in result.matches} == {one.bid_hash for one in honest}


def test_bid_that_a_stake_cannot_cover_goes_to_another_provider_in_the_same_round():
    bids = [bid(n, max_price=150_000) for n in range(2)]
    market = snapshot(bids, [ask(1, price=100_000, units=2, stake=150_000), ask(2, price=120_000)])
    assert len(clear_round(market).matches) == 2


@pytest.mark.parametrize("seed", range(12))
def test_epsilon_of_the_certificate_is_what_renters_would_gain_elsewhere_even_after_a_repair(seed):
    result = clear_round(random_market(seed, 8, 4, replicas=True))
    rents, problem = rent_vector(result), result.problem
    values = dense_values(problem)
    best = (values - rents).max(axis=1, initial=0)
    for b, demand in enumerate(problem.demand):
        own = [int(values[pair] - rents[pair[1]]) for pair in index_pairs(result) if pair[0] == b]
        worst = min(own, default=0) if len(own) == demand else 0
        assert best[b] - worst <= result.certificate.epsilon
    assert result.certificate.gap <= int(problem.demand.sum()) * result.certificate.epsilon


def test_certificate_that_claims_a_smaller_epsilon_than_was_kept_is_rejected():
    provider = account(7)
    market = snapshot([bid(1, replicas=2)], [ask(1, provider=provider), ask(2, provider=provider)])
    result = clear_round(market)
    boast = replace(result.certificate, epsilon=result.certificate.epsilon - 1)
    prices = [match.price for match in result.matches]
    with pytest.raises(CertificateRejected):
        verify_certificate(result.problem, result.assigned, prices, rent_vector(result), boast)


def test_absurd_gpu_rate_on_an_idle_gpu_neither_wins_nor_stops_the_round():
    many = profile(gpus=[{"model": "H100", "memoryMb": 80_000}] * 64)
    market = snapshot([bid(1)], [ask(1, price=1, node=many, gpu_hour_rate=2**47), ask(2, price=100_000)])
    (match,) = clear_round(market, Parameters(stranded_weight_bps=10_000)).matches
    assert match.quote == 100_000


def test_idle_cost_is_exact_whatever_the_rate():
    reserved, rates = bid().bid.resources, ask(1, gpu_hour_rate=2**47).ask.rates
    assert compute_idle_cost(reserved, rates, 64, 10_000) == 64 * 2**40, "a million USDC an hour at most"
    assert compute_idle_cost(reserved, replace(rates, gpu_hour=2**39), 64, 5_000) == 32 * 2**39
