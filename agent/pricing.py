"""What to ask: how far above its costs a provider does best, learned from its own leases.

Each markup is an arm of a bandit. Leases under an ask come like a Poisson process, what one earns above cost is
exponential: with Gamma and inverse Gamma priors both have a posterior in closed form, and the income of an hour is the
product of the two. Thompson sampling (Russo, Van Roy, Kazerouni, Osband & Wen 2018) draws an income for each markup
from its posterior and takes the greatest. What was seen counts less every hour (Raj & Kalyani 2017), so that a market
that changes is learned again. No markup is below one: nothing is ever asked below cost.
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
_PRIOR_HOURS, _PRIOR_LEASES = 1.0, 1.0
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


def choose_markup(record: Record, draw: random.Random) -> int:
    """The markup to ask next: each is chosen as often as it is believed to be the best."""
    incomes = _draw_incomes(record, draw)
    return MARKUPS[max(range(len(MARKUPS)), key=incomes.__getitem__)]


def advise(record: Record, seed: int = 0) -> list[MarkupAdvice]:
    """What is believed of every markup, in their order."""
    draw, best = random.Random(seed), [0] * len(MARKUPS)
    for _ in range(_DRAWS):
        best[MARKUPS.index(choose_markup(record, draw))] += 1
    means = [_rate_of(tally) * _margin_of(record, place) for place, tally in enumerate(record.tallies)]
    rows = zip(MARKUPS, record.tallies, means, best, strict=True)
    return [MarkupAdvice(markup, tally, mean, count / _DRAWS) for markup, tally, mean, count in rows]


def best_markup(record: Record) -> int:
    """The markup that is believed to earn most, of equals the lowest."""
    found = advise(record)
    return max(found, key=lambda one: (one.income, -one.markup)).markup


def mark_up(floor: Rates, markup: int) -> Rates:
    """The rates to ask: each rounded up, so that none is below the floor."""
    raised = {name: min(GREATEST_RATE, ceil_div(rate * markup, BPS)) for name, rate in asdict(floor).items()}
    return Rates(**{name: max(rate, getattr(floor, name)) for name, rate in raised.items()})


def _draw_incomes(record: Record, draw: random.Random) -> list[float]:
    """One draw of each markup's income from its posterior."""
    incomes = []
    for place, tally in enumerate(record.tallies):
        rate = draw.gammavariate(_PRIOR_LEASES + tally.leases, 1 / (_PRIOR_HOURS + tally.hours))
        shape, scale = _PRIOR_SHAPE + tally.leases, _prior_margin(record, place) + tally.margin
        incomes.append(rate * scale / draw.gammavariate(shape, 1))
    return incomes


def _rate_of(tally: Tally) -> float:
    return (_PRIOR_LEASES + tally.leases) / (_PRIOR_HOURS + tally.hours)


def _margin_of(record: Record, place: int) -> float:
    return (_prior_margin(record, place) + record.tallies[place].margin) / (
        _PRIOR_SHAPE - 1 + record.tallies[place].leases
    )


def _prior_margin(record: Record, place: int) -> float:
    return (MARKUPS[place] / BPS - 1 + _PRIOR_RENT) * record.typical_cost
