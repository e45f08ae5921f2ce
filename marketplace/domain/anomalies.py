"""Whether a signal is still what it was: an EWMA control chart that learns its own centre and spread.

The statistic is Roberts' (1959): z ← λ·x + (1 − λ)·z, out of control beyond μ ± L·σ·√(λ / (2 − λ) · (1 − (1 − λ)^2t)).
λ = 0.2 and L = 2.962 are from the table of Lucas & Saccucci (1990) for an in-control run length of about 500 samples
of a normal distribution; market signals are no such thing, so it is a rule for looking, not a probability. Centre and
spread come from the first `warm_up` samples, and then follow slowly (exponentially weighted mean and variance, Finch
2009) while the chart is in control: what drifts over hours is the market, what jumps is a finding. A jump that lasts
for `patience` samples is the new normal, and learning begins anew.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import sqrt


class Side(StrEnum):
    """Which deviations are bad."""

    LOW = "low"
    HIGH = "high"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Chart:
    """How a signal is judged. `least_spread`, in its unit: a smaller standard deviation is taken for this one."""

    name: str
    side: Side
    least_spread: float
    unit: str = ""
    weight: float = 0.2
    width: float = 2.962
    warm_up: int = 30
    memory: float = 0.02
    """Weight of a sample in centre and spread once the chart has learned."""
    patience: int = 360


@dataclass(frozen=True, slots=True)
class Track:
    """What a chart knows of its signal."""

    samples: int = 0
    """Since learning began."""
    mean: float = 0.0
    variance: float = 0.0
    smoothed: float = 0.0
    since_warm: int = 0
    """Samples of the smoothed statistic, the t of its limits."""
    out_for: int = 0
    """Samples since it went out of control; 0 while it is in."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the smoothed signal may be, and where it is."""

    low: float
    high: float
    smoothed: float

    def is_exceeded(self, side: Side) -> bool:
        """Whether it is out of them on that side."""
        too_low, too_high = self.smoothed < self.low, self.smoothed > self.high
        return {Side.LOW: too_low, Side.HIGH: too_high, Side.BOTH: too_low or too_high}[side]


def advance(track: Track, chart: Chart, sample: float) -> Track:
    """What is known after one more sample."""
    if track.samples < chart.warm_up:
        return _learn(track, sample, 1 / (track.samples + 1))
    before = track.smoothed if track.since_warm else track.mean
    smoothed = chart.weight * sample + (1 - chart.weight) * before
    seen = replace(track, smoothed=smoothed, since_warm=track.since_warm + 1)
    if not limits_of(seen, chart).is_exceeded(chart.side):
        return replace(_learn(seen, sample, chart.memory), out_for=0)
    if track.out_for + 1 >= chart.patience:
        return Track()
    return replace(seen, out_for=track.out_for + 1)


def limits_of(track: Track, chart: Chart) -> Limits:
    """The control limits of the smoothed signal as of the last sample; endless until the chart has learned."""
    if track.since_warm == 0:
        return Limits(float("-inf"), float("inf"), track.mean)
    spread = max(sqrt(track.variance), chart.least_spread)
    keep = (1 - chart.weight) ** (2 * track.since_warm)
    reach = chart.width * spread * sqrt(chart.weight / (2 - chart.weight) * (1 - keep))
    return Limits(track.mean - reach, track.mean + reach, track.smoothed)


def _learn(track: Track, sample: float, weight: float) -> Track:
    """Mean and variance with the sample; with weights 1/n they are those of all samples so far."""
    away = sample - track.mean
    step = weight * away
    return replace(
        track,
        samples=track.samples + 1,
        mean=track.mean + step,
        variance=(1 - weight) * (track.variance + away * step),
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """A signal that left its limits. Times in Unix seconds; values in the signal's unit."""

    signal: str
    value: float
    low: float
    high: float
    unit: str
    opened_at: int
    ended_at: int | None = None
    ended_by: str = ""
    """`recovered`, or `accepted` where it lasted so long that it counts as normal."""

    @property
    def sentence(self) -> str:
        """For people."""
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.signal} is {self.value:.4g}{unit}; usual is {self.low:.4g} to {self.high:.4g}"


def find(track: Track, chart: Chart, at: int) -> Finding | None:
    """What is to be filed about the last sample; None where the signal is within its limits."""
    if not track.out_for:
        return None
    limits = limits_of(track, chart)
    return Finding(chart.name, limits.smoothed, limits.low, limits.high, chart.unit, at)
