"""What preferences are worth at a place, and that a round's table of them says the same, within its bounds."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.clearing import Parameters, clear_round, explain_bid
from marketplace.clearing.cost import compute_standing_cost, compute_standing_rate
from marketplace.clearing.problem import build_problem
from marketplace.clearing.steering import build_steering
from marketplace.clearing.wishes import MOST, Places, Site
from marketplace.domain import atlas
from marketplace.domain.atlas.power import gpu_milliwatts, vcpu_milliwatts
from marketplace.protocol.metering import Resources
from marketplace.protocol.preferences import Preferences
from marketplace.protocol.units import ceil_div
from tests.unit.clearing.dense import dense_values, exact_optimum
from tests.unit.clearing.market import ask, bid, profile, random_market, snapshot, spec

seeds = st.integers(0, 10**6)
ABSURD = 2**48 - 1


def in_words(placed_bid, placed_ask) -> int:
    """The four lines of `marketplace.clearing.wishes`, in Python's integers, straight from their definition."""
    wishes, node, job = placed_bid.job_spec.preferences, placed_ask.profile, placed_bid.bid
    gpu = max((gpu_milliwatts(one.model) for one in node.gpus), default=0)
    microwatts = 1_000 * (job.gpus * gpu + job.vcpus * vcpu_milliwatts(node.cpu.architecture)) + 150 * job.memory_mb
    grams = node.carbon_grams_per_kwh
    if grams is None:
        grams = atlas.grid_intensity(node.region) or atlas.dirtiest_grid()
    milligrams = ceil_div(
        ceil_div(microwatts * job.duration_seconds, 3_600_000) * grams * atlas.pue_per_mille(node.region), 10**6
    )
    total = min(MOST, ceil_div(milligrams * wishes.carbon_price_per_kg, 10**6))
    for one in wishes.latency:
        known = atlas.latency_ms(one.from_region, node.region)
        total += (atlas.UNKNOWN_MS if known is None else known) * one.price_per_ms
    for one in wishes.locality:
        total += 0 if one.zone in ("", node.zone) and one.rack in ("", node.rack) else one.worth
    for one in wishes.data:
        total += ceil_div(one.mb * atlas.transfer_price(one.region, node.region), 1_000)
    return min(total, MOST)


def cheapest(market, **parameters) -> str:
    """Where the only bid goes: the price of the ask's vCPU-hour."""
    (match,) = clear_round(market, Parameters(**parameters)).matches
    return next(one.ask.vcpu_hour_rate for one in market.asks if one.ask_hash == match.ask_hash)


def two_nodes(first: dict, second: dict, preferences: dict, **job):
    """A dear node and one that is cheaper by 10,000, and a bid with these preferences."""
    nodes = [ask(1, price=110_000, node=profile(**first)), ask(2, price=100_000, node=profile(**second))]
    return snapshot([bid(job_spec=spec(preferences), **job)], nodes)


# --- the table --------------------------------------------------------------------------------------------------------


@given(seeds)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_table_of_a_round_says_of_each_pair_what_the_definition_says(seed):
    market = random_market(seed, 12, 10)
    steering = build_steering(market.bids, market.asks)
    for b, one in enumerate(market.bids):
        for a, other in enumerate(market.asks):
            assert steering.table[steering.row[b], steering.place[a]] == in_words(one, other)
    assert not steering.ignored.any()


@given(seeds)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_value_of_a_pair_is_its_surplus_less_idle_cost_and_preferences(seed):
    market = random_market(seed, 8, 8)
    problem = build_problem(market, 1_000, 10_000)
    for b, one in enumerate(market.bids):
        for a, other in enumerate(market.asks):
            value = problem.value(b, a)
            if value is not None:
                paid = one.bid.max_price - problem.quote(b, a) - problem.idle_cost(b, a)
                assert value == paid - in_words(one, other) >= 0


def test_preferences_that_do_not_fit_are_those_of_the_bids_that_offer_least():
    bids = [bid(n, max_price=10**6 + n, job_spec=spec({"locality": [{"zone": "a", "worth": n}]})) for n in range(1, 11)]
    asks = [ask(1, node=profile(zone="a")), ask(2, node=profile(zone="b")), ask(3, node=profile(zone="c"))]
    steering = build_steering(bids, asks, most_cells=2 * 5)
    assert steering.table.shape == (5, 2), "one zone has a price, so all others are one place"
    assert steering.ignored.tolist() == [True] * 6 + [False] * 4
    assert steering.table[steering.row[9]].tolist() == [0, 10] and not steering.table[steering.row[0]].any()


def test_labels_that_nobody_prices_make_no_places():
    asks = [ask(n, node=profile(zone=f"z{n}", rack=f"r{n}", carbonGramsPerKwh=n)) for n in range(50)]
    bids = [bid(job_spec=spec({"latency": [{"fromRegion": "eu-west", "pricePerMs": 1}]}))]
    assert build_steering(bids, asks).table.shape == (2, 1)
    assert build_steering([bid()], asks).table.shape == (1, 1)


def test_books_of_ten_thousand_different_wishes_and_places_stay_within_the_bound():
    bids = [bid(n, job_spec=spec({"carbonPricePerKg": n + 1})) for n in range(300)]
    asks = [ask(n, node=profile(carbonGramsPerKwh=n)) for n in range(300)]
    steering = build_steering(bids, asks, most_cells=30_000)
    assert steering.table.size <= 30_000 and steering.ignored.sum() == 201


@given(seeds)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_round_without_room_for_preferences_keeps_its_promises(seed):
    market = random_market(seed, 10, 8)
    bare = snapshot([bid(n, max_price=one.bid.max_price) for n, one in enumerate(market.bids)], market.asks)
    assert clear_round(bare).certificate.gap >= 0
    steering = build_steering(market.bids, market.asks, most_cells=0)
    assert not steering.table.any() and (steering.row == 0).all()


def test_absurd_preferences_neither_overflow_nor_win():
    everything = {
        "carbonPricePerKg": ABSURD,
        "latency": [{"fromRegion": "nowhere", "pricePerMs": ABSURD}] * 16,
        "locality": [{"zone": "a", "worth": ABSURD}] * 16,
        "data": [{"region": "us-east-1", "mb": 2**40 - 1}] * 16,
    }
    reserved = {"gpus": 2**16 - 1, "vcpus": 2**16 - 1, "memory_mb": 2**32 - 1, "duration_seconds": 2**32 - 1}
    huge = bid(1, job_spec=spec(everything), max_price=2**62, deadline=2**39, **reserved)
    asks = [ask(1, price=0, stake=2**62), ask(2, price=100_000)]
    steering = build_steering([huge], asks)
    assert in_words(huge, asks[0]) == MOST == steering.table.max()
    market = snapshot([bid(2), bid(3, job_spec=spec(everything))], asks)
    result = clear_round(market)
    assert [match.quote for match in result.matches] == [0] and result.certificate.surplus == 10**6
    assert exact_optimum(result.problem) == 10**6


def test_a_value_that_preferences_push_far_below_zero_is_no_value():
    """`maxPrice` near 2^62 less a preference of 2^60: in 64 bits, without wrapping round."""
    rich = bid(1, job_spec=spec({"latency": [{"fromRegion": "nowhere", "pricePerMs": ABSURD}] * 16}), max_price=2**62)
    poor = bid(2, job_spec=rich.job_spec, max_price=2**40)
    result = clear_round(snapshot([rich, poor], [ask(1, stake=2**62, price=0), ask(2, stake=2**62, price=0)]))
    assert (dense_values(result.problem) >= 0).any(axis=1).sum() == 1
    assert {match.bid_hash for match in result.matches} == {rich.bid_hash}


# --- what they do -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "enough", "too_little"),
    [
        ({"zone": "a"}, {"zone": "b"}, {"locality": [{"zone": "a", "worth": 10_001}]},
         {"locality": [{"zone": "a", "worth": 9_999}]}),
        ({"zone": "a", "rack": "7"}, {"zone": "a"}, {"locality": [{"zone": "a", "rack": "7", "worth": 10_001}]},
         {"locality": [{"zone": "a", "worth": 10_001}]}),
        ({"region": "europe-west3"}, {"region": "us-east1"},
         {"latency": [{"fromRegion": "eu-central-1", "pricePerMs": 120}]},
         {"latency": [{"fromRegion": "eu-central-1", "pricePerMs": 80}]}),
        ({"region": "us-east-1"}, {"region": "us-east4"}, {"data": [{"region": "us-east-1", "mb": 112}]},
         {"data": [{"region": "us-east-1", "mb": 111}]}),
        ({"region": "eu-north"}, {"region": "africa-south1"}, {"carbonPricePerKg": 4_000_000},
         {"carbonPricePerKg": 2_000_000}),
    ],
)  # fmt: skip
def test_the_better_node_is_chosen_when_it_is_worth_more_than_it_costs_more(first, second, enough, too_little):
    assert cheapest(two_nodes(first, second, enough)) == 110_000
    assert cheapest(two_nodes(first, second, too_little)) == 100_000


def test_preferences_are_never_charged():
    market = two_nodes({"zone": "a"}, {"zone": "b"}, {"locality": [{"zone": "c", "worth": 300_000}]})
    (match,) = clear_round(market).matches
    assert (match.price, match.quote) == (100_000, 100_000)


def test_a_bid_stays_out_where_its_own_preferences_leave_nothing_of_its_maximum():
    market = two_nodes({}, {}, {"locality": [{"zone": "a", "worth": 900_001}]})
    assert clear_round(market).matches == ()
    told = explain_bid(clear_round(market), market.bids[0].bid_hash)
    assert "your own preferences" in told.reason


def test_carbon_of_a_job_is_power_by_time_by_grid():
    """One H100 and 8 vCPUs in Frankfurt for two hours: (700 + 8 * 4) W * 2 h * 1.1 * 276 g/kWh = 444.47 g."""
    node = ask(1, node=profile(region="europe-west3", gpus=[{"model": "NVIDIA H100 80GB HBM3", "memoryMb": 81_559}]))
    grams = Places([Site.of(node)]).carbon_mg(Resources(1, 8, 0, 7_200, 0, 0))
    assert grams.tolist() == [444_471]


def test_node_that_states_its_own_carbon_is_believed_over_its_region():
    stated, silent, unknown = (
        Site.of(ask(n, node=profile(**fields)))
        for n, fields in enumerate([{"region": "eu-north", "carbonGramsPerKwh": 500}, {"region": "eu-north"}, {}])
    )
    assert (stated.grams_per_kwh, silent.grams_per_kwh) == (500, 3)
    assert unknown.grams_per_kwh == atlas.dirtiest_grid(), "who does not say gains nothing by it"


# --- C_idle of standing units -----------------------------------------------------------------------------------------


def filled(number: int, free: int, price: int, cost: int = 400_000):
    """An ask of four units of which so many are free, on a node with a fixed cost."""
    placed = ask(number, price=price, units=4, node=profile(fixedCostPerHour=cost))
    object.__setattr__(placed, "free_units", free)
    return placed


def test_standing_cost_is_the_fixed_cost_of_the_units_that_stay_free():
    reserved = bid().bid.resources
    for free, expected in [(4, 300_000), (2, 100_000), (1, 0), (0, 0)]:
        assert compute_standing_cost(reserved, compute_standing_rate(filled(1, free, 1), 10_000)) == expected
    assert compute_standing_rate(filled(1, 4, 1), 1_000) == 30_000


def test_half_used_node_is_filled_before_an_empty_one_that_is_a_little_cheaper():
    market = snapshot([bid()], [filled(1, 1, price=110_000), filled(2, 4, price=100_000)])
    assert cheapest(market) == 110_000
    assert cheapest(market, standing_weight_bps=0) == 100_000
    assert cheapest(snapshot([bid()], [filled(1, 1, price=140_000), filled(2, 4, price=100_000)])) == 100_000


@pytest.mark.parametrize("cost", [0, 2**40 - 1])
def test_absurd_fixed_cost_neither_overflows_nor_wins(cost):
    market = snapshot([bid(duration_seconds=9_000)], [filled(1, 4, 10_000, cost), filled(2, 1, 20_000)])
    assert cheapest(market, standing_weight_bps=10_000) == (20_000 if cost else 10_000)


# --- what nobody may write --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), 2**48, 0.5, None, "much"])
@pytest.mark.parametrize("field", ["carbonPricePerKg", "pricePerMs", "worth"])
def test_price_that_is_no_integer_in_range_is_refused_by_name(wrong, field):
    from marketplace.errors import InvalidJobSpec

    wishes = {
        "carbonPricePerKg": {"carbonPricePerKg": wrong},
        "pricePerMs": {"latency": [{"fromRegion": "eu-west", "pricePerMs": wrong}]},
        "worth": {"locality": [{"zone": "a", "worth": wrong}]},
    }
    with pytest.raises(InvalidJobSpec, match=f"preferences.*{field}"):
        spec(wishes[field])


@pytest.mark.parametrize("wrong", [-1, float("nan"), 2**40])
def test_fixed_cost_that_is_no_amount_is_refused_by_name(wrong):
    from marketplace.errors import MalformedMessage

    with pytest.raises(MalformedMessage, match="fixedCostPerHour"):
        profile(fixedCostPerHour=wrong)


def test_sum_of_all_lines_is_the_total_at_every_place():
    draw = random.Random(4)
    sites = [Site.of(one) for one in random_market(4, 0, 20).asks]
    wishes = Preferences.model_validate(
        {"carbonPricePerKg": 10**6, "locality": [{"zone": "a", "worth": 5}], "data": [{"region": "eastus", "mb": 9}]}
    )
    lines = Places(sites).price(wishes, Resources(1, draw.randrange(9), 500, 60, 0, 0))
    assert (lines.total == lines.carbon + lines.latency + lines.locality + lines.data).all()
    assert isinstance(lines.total, np.ndarray) and lines.total.shape == (20,)
