"""The public tables: distances and times, transfer prices, watts; and that every change of them shows."""

import math

import pytest

from marketplace.domain import atlas
from marketplace.domain.atlas.places import MEASURED, METROS, REGIONS
from marketplace.domain.atlas.power import gpu_milliwatts
from marketplace.domain.atlas.transfer import LISTS
from marketplace.protocol.units import ceil_div


def test_part_of_a_gpu_draws_its_share_of_the_watts():
    whole, part = gpu_milliwatts("NVIDIA A100-SXM4-80GB"), gpu_milliwatts("NVIDIA A100-SXM4-80GB MIG 2g.20gb")
    assert (whole, part) == (400_000, ceil_div(2 * 400_000, 7))
    assert gpu_milliwatts("NVIDIA GeForce RTX 4090") == gpu_milliwatts("RTX4090") == 450_000


def test_times_between_places_are_symmetric_and_estimates_follow_from_the_coordinates():
    for one, (north, east, _) in METROS.items():
        for other, (north2, east2, _) in METROS.items():
            assert atlas.latency_ms(one, other) == atlas.latency_ms(other, one)
            if one == other or (one in MEASURED and other in MEASURED):
                continue
            a, b, c, d = (math.radians(each / 100) for each in (north, east, north2, east2))
            half = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
            km = 2 * 6371 * math.asin(math.sqrt(half))
            assert abs(atlas.latency_ms(one, other) - (5 + 0.015 * km)) < 1
    assert {entry.partition(":")[2] for listed in REGIONS.values() for entry in listed.split()} <= set(METROS)
    assert max(atlas.latency_ms(one, other) for one in METROS for other in METROS) < atlas.UNKNOWN_MS


@pytest.mark.parametrize(
    ("source", "target", "price"),
    [
        ("us-east-1", "us-east-1", 0), ("us-east-1", "us-west-2", 20_000), ("us-east-1", "us-east4", 90_000),
        ("europe-west3", "eu-north", 120_000), ("eu-north", "us-east-1", 0), ("nowhere", "eastus", 0),
        ("eastus", "nowhere", 87_000), ("eastus", "eastus2", 20_000),
    ],
)  # fmt: skip
def test_clouds_take_nothing_within_a_region_less_between_their_own_and_most_from_there_to_elsewhere(
    source, target, price
):
    assert atlas.transfer_price(source, target) == price


def test_every_change_of_a_table_changes_the_digest(monkeypatch):
    before = atlas.digest()
    for table, key, value in [(LISTS, "aws", (20_000, 90_001)), (METROS, "paris", (4886, 235, 17))]:
        with monkeypatch.context() as patched:
            patched.setitem(table, key, value)
            assert atlas.digest.__wrapped__() != before
    with monkeypatch.context() as patched:
        patched.setattr(atlas.places, "ROUND_TRIPS", atlas.places.ROUND_TRIPS.replace(" 18 ", " 19 ", 1))
        assert atlas.digest.__wrapped__() != before
