"""From what a bid would have cost in past rounds to how likely a price is to be enough.

Rounds are taken as independent draws, which they are not: a bid that stays in the book shapes several. So the interval
is narrower than what is really known, and says nothing of a market that changes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

SHARES = (0.5, 0.9, 0.99)
"""For which share of rounds a price is told."""
CREDIBILITY = 0.95
_STEPS = 60
"""Halvings of an interval of length one: as far as a float goes."""
_TERMS = 300
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Chance:
    """In `filled` of `rounds` a price would have been enough; `low` to `high` is where the true share lies."""

    filled: int
    rounds: int
    low: float
    high: float

    @property
    def mean(self) -> float:
        """Of the posterior with Jeffreys' prior: what to expect of the next round."""
        return (self.filled + 0.5) / (self.rounds + 1)


def chance_at(prices: Sequence[int | None], price: int) -> Chance | None:
    """How likely `price` is to be enough, from what it took in past rounds (None: no price was enough there).

    None where there is no history. The interval is Jeffreys' (Brown, Cai & DasGupta 2001, section 3.1.2), which ends
    at 0 where the price was never enough and at 1 where it always was.
    """
    if not prices:
        return None
    rounds, filled = len(prices), sum(one is not None and one <= price for one in prices)
    tail = (1 - CREDIBILITY) / 2
    first, second = filled + 0.5, rounds - filled + 0.5
    low = beta_quantile(first, second, tail) if filled else 0.0
    high = beta_quantile(first, second, 1 - tail) if filled < rounds else 1.0
    return Chance(filled, rounds, low, high)


def price_for(prices: Sequence[int | None], share: float) -> int | None:
    """The least price that is expected to be enough in this share of rounds; None where history shows no such price.

    "Expected" is the mean of the posterior, so that nothing is promised which so few rounds cannot show: 99% takes 49
    rounds at least.
    """
    known = sorted(one for one in prices if one is not None)
    needed = max(1, math.ceil(share * (len(prices) + 1) - 0.5))
    return known[needed - 1] if needed <= len(known) else None


def rounds_for(share: float) -> int:
    """How many rounds it takes at least to show a price for this share."""
    return max(1, math.ceil((share - 0.5) / (1 - share)))


def beta_quantile(first: float, second: float, share: float) -> float:
    """Where the Beta distribution with these shapes has this share below it, by halving."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if beta_share(first, second, middle) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_share(first: float, second: float, value: float) -> float:
    """The regularized incomplete beta function I_value(first, second), by its continued fraction (DLMF 8.17.22)."""
    if value <= 0 or value >= 1:
        return float(value >= 1)
    if value > (first + 1) / (first + second + 2):
        return 1 - beta_share(second, first, 1 - value)
    front = math.lgamma(first + second) - math.lgamma(first) - math.lgamma(second)
    front += first * math.log(value) + second * math.log1p(-value)
    return math.exp(front) / first / _fraction(first, second, value)


def _fraction(first: float, second: float, value: float) -> float:
    """`1 + d1/(1 + d2/(1 + ...))` by Lentz's method (Numerical Recipes, 3rd edition, section 5.2)."""
    result, upper, lower = 1.0, 1.0, 0.0
    for term in range(1, _TERMS):
        half = term // 2
        top = -(first + half) * (first + second + half) if term % 2 else half * (second - half)
        factor = top * value / ((first + term - 1) * (first + term))
        lower = 1 / (1 + factor * lower or _TINY)
        upper = 1 + factor / upper or _TINY
        result *= upper * lower
        if abs(upper * lower - 1) < 1e-15:
            break
    return result
