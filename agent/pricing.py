"""What to ask: how far above its costs a provider does best, learned from its own leases.

Each markup is an arm of a bandit. Leases under an ask come like a Poisson process; what one earns above cost is the
markup on a job of usual cost, which is known, and a scarcity rent, taken as exponential. With Gamma and inverse Gamma
priors both unknowns have a posterior in closed form, and an hour's income is leases times what each earns. Thompson
sampling (Russo, Van Roy, Kazerouni, Osband & Wen 2018) draws an income for each markup from its posterior and takes the
greatest. What was seen counts less every hour (Raj & Kalyani 2017), so that a market that changes is learned again. No
markup is below one: nothing is ever asked below cost.
"""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from marketplace.protocol.metering import Rates
from marketplace.protocol.units import BPS, ceil_div

MARKUPS = (10_000, 10_500, 11_000, 12_000, 13_500, 15_000, 17_500, 20_000, 25_000)
"""What is asked, in ten-thousandths of the provider's own rates, which are its floor."""
DECAY = 0.995
"""How much of what was seen still counts an hour later: half of it is forgotten in six days."""
GREATEST_RATE = 2**48 - 1
"""What fits into an ask."""
LEAST_HOURS = 2.0
"""A markup that stood for less is not advised: what would be said of it is what was believed before."""
_PRIOR_HOURS, _PRIOR_LEASES = 1.0, 0.5
_PRIOR_RENT = 0.05
"""Scarcity rent that a lease is expected to bring, as a share of its cost, before any was seen."""
_PRIOR_SHAPE = 2.0
_DRAWS = 2_000


@dataclass(frozen=True, slots=True)
class Tally:
    """What was seen at one markup, old hours counting less: hours on offer, leases, their cost and what they earned
    above it, micro-USDC."""

    hours: float = 0.0
    leases: float = 0.0
    cost: float = 0.0
    margin: float = 0.0

    def decayed(self, hours: float, decay: float) -> "Tally":
        """So many hours later."""
        kept = decay**hours
        return Tally(self.hours * kept, self.leases * kept, self.cost * kept, self.margin * kept)


@dataclass(frozen=True, slots=True)
class Record:
    """What a provider has seen of all markups."""

    tallies: tuple[Tally, ...] = (Tally(),) * len(MARKUPS)

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From `to_json`; markups that are no longer tried are left out."""
        return cls(tuple(Tally(**document[str(one)]) if str(one) in document else Tally() for one in MARKUPS))

    def to_json(self) -> dict[str, Any]:
        """Tallies by markup."""
        return {str(one): asdict(tally) for one, tally in zip(MARKUPS, self.tallies, strict=True)}

    def after(self, hours: float, markup: int, decay: float = DECAY) -> "Record":
        """So many hours later, in which the ask stood at this markup."""
        tallies = [one.decayed(hours, decay) for one in self.tallies]
        place = MARKUPS.index(markup)
        tallies[place] = replace(tallies[place], hours=tallies[place].hours + hours)
        return Record(tuple(tallies))

    def with_lease(self, markup: int, cost: float, margin: float) -> "Record":
        """One lease more at this markup."""
        tallies, place = list(self.tallies), MARKUPS.index(markup)
        old = tallies[place]
        tallies[place] = Tally(old.hours, old.leases + 1, old.cost + cost, old.margin + margin)
        return Record(tuple(tallies))

    @property
    def typical_cost(self) -> float:
        """Of a lease, at whatever markup; 1 before there was any."""
        leases = sum(one.leases for one in self.tallies)
        return sum(one.cost for one in self.tallies) / leases if leases else 1.0


@dataclass(frozen=True, slots=True)
class MarkupAdvice:
    """What is believed of one markup: `income` is what an hour on offer earns above cost, micro-USDC."""

    markup: int
    tally: Tally
    income: float
    chance_best: float

    @property
    def is_tried(self) -> bool:
        """Whether it stood long enough for its income to be more than a guess."""
        return self.tally.hours >= LEAST_HOURS


def choose_markup(record: Record, draw: random.Random) -> int:
    """The markup to ask next: each is chosen as often as it is believed to be the best."""
    incomes = _draw_incomes(record, draw)
    return MARKUPS[max(range(len(MARKUPS)), key=incomes.__getitem__)]


def advise(record: Record, seed: int = 0) -> list[MarkupAdvice]:
    """What is believed of every markup, in their order. Draws for `chance_best` are those of `seed`."""
    draw, best = random.Random(seed), [0] * len(MARKUPS)
    for _ in range(_DRAWS):
        best[MARKUPS.index(choose_markup(record, draw))] += 1
    means = [_mean_income(record, place) for place in range(len(MARKUPS))]
    rows = zip(MARKUPS, record.tallies, means, best, strict=True)
    return [MarkupAdvice(markup, tally, mean, count / _DRAWS) for markup, tally, mean, count in rows]


def best_markup(record: Record) -> int:
    """The markup that is believed to earn most, of those that were tried; of equals, and before any was, the lowest."""
    tried = [one for one in advise(record) if one.is_tried]
    return max(tried, key=lambda one: (one.income, -one.markup)).markup if tried else MARKUPS[0]


def mark_up(floor: Rates, markup: int) -> Rates:
    """The rates to ask: each rounded up, so that none is below the floor."""
    raised = {name: min(GREATEST_RATE, ceil_div(rate * markup, BPS)) for name, rate in asdict(floor).items()}
    return Rates(**{name: max(rate, getattr(floor, name)) for name, rate in raised.items()})


def _draw_incomes(record: Record, draw: random.Random) -> list[float]:
    """One draw of each markup's income from its posterior."""
    incomes = []
    for place, tally in enumerate(record.tallies):
        leases = draw.gammavariate(_PRIOR_LEASES + tally.leases, 1 / (_PRIOR_HOURS + tally.hours))
        rent = _rents(record, place) / draw.gammavariate(_PRIOR_SHAPE + tally.leases, 1)
        incomes.append(leases * (_surcharge(record, place) + rent))
    return incomes


def _mean_income(record: Record, place: int) -> float:
    tally = record.tallies[place]
    leases = (_PRIOR_LEASES + tally.leases) / (_PRIOR_HOURS + tally.hours)
    return leases * (_surcharge(record, place) + _rents(record, place) / (_PRIOR_SHAPE - 1 + tally.leases))


def _surcharge(record: Record, place: int) -> float:
    """What the markup alone adds to a lease of usual cost, micro-USDC: known, and not drawn."""
    return (MARKUPS[place] / BPS - 1) * record.typical_cost


def _rents(record: Record, place: int) -> float:
    """What leases at this markup earned beyond it, micro-USDC, and what is taken for granted before any did."""
    tally = record.tallies[place]
    return _PRIOR_RENT * record.typical_cost + max(0.0, tally.margin - (MARKUPS[place] / BPS - 1) * tally.cost)
