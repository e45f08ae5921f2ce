"""`--need` and `--prefer`: what a person writes, and the quote that answers it line by line."""

from io import StringIO

import pytest
from rich.console import Console

from marketplace.clearing import Parameters
from marketplace.clearing.breakdown import break_down
from marketplace.cli.lines import print_lines
from marketplace.cli.offers import feasible, plain_reason, print_offers
from marketplace.cli.wishes import parse_needs, parse_preferences
from marketplace.errors import InputError
from marketplace.protocol.jobspec import Requirements
from marketplace.protocol.preferences import Preferences
from tests.unit.clearing.market import ask, bid, profile, spec
from tests.unit.cli.conftest import offer


def test_needs_become_requirements():
    given = [
        "privacy=eu-gdpr", "privacy=hipaa", "tee=tdx", "mig", "zone=a", "rack=7", "latency=europe-west3:30",
        "carbon=100", "cpu=avx2", "arch=x86_64", "gpu=NVIDIA L4", "gpu-memory=20000", "disk=5", "settled=3",
    ]  # fmt: skip
    assert parse_needs(given, ["eu-west"]) == Requirements.model_validate(
        {
            "regions": ["eu-west"], "privacyZones": ["eu-gdpr", "hipaa"], "tees": ["tdx"], "mig": True, "zones": ["a"],
            "racks": ["7"], "maxLatency": [{"fromRegion": "europe-west3", "maxMs": 30}], "maxCarbonGramsPerKwh": 100,
            "cpuFeatures": ["avx2"], "architectures": ["x86_64"], "gpuModels": ["NVIDIA L4"], "minGpuMemoryMb": 20_000,
            "minDiskMb": 5, "minSettledLeases": 3,
        }
    )  # fmt: skip
    assert parse_needs(None, None) == Requirements()


def test_preferences_are_priced_in_usdc():
    given = ["carbon=0.10", "latency=eu-west:0.0001", "zone=a:0.02", "rack=7:0.01", "data=us-east-1:5000"]
    assert parse_preferences(given) == Preferences.model_validate(
        {
            "carbonPricePerKg": 100_000, "latency": [{"fromRegion": "eu-west", "pricePerMs": 100}],
            "locality": [{"zone": "a", "worth": 20_000}, {"rack": "7", "worth": 10_000}],
            "data": [{"region": "us-east-1", "mb": 5_000}],
        }
    )  # fmt: skip
    assert parse_preferences(None) == Preferences()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("colour=red", "nothing that a node can have"), ("tee=abacus", "tees"), ("carbon=-1", "not a whole number"),
        ("carbon=nan", "not a whole number"), ("latency=eu-west", "lacks a part"), ("zone=", "nothing that a node"),
        ("latency=eu-west:70000", "maxMs"),
    ],
)  # fmt: skip
def test_a_need_that_is_none_is_refused_by_name(given, words):
    with pytest.raises(InputError, match=words):
        parse_needs([given], None)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("speed=1", "no preference"), ("carbon", "no preference"), ("carbon=-0.1", "amount"), ("carbon=nan", "amount"),
        ("latency=eu-west:", "lacks a part"), ("data=us-east-1:x", "not a whole number"), ("zone=a:999999999", "worth"),
    ],
)  # fmt: skip
def test_a_preference_that_is_none_is_refused_by_name(given, words):
    with pytest.raises(InputError, match=words):
        parse_preferences([given])


def quoted(preferences: dict, **node) -> dict:
    """The quote of a vCPU-hour at a node of four units in Iowa, as the market's interface shows it."""
    placed = ask(
        1, units=4, egress_gb_rate=50_000, node=profile(region="us-central1", fixedCostPerHour=400_000, **node)
    )
    job = bid(job_spec=spec(preferences), gpus=0, egress_mb=100)
    return break_down(job, [placed], Parameters())[0].to_json()


def shown(quote: dict) -> str:
    console = Console(file=StringIO(), width=120)
    print_lines(quote, console)
    return " ".join(console.file.getvalue().split())


def test_every_line_of_formula_4_1_is_shown_with_what_is_charged_and_what_only_steers():
    wishes = {
        "carbonPricePerKg": 10**6, "latency": [{"fromRegion": "europe-west3", "pricePerMs": 10}],
        "locality": [{"zone": "a", "worth": 7_000}], "data": [{"region": "us-east-1", "mb": 1_000}],
    }  # fmt: skip
    told = shown(quoted(wishes))
    for words in (
        "C_comp compute 0.100000 vCPUs 0.100000",
        "C_data data sent out 0.005000",
        "all that is reserved 0.105000",
        "C_idle capacity left idle 0.030000 steers, is never charged",
        "carbon 0.001825 steers, is never charged: 1.82 g CO2e",
        "latency 0.001170 steers, is never charged: 117 ms from europe-west3",
        "being elsewhere 0.007000",
        "your cloud, for your data 0.090000",
    ):
        assert words in told


def test_lines_of_a_quote_add_up():
    quote = quoted({"carbonPricePerKg": 10**7, "locality": [{"rack": "x", "worth": 5}]})
    steering = {name: int(amount) for name, amount in quote["steering"].items()}
    assert steering.pop("total") == sum(steering.values())
    assert int(quote["total"]) == int(quote["cComp"]) + int(quote["cData"]) + int(quote["minimumTopup"])


def test_lines_that_are_zero_are_not_shown():
    told = shown(break_down(bid(), [ask(1)], Parameters())[0].to_json())
    assert "C_comp" in told and "C_idle" not in told and "steers" not in told


def test_the_offer_that_the_auction_would_prefer_is_the_best_though_another_is_cheaper():
    cheap, near = offer(100), offer(110)
    cheap["quote"] |= {"steering": {"total": "20", "locality": "20"}, "carbonMg": "1500", "latencyMs": {}}
    near["quote"] |= {"steering": {"total": "0"}, "carbonMg": "250000", "latencyMs": {}}
    found = {"price": "110", "offers": [cheap, near]}
    assert feasible(found)[0] is near
    console = Console(file=StringIO(), width=120)
    print_offers(found, console)
    assert all(words in console.file.getvalue() for words in ("steers", " 1.5 ", " 250 "))


def test_a_reason_about_what_steers_has_its_units():
    told = plain_reason(
        "worth: 100000 and 20000 micro-USDC that preferences and idle capacity weigh, above the cap of 110000"
    )
    assert told == "price: 0.100000 USDC, and 0.020000 USDC that steer: above your cap of 0.110000 USDC"
