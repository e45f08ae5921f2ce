"""The benchmark's parts run, small, and what they count adds up."""

import json

import pytest

from marketplace.errors import InvalidSignature
from scripts.bench.clearing import __main__ as bench
from scripts.bench.clearing import day, growth, signatures, single


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(single, "SCALE", 0.001)


def test_every_job_of_a_replayed_day_is_served_waits_or_gives_up():
    replay = day.replay_day(jobs=400, nodes=60, seed=3)
    assert replay.at_once > 100 and replay.departures > 10
    assert replay.at_once + replay.in_rounds + replay.given_up <= 400
    assert 0 < replay.busiest <= 120 and replay.seconds > 0


def test_a_day_with_few_nodes_leaves_jobs_to_the_rounds():
    replay = day.replay_day(jobs=400, nodes=3, seed=3)
    assert replay.in_rounds > 0 and replay.given_up > 0 and replay.busiest <= 6


def test_bids_are_filled_until_nothing_is_left_that_will_do():
    found = single.measure_single(asks=60, bids=300)
    assert 0 < found.filled <= 60
    assert 0 < found.at(50) <= found.at(99)


def test_figures_of_one_part_join_those_that_others_left(tmp_path):
    output = tmp_path / "clearing.json"
    output.write_text(json.dumps({"figures": {"seconds_10k_100k": 1.0}, "markets": {}}))
    assert bench.main(["single"], output) == 0
    figures = json.loads(output.read_text())["figures"]
    assert {"seconds_10k_100k", "single_p99_ms_100k", "single_p99_ms_1m", "book_updates_per_s"} <= figures.keys()
    assert bench.main(["nonsense"], output) == 2


def test_a_signature_that_is_not_the_signers_stops_the_count():
    orders = signatures.sign_asks(3)
    assert signatures.check(orders) == 3
    forged = [(orders[0][0], orders[1][1])]
    with pytest.raises(InvalidSignature):
        signatures.check(forged)


@pytest.mark.parametrize("power", [0.5, 1.0, 1.4])
def test_the_exponent_of_a_power_law_is_its_power(power):
    sizes = [1_000, 2_000, 16_000]
    assert growth.exponent(sizes, [3e-6 * size**power for size in sizes]) == pytest.approx(power)


def test_a_part_that_is_done_is_written_whatever_becomes_of_the_next(tmp_path, monkeypatch):
    def broken() -> None:
        raise RuntimeError

    monkeypatch.setattr(bench, "PARTS", {"first": lambda: ([], {"one": 1.0}), "second": broken})
    output = tmp_path / "clearing.json"
    with pytest.raises(RuntimeError):
        bench.main(["first", "second"], output)
    assert json.loads(output.read_text())["figures"] == {"one": 1.0}
