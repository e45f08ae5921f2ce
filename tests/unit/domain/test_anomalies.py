"""The control chart: it learns, keeps quiet about noise, finds a jump soon, and takes what lasts for normal."""

import random
from math import sqrt

import pytest

from marketplace.domain.anomalies import Chart, Side, Track, advance, find, limits_of

CHART = Chart("wait", Side.HIGH, least_spread=0.1, unit="s")


def follow(samples, chart=CHART, track=None):
    track = track or Track()
    for sample in samples:
        track = advance(track, chart, sample)
    return track


def noise(count, mean=10.0, spread=1.0, seed=1):
    draw = random.Random(seed)
    return [draw.gauss(mean, spread) for _ in range(count)]


def test_centre_and_spread_are_those_of_the_first_samples():
    samples = noise(CHART.warm_up)
    track = follow(samples)
    mean = sum(samples) / len(samples)
    assert track.mean == pytest.approx(mean)
    assert track.variance == pytest.approx(sum((one - mean) ** 2 for one in samples) / len(samples))


def test_limits_are_those_of_roberts():
    track = follow([*noise(CHART.warm_up), 10.0, 10.0, 10.0])
    keep = 0.8**6
    reach = 2.962 * sqrt(track.variance) * sqrt(0.2 / 1.8 * (1 - keep))
    limits = limits_of(track, CHART)
    assert limits.high - track.mean == pytest.approx(reach)
    assert track.mean - limits.low == pytest.approx(reach)


def test_nothing_is_found_before_the_chart_has_learned():
    track = follow([*noise(CHART.warm_up - 1), 1e6])
    assert find(track, CHART, 0) is None


def test_noise_is_rarely_found():
    track, alarms = Track(), 0
    for sample in noise(5_000):
        before, track = track, advance(track, CHART, sample)
        alarms += bool(track.out_for and not before.out_for)
    assert alarms <= 30, "one in some 500 samples by the tables of a known normal distribution; here both are learned"


@pytest.mark.parametrize("shift", [2.0, 4.0])
def test_a_jump_is_found_within_a_few_samples(shift):
    track, delay = advance(follow(noise(200)), CHART, 10.0 + shift), 1
    while find(track, CHART, at=7) is None:
        track, delay = advance(track, CHART, 10.0 + shift), delay + 1
    assert delay <= 5
    found = find(track, CHART, at=7)
    assert (found.signal, found.opened_at, found.unit) == ("wait", 7, "s")
    assert found.value > found.high and "wait is" in found.sentence


@pytest.mark.parametrize(("side", "jump", "is_found"), [
    (Side.HIGH, 20.0, True), (Side.HIGH, 0.0, False), (Side.LOW, 0.0, True), (Side.LOW, 20.0, False),
    (Side.BOTH, 0.0, True), (Side.BOTH, 20.0, True),
])  # fmt: skip
def test_only_the_bad_side_is_found(side, jump, is_found):
    chart = Chart("wait", side, least_spread=0.1)
    track = follow([*noise(100), *[jump] * 5], chart)
    assert (find(track, chart, 0) is not None) == is_found


def test_what_is_out_of_limits_does_not_move_them():
    track = follow([*noise(100), *[30.0] * 10])
    high = limits_of(track, CHART).high
    assert limits_of(follow([30.0] * 50, track=track), CHART).high == pytest.approx(high, rel=0.01)


def test_a_finding_ends_when_the_signal_comes_back():
    track = follow([*noise(100), *[30.0] * 10])
    assert find(track, CHART, 0) is not None
    assert find(follow([10.0] * 40, track=track), CHART, 0) is None


def test_what_lasts_is_the_new_normal():
    track = follow([*noise(100), *[30.0] * (CHART.patience + CHART.warm_up + 20)])
    assert find(track, CHART, 0) is None
    assert track.mean == pytest.approx(30.0)


def test_a_signal_that_never_moves_has_the_least_spread():
    track = follow([10.0] * 100)
    assert find(follow([10.02] * 20, track=track), CHART, 0) is None, "within what the chart calls nothing"
    assert find(follow([10.5] * 20, track=track), CHART, 0) is not None
