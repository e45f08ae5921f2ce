"""RAPL counters, in folders that look as Linux makes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.metering import rapl
from agent.metering.rapl import Meter, Zone, busy_seconds, microjoules_between, read_zones, share_of

RANGE = 262_143_328_850


def put_zone(root, folder, name, microjoules, most=RANGE):
    zone = root / folder
    zone.mkdir(parents=True, exist_ok=True)
    for file, value in (("name", name), ("energy_uj", microjoules), ("max_energy_range_uj", most)):
        (zone / file).write_text(f"{value}\n")


def two_packages(root, first=1_000_000, second=5_000_000, memory=300_000):
    put_zone(root, "intel-rapl:0", "package-0", first)
    put_zone(root, "intel-rapl:0:0", "core", first - 1)
    put_zone(root, "intel-rapl:0:1", "dram", memory)
    put_zone(root, "intel-rapl:1", "package-1", second)
    put_zone(root, "intel-rapl:2", "psys", 9_000_000)
    put_zone(root, "intel-rapl-mmio:0", "package-0", first)


def test_packages_and_memory_are_read_and_nothing_that_they_contain_or_that_contains_them(tmp_path):
    two_packages(tmp_path)
    assert sorted(read_zones(tmp_path)) == ["intel-rapl:0", "intel-rapl:0:1", "intel-rapl:1"]


def test_machine_without_counters_has_no_zones(tmp_path):
    assert read_zones(tmp_path / "nothing") == {}


@pytest.mark.parametrize("content", [None, "", "a lot"])
def test_counter_that_cannot_be_read_is_left_out(tmp_path, content):
    put_zone(tmp_path, "intel-rapl:0", "package-0", 1)
    energy = tmp_path / "intel-rapl:0" / "energy_uj"
    energy.unlink() if content is None else energy.write_text(content)
    assert read_zones(tmp_path) == {}


def test_zones_are_summed_and_one_that_began_again_is_counted_on():
    before = {"a": Zone(900, 1_000), "b": Zone(10, 1_000)}
    after = {"a": Zone(50, 1_000), "b": Zone(30, 1_000)}
    assert microjoules_between(before, after) == 150 + 20


@pytest.mark.parametrize(("before", "after"), [({}, {}), ({"a": Zone(1, 9)}, {}), ({}, {"a": Zone(1, 9)})])
def test_zone_that_did_not_answer_both_times_makes_the_sum_unknown(before, after):
    assert microjoules_between(before, after) is None


@given(st.integers(1, RANGE), st.data())
def test_what_was_counted_in_parts_adds_up_to_the_whole_wherever_the_counter_begins_again(most, data):
    start = data.draw(st.integers(0, most - 1))
    steps = data.draw(st.lists(st.integers(0, most - 1), min_size=1, max_size=5))
    at, counted = start, 0
    for step in steps:
        grown = (at + step) % most
        counted += microjoules_between({"a": Zone(at, most)}, {"a": Zone(grown, most)})
        at = grown
    assert counted == sum(steps)


@given(st.floats(0, 1e9), st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1e6))
def test_share_is_never_negative_never_more_than_all_and_grows_with_the_jobs_time(joules, own, more, rest):
    everything = own + more + rest
    assert 0 <= share_of(joules, own, everything) <= share_of(joules, own + more, everything) <= joules


@given(st.floats(0, 1e9), st.floats(0, 1e6), st.floats(0, 1e6))
def test_shares_of_all_jobs_together_are_the_whole(joules, one, other):
    both = one + other
    assert share_of(joules, one, both) + share_of(joules, other, both) == pytest.approx(joules if both else 2 * joules)


def test_job_bears_its_part_of_what_the_machine_drew(tmp_path, monkeypatch):
    clock = iter([100.0, 108.0])
    monkeypatch.setattr(rapl, "busy_seconds", lambda: next(clock))
    two_packages(tmp_path)
    meter = Meter(tmp_path)
    meter.look()
    two_packages(tmp_path, first=13_000_000, second=9_000_000, memory=4_300_000)
    meter.look()
    assert meter.joules_of(2.0) == pytest.approx((12 + 4 + 4) * 2 / 8)


def test_looking_twice_a_turn_counts_several_turns(tmp_path):
    meter = Meter(tmp_path)
    for microjoules in (0, 600, 200, 800, 400):
        put_zone(tmp_path, "intel-rapl:0", "package-0", microjoules, 1_000)
        meter.look()
    assert meter._microjoules == 2_400


def test_machine_that_tells_nothing_or_stops_telling_is_not_guessed_at(tmp_path):
    silent, gone = Meter(tmp_path / "none"), Meter(tmp_path)
    put_zone(tmp_path, "intel-rapl:0", "package-0", 5)
    gone.look()
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()
    for meter in (silent, gone):
        meter.look()
        meter.look()
        assert meter.joules_of(1.0) is None


def test_job_whose_processor_time_nobody_knows_has_no_share(tmp_path):
    put_zone(tmp_path, "intel-rapl:0", "package-0", 5)
    meter = Meter(tmp_path)
    meter.look()
    meter.look()
    assert meter.joules_of(None) is None


def test_time_that_this_machine_has_worked_only_grows():
    before = busy_seconds()
    sum(range(200_000))
    assert 0 < before <= busy_seconds()
