"""From what a bid would have cost in past rounds to how likely a price is to be enough.

Rounds are taken as independent draws, which they are not: a bid that stays in the book shapes several. So the interval
is narrower than what is really known, and says nothing of a market that changes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

SHARES = (0.5, 0.9, 0.99)
"""For which share of rounds a price is told."""
CONFIDENCE = 0.95


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

    None where there is no history.
    """
    if not prices:
        return None
    rounds, filled = len(prices), sum(one is not None and one <= price for one in prices)
    return Chance(filled, rounds, *wilson_interval(filled, rounds))


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Where the true share of successes lies at 95% (Wilson 1927); everything is possible where nothing was tried."""
    if trials == 0:
        return 0.0, 1.0
    z, share = NormalDist().inv_cdf((1 + CONFIDENCE) / 2), successes / trials
    weight = 1 + z * z / trials
    middle = (share + z * z / (2 * trials)) / weight
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / weight
    low = middle - spread if successes else 0.0
    high = middle + spread if successes < trials else 1.0
    return low, high


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
