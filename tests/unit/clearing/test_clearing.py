"""What a round promises (DESIGN: why the price is what it is), held on random markets with every kind of constraint."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.clearing import Parameters, clear_round, explain_bid, verify_transcript, write_transcript
from marketplace.clearing.certificate import verify_certificate
from marketplace.clearing.engine import solve
from marketplace.domain import atlas
from marketplace.domain.book import BookSnapshot
from marketplace.errors import CertificateRejected, InvalidSignature, NotFound, TranscriptMismatch
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.messages import Bid
from marketplace.protocol.metering import compute_quote
from marketplace.protocol.privacy import Privacy
from tests.unit.clearing.dense import dense_values, exact_optimum
from tests.unit.clearing.market import NOW, account, ask, bid, profile, random_market, snapshot, spec

PRIVATE = spec().model_copy(update={"privacy": Privacy(recipient="age1" + "q" * 58, commitment="0x" + "11" * 32)})
PART = {"model": "NVIDIA A100 MIG 1g.10gb", "memoryMb": 9_984, "mig": True}
DOMAIN = Domain(1337, "0x" + "ee" * 20)
markets = st.builds(random_market, st.integers(0, 10**6), st.integers(0, 12), st.integers(0, 10))
replicated = st.builds(
    random_market, st.integers(0, 10**6), st.integers(0, 8), st.integers(0, 8), replicas=st.just(True)
)
any_market = st.one_of(markets, replicated)


def index_pairs(result):
    return [(match.bid, match.ask) for match in result.assigned]


def rent_vector(result):
    return np.array([result.rents[one.ask_hash] for one in result.problem.snapshot.asks], dtype=np.int64)


# --- promises ---------------------------------------------------------------------------------------------------------


@given(any_market)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_nobody_trades_at_a_loss_and_the_money_balances(market):
    result = clear_round(market)
    for (b, a), match in zip(index_pairs(result), result.matches, strict=True):
        placed = market.bids[b].bid
        assert compute_quote(market.asks[a].ask.rates, placed.resources).total <= match.price <= placed.max_price
        assert match.price == match.quote + match.rent


@given(any_market)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_units_replicas_stakes_and_constraints_are_never_exceeded(market):
    result = clear_round(market)
    for n, one in enumerate(market.asks):
        assert sum(a == n for _, a in index_pairs(result)) <= one.free_units
    for n, one in enumerate(market.bids):
        providers = [market.asks[a].ask.provider for b, a in index_pairs(result) if b == n]
        assert len(set(providers)) == len(providers)
        assert len(providers) in (0, one.bid.replicas), "all replicas open together, or none does"
    assert all(result.problem.value(b, a) is not None for b, a in index_pairs(result))


def breaks_a_rule(order, node, settled: int) -> bool:
    """The hard constraints in plain words, apart from the table that the clearing uses."""
    needs = order.job_spec.requirements
    times = [atlas.latency_ms(one.from_region, node.region) for one in needs.max_latency]
    whole = [gpu for gpu in node.gpus if needs.mig or not gpu.mig]
    grams = node.carbon_grams_per_kwh
    if grams is None:
        grams = atlas.grid_intensity(node.region)
    return any(
        (
            needs.regions and node.region not in needs.regions,
            needs.zones and node.zone not in needs.zones,
            needs.racks and node.rack not in needs.racks,
            not set(needs.privacy_zones) <= set(node.privacy_zones),
            needs.tees and not set(needs.tees) & set(node.tees),
            not set(needs.cpu_features) <= set(node.cpu.features),
            needs.architectures and node.cpu.architecture not in needs.architectures,
            any(ms is None or ms > one.max_ms for one, ms in zip(needs.max_latency, times, strict=True)),
            order.bid.gpus > len(whole),
            needs.max_carbon_grams_per_kwh is not None and (grams is None or grams > needs.max_carbon_grams_per_kwh),
            settled < needs.min_settled_leases,
        )
    )


@given(any_market)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_hard_constraints_are_never_violated(market):
    for b, a in index_pairs(clear_round(market)):
        assert not breaks_a_rule(market.bids[b], market.asks[a].profile, market.asks[a].settled_leases)


@given(any_market)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_threads_change_nothing(market):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(solve, "THREADS", 1)
        alone = clear_round(market)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(solve, "THREADS", 7)
        assert clear_round(market).rents == alone.rents and clear_round(market).matches == alone.matches


@given(markets)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_by_what_a_renter_pays_and_prefers_it_envies_nobody_beyond_epsilon_and_the_difference_in_idle_cost(market):
    result = clear_round(market, Parameters(stranded_weight_bps=2_000, standing_weight_bps=10_000))
    problem, rents, chosen = result.problem, rent_vector(result), dict(index_pairs(result))
    for b, own in chosen.items():
        kept = problem.value(b, own) + problem.idle_cost(b, own) - rents[own]
        for a in range(len(market.asks)):
            value = problem.value(b, a)
            if value is not None:
                difference = problem.idle_cost(b, own) - problem.idle_cost(b, a)
                other = value + problem.idle_cost(b, a) - rents[a]
                assert other <= kept + result.certificate.epsilon - difference


@given(any_market)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_idle_capacity_has_no_rent(market):
    result = clear_round(market)
    for n, one in enumerate(market.asks):
        if sum(a == n for _, a in index_pairs(result)) < one.free_units:
            assert result.rents[one.ask_hash] == 0


@given(markets)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_no_renter_would_rather_have_another_node_within_epsilon(market):
    result = clear_round(market)
    rents, chosen = rent_vector(result), dict(index_pairs(result))
    net = dense_values(result.problem) - rents
    for b in range(len(market.bids)):
        own = net[b, chosen[b]] if b in chosen else 0
        assert max(0, net[b].max(initial=0)) <= own + result.certificate.epsilon


@given(markets)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_surplus_agrees_with_the_exact_optimum_within_the_certificate(market):
    result = clear_round(market)
    assert result.certificate.surplus <= exact_optimum(result.problem) <= result.certificate.bound
    assert result.certificate.gap <= len(market.bids) * (result.certificate.epsilon + 1)


@given(any_market, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_order_of_arrival_decides_nothing(market, shuffle):
    bids, asks = list(market.bids), list(market.asks)
    shuffle.shuffle(bids), shuffle.shuffle(asks)
    assert clear_round(BookSnapshot.of(market.now, bids, asks)).matches == clear_round(market).matches


# --- prices in markets small enough to check by hand ------------------------------------------------------------------


def test_without_scarcity_a_renter_pays_the_quote():
    result = clear_round(snapshot([bid(max_price=900_000)], [ask(1, price=100_000)]))
    assert [(match.quote, match.rent) for match in result.matches] == [(100_000, 0)]


def test_two_bids_for_one_node_pay_what_the_loser_would_have_paid():
    market = snapshot([bid(1, max_price=500_000), bid(2, max_price=800_000)], [ask(1, price=100_000)])
    result = clear_round(market, Parameters(epsilon_ppm=1))
    (match,) = result.matches
    assert match.bid_hash == next(one.bid_hash for one in market.bids if one.bid.max_price == 800_000)
    assert 499_999 <= match.price <= 500_000


def test_shapley_shubik_example_of_the_documentation():
    """The worked example of docs/explanation/pricing.md."""
    market = snapshot(
        [bid(1, max_price=900_000), bid(2, max_price=600_000), bid(3, max_price=400_000)],
        [ask(1, price=100_000), ask(2, price=300_000)],
    )
    result = clear_round(market)
    prices = [match.price for match in result.matches]
    assert result.certificate.surplus == 1_100_000
    assert len(prices) == 2
    assert all(400_000 - result.certificate.epsilon <= price <= 400_000 for price in prices)


def test_gpu_node_is_spared_for_gpu_work_when_idle_cost_counts():
    gpu_node = profile(gpus=[{"model": "H100", "memoryMb": 80_000}])
    market = snapshot([bid()], [ask(1, price=100_000, node=gpu_node, gpu_hour_rate=10**6), ask(2, price=110_000)])
    assert clear_round(market).matches[0].quote == 100_000
    assert clear_round(market, Parameters(stranded_weight_bps=1_000)).matches[0].quote == 110_000


# --- odd markets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bids", "asks"), [(0, 0), (3, 0), (0, 3)])
def test_one_sided_and_empty_markets_clear_to_nothing(bids, asks):
    result = clear_round(random_market(1, bids, asks))
    assert (result.matches, result.certificate.surplus, result.certificate.bound) == ((), 0, 0)


def test_a_thousand_identical_bids_end_in_bounded_work():
    bids = [bid(n) for n in range(1_000)]
    result = clear_round(snapshot(bids, [ask(n) for n in range(10)]))
    assert len(result.matches) == 10
    assert {match.price for match in result.matches} <= set(range(999_550, 1_000_001)), (
        "within 500 millionths of 900,000"
    )


def test_absurd_rates_neither_overflow_nor_match():
    market = snapshot(
        [bid(max_price=2**64 - 1, fuel=2**64 - 1, vcpus=2**16 - 1, duration_seconds=2**32 - 1)],
        [ask(1, price=2**48 - 1, gfuel_rate=2**48 - 1)],
    )
    assert clear_round(market).matches == ()


def test_free_capacity_costs_nothing():
    (match,) = clear_round(snapshot([bid()], [ask(1, price=0)])).matches
    assert match.price == 0


def test_stake_covers_all_leases_of_a_round_together():
    market = snapshot([bid(1, max_price=100_000), bid(2, max_price=100_000)], [ask(1, units=2, stake=150_000)])
    assert len(clear_round(market).matches) == 1


def test_replicas_never_share_a_provider_even_across_its_asks():
    asks = [ask(1, provider=account(7)), ask(2, provider=account(7))]
    result = clear_round(snapshot([bid(replicas=2)], asks))
    assert result.matches == ()
    assert "1 could serve it" in explain_bid(result, result.problem.snapshot.bids[0].bid_hash).reason
    asks.append(ask(3, price=900_000))
    assert {match.quote for match in clear_round(snapshot([bid(replicas=2)], asks)).matches} == {100_000, 900_000}


def test_a_bid_that_cannot_have_all_its_replicas_takes_no_unit_from_another():
    rich = bid(1, max_price=5_000_000, replicas=3)
    market = snapshot([rich, bid(2), bid(3)], [ask(1), ask(2)])
    result = clear_round(market)
    assert len(result.matches) == 2
    assert rich.bid_hash not in {match.bid_hash for match in result.matches}


def test_of_bids_that_cannot_all_have_their_replicas_the_more_valuable_has_them():
    bids = [bid(n, max_price=1_000_000 + n, replicas=2) for n in range(5)]
    result = clear_round(snapshot(bids, [ask(1), ask(2), ask(3)]))
    assert {match.bid_hash for match in result.matches} == {bids[4].bid_hash}


def test_a_provider_has_no_more_leases_than_each_of_its_asks_allows():
    asks = [ask(1, provider=account(7), units=1), ask(2, provider=account(7), units=3, price=110_000)]
    bids = [bid(n) for n in range(5)]
    assert len(clear_round(snapshot(bids, asks)).matches) == 1, "the cheaper ask allows no other lease beside its own"
    assert len(clear_round(snapshot(bids, asks[1:])).matches) == 3


def test_hostile_markets_of_replicas_end_in_bounded_work():
    bids = [bid(n, max_price=1_000_000 + n, replicas=2 + n % 7) for n in range(60)]
    result = clear_round(snapshot(bids, [ask(n, units=1 + n % 3) for n in range(9)]))
    assert result.matches


def test_an_ask_that_its_agent_signed_verifies():
    from eth_account import Account

    agent, provider, renter = (Account.from_key(number.to_bytes(32)) for number in (5, 6, 7))
    placed_ask = ask(1, provider=provider.address, agent=agent.address)
    placed_bid = bid(1, renter=renter.address)
    for signer, refused in ((agent, False), (provider, False), (renter, True)):
        market = snapshot(
            [replace(placed_bid, signature=placed_bid.bid.sign(DOMAIN, renter.key))],
            [replace(placed_ask, signature=placed_ask.ask.sign(DOMAIN, signer.key))],
        )
        written = transcript_of(market)
        if refused:
            with pytest.raises(InvalidSignature):
                verify_transcript(written.document, written.digest)
        else:
            verify_transcript(written.document, written.digest)


# --- certificate ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tamper", ["price", "rent", "surplus", "double"])
def test_certificate_that_does_not_follow_is_rejected(tamper):
    result = clear_round(random_market(3, 10, 8))
    matches, prices, rent = result.assigned, [match.price for match in result.matches], rent_vector(result)
    certificate = result.certificate
    if tamper == "price":
        prices[0] += 1
    elif tamper == "rent":
        rent[matches[0].ask] += 5
    elif tamper == "surplus":
        certificate = replace(certificate, surplus=certificate.surplus + 1)
    else:
        matches, prices = [*matches, matches[0]], [*prices, prices[0]]
    with pytest.raises(CertificateRejected):
        verify_certificate(result.problem, matches, prices, rent, certificate)


# --- explanation ------------------------------------------------------------------------------------------------------


def test_matched_bid_learns_its_price_and_the_runners_up():
    market = snapshot([bid()], [ask(1, price=100_000), ask(2, price=150_000)])
    told = explain_bid(clear_round(market), market.bids[0].bid_hash)
    assert told.matched
    assert (told.chosen[0].price, told.runners_up[0].price) == (100_000, 150_000)
    assert told.chosen[0].vcpu + told.chosen[0].fuel + told.chosen[0].egress == told.chosen[0].quote


@pytest.mark.parametrize(("bids", "words"), [(1, "rent is 0: no other bid"), (2, "rent is 0.899")])
def test_matched_bid_learns_why_there_is_a_rent_or_none(bids, words):
    market = snapshot([bid(n, max_price=1_000_000 + n) for n in range(bids)], [ask(1, price=100_000)])
    result = clear_round(market)
    assert words in explain_bid(result, result.matches[0].bid_hash).rent_reason


def test_explanation_as_json_has_the_names_and_amounts_of_the_interfaces_other_documents():
    market = snapshot([bid()], [ask(1, price=100_000), ask(2), ask(3, stake=0)])
    told = explain_bid(clear_round(market), market.bids[0].bid_hash).to_json()
    assert told["chosen"][0]["askHash"] and told["chosen"][0]["withinMaxPrice"] is True
    assert (told["chosen"][0]["price"], told["chosen"][0]["rent"]) == ("100000", "0")
    names = {*told, *(name for part in ("chosen", "runnersUp", "obstacles") for each in told[part] for name in each)}
    assert {"bidHash", "rentReason", "constraints"} < names and not any("_" in name for name in names)


@pytest.mark.parametrize(
    ("order", "node", "constraint"),
    [
        ({"job_spec": spec(regions=["mars"])}, {}, "region"),
        ({"vcpus": 65}, {}, "vcpus"),
        ({"memory_mb": 200_000}, {}, "memoryMb"),
        ({"gpus": 1}, {}, "gpus"),
        ({"job_spec": spec(cpuFeatures=["amx"])}, {}, "cpuFeatures"),
        ({"job_spec": spec(architectures=["riscv64"])}, {}, "architecture"),
        ({"job_spec": spec(minDiskMb=10**6)}, {}, "diskMb"),
        ({"job_spec": spec(minSettledLeases=1)}, {}, "reputation"),
        ({"job_spec": spec(maxCarbonGramsPerKwh=10)}, {}, "carbon"),
        ({"job_spec": spec(maxLatency=[{"fromRegion": "europe-west3", "maxMs": 20}])},
         {"node": profile(region="us-east-1")}, "latency"),
        ({"job_spec": spec(maxLatency=[{"fromRegion": "europe-west3", "maxMs": 2**16 - 1}])}, {}, "latency"),
        ({"job_spec": spec(zones=["a"])}, {"node": profile(zone="b")}, "zone"),
        ({"job_spec": spec(racks=["7", "8"])}, {}, "rack"),
        ({"job_spec": spec(privacyZones=["eu-gdpr", "hipaa"])}, {"node": profile(privacyZones=["eu-gdpr"])},
         "privacyZones"),
        ({"job_spec": spec(tees=["tdx", "sev-snp"])}, {"node": profile(tees=["sgx"])}, "tee"),
        ({"job_spec": PRIVATE}, {}, "privateJobs"),
        ({"gpus": 1}, {"node": profile(gpus=[PART])}, "gpus"),
        ({"deadline": NOW + 100}, {}, "deadline"),
        ({"max_price": 10**12, "vcpus": 2}, {"stake": 5}, "stake"),
    ],
)  # fmt: skip
def test_bid_that_nobody_can_serve_learns_for_which_constraint(order, node, constraint):
    market = snapshot([bid(**order)], [ask(1, **node)])
    told = explain_bid(clear_round(market), market.bids[0].bid_hash)
    assert not told.matched
    assert [fact["name"] for fact in told.obstacles[0].constraints] == [constraint]
    assert any(constraint in line for line in told.suggestions)


@pytest.mark.parametrize("year", [2027, 2039, 2087])
def test_lease_ends_before_its_unit_is_promised_to_others(year):
    until = NOW + 10_000 + (year - 2027) * 365 * 86_400
    for deadline, served in [(until, 1), (until + 1, 0)]:
        market = snapshot([bid(deadline=deadline)], [replace(ask(1), free_until=until)])
        assert len(clear_round(market).matches) == served


def test_part_of_a_gpu_goes_only_to_who_takes_parts_or_names_it():
    node = profile(gpus=[PART])
    for wanted, served in [
        ({}, 0),
        ({"mig": True}, 1),
        ({"gpuModels": [PART["model"]]}, 1),
        ({"gpuModels": ["A100"]}, 0),
    ]:
        market = snapshot([bid(gpus=1, job_spec=spec(**wanted))], [ask(1, node=node)])
        assert len(clear_round(market).matches) == served


@pytest.mark.parametrize(("limit", "served"), [(90, 0), (91, 1)])
def test_latency_at_the_limit_is_within_it(limit, served):
    order = bid(job_spec=spec(maxLatency=[{"fromRegion": "eu-central-1", "maxMs": limit}]))
    assert len(clear_round(snapshot([order], [ask(1, node=profile(region="us-east-1"))])).matches) == served


def test_carbon_ceiling_holds_by_the_region_where_the_node_states_nothing():
    green = bid(job_spec=spec(maxCarbonGramsPerKwh=100))
    for node, served in [({"region": "eu-north"}, 1), ({"region": "us-east-1"}, 0), ({"region": "nowhere"}, 0),
                         ({"region": "us-east-1", "carbonGramsPerKwh": 20}, 1)]:  # fmt: skip
        assert len(clear_round(snapshot([green], [ask(1, node=profile(**node))])).matches) == served


def test_bid_below_the_price_learns_which_price_wins():
    market = snapshot([bid(max_price=99_999)], [ask(1, price=100_000)])
    told = explain_bid(clear_round(market), market.bids[0].bid_hash)
    assert told.suggestions == ("Raise the maximum price to 0.100000 USDC.",)


def test_explaining_a_bid_that_took_no_part_is_refused():
    with pytest.raises(NotFound):
        explain_bid(clear_round(random_market(1, 1, 1)), "0x" + "00" * 32)


# --- transcript -------------------------------------------------------------------------------------------------------


def transcript_of(market):
    orders = [*(placed.bid for placed in market.bids), *(placed.ask for placed in market.asks)]
    return write_transcript(clear_round(market), Parameters(), DOMAIN, orders[0].market if orders else "0x", 7)


@given(any_market)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_round_recomputes_from_its_transcript_alone(market):
    written = transcript_of(market)
    again = verify_transcript(json.loads(json.dumps(written.document)), written.digest)
    assert again.matches == clear_round(market).matches


@pytest.mark.parametrize("part", ["matches", "rents", "certificate", "bids"])
def test_transcript_that_was_touched_is_refused(part):
    written = transcript_of(random_market(3, 6, 6))
    touched = json.loads(json.dumps(written.document))
    if part == "certificate":
        touched[part]["surplus"] = "1"
    elif part == "rents":
        touched[part][next(iter(touched[part]))] = "12345"
    elif part == "bids":
        matched = touched["matches"][0]["bidHash"]
        touched[part] = [one for one in touched[part] if Bid.parse(one["bid"]).struct_hash() != matched]
    else:
        touched[part] = touched[part][1:]
    with pytest.raises(TranscriptMismatch):
        verify_transcript(touched, written.digest)
    with pytest.raises(TranscriptMismatch):
        verify_transcript(touched, type(written)(touched).digest)


def test_hash_seed_and_process_change_nothing():
    program = (
        "from tests.unit.clearing.test_clearing import transcript_of;"
        "from tests.unit.clearing.market import random_market;"
        "print(transcript_of(random_market(5, 20, 15, replicas=True)).digest)"
    )
    root = Path(__file__).resolve().parents[3]
    digests = {
        subprocess.run(
            [sys.executable, "-c", program], cwd=root, timeout=60, capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
        ).stdout
        for seed in ("0", "4242")
    }  # fmt: skip
    assert len(digests) == 1
