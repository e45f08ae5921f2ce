"""One provider among others that learns what to ask, in rounds of seeded markets cleared by the engine.

Every round has the same asks and new bids. What each markup would have earned is cleared for all of them, so that the
best fixed one in hindsight is known; the bandit (`agent.pricing`) is told only what its own choice earned. A round
is an hour in which the ask has one lease at most; a lease counts by what it earns an hour, whatever its job's length.
"""

import random
from dataclasses import dataclass, replace

import numpy as np

from agent.pricing import DECAY, MARKUPS, Record, choose_markup
from marketplace.clearing.engine.tables import amounts_of
from marketplace.protocol.units import BPS, SECONDS_PER_HOUR
from scripts.bench.clearing.markets import Market, draw_market
from scripts.bench.clearing.misreports import clear, price_of, quote_at, raised

SEED = 20_261_122
LOOK_ROUNDS = 16
BIDS_AFTER = 0.4
"""Where demand falls, it falls to this share."""


@dataclass(frozen=True)
class Setting:
    """Sizes of the experiment; `falls` says whether demand falls half-way."""

    bids: int = 60
    asks: int = 60
    rounds: int = 300
    sellers: int = 3
    learners: int = 10
    falls: bool = False


@dataclass(frozen=True)
class Learned:
    """Incomes above cost of a provider by round and fixed markup (R, M), and costs of its leases (R, M); micro-USDC."""

    income: np.ndarray
    cost: np.ndarray

    @property
    def best(self) -> int:
        """The best fixed markup in hindsight, by its place."""
        return int(self.income.sum(axis=0).argmax())


def simulate(setting: Setting, seed: int = SEED) -> dict:
    """Shares of the best fixed markup's income: what the bandit and asking at cost miss of it, round by round."""
    histories = [_history(setting, seed, seller) for seller in _sellers(setting, seed)]
    curves, at_cost, best = [], [], []
    for number, history in enumerate(histories):
        total = history.income[:, history.best].sum()
        best.append(MARKUPS[history.best] / BPS)
        at_cost.append(1 - history.income[:, 0].sum() / total)
        for learner in range(setting.learners):
            earned = _learn(history, random.Random(seed + 1_000 * number + learner))
            fixed = np.cumsum(history.income[:, history.best])
            curves.append((fixed - np.cumsum(earned)) / total)
    curve = np.mean(curves, axis=0)
    return {
        "rounds": setting.rounds,
        "sellers": len(histories),
        "best_markups": best,
        "regret": float(curve[-1]),
        "regret_worst": float(np.max([one[-1] for one in curves])),
        "regret_late": _late(curves),
        "at_cost": float(np.mean(at_cost)),
        "curve": [[int(n), round(float(curve[n - 1]), 5)] for n in _marks(setting.rounds)],
    }


def _late(curves: list[np.ndarray]) -> float:
    """Of the last quarter of rounds: what is missed there when most is learned, as a share of a quarter's income."""
    quarter = len(curves[0]) // 4
    return float(np.mean([(one[-1] - one[-1 - quarter]) * len(one) / quarter for one in curves]))


def _marks(rounds: int) -> list[int]:
    return sorted({max(1, rounds * tenth // 10) for tenth in range(1, 11)})


def _sellers(setting: Setting, seed: int) -> list[int]:
    """Asks drawn from those that are leased, at cost, in a quarter of the first rounds: others could not learn."""
    leased = np.zeros(setting.asks)
    for number in range(LOOK_ROUNDS):
        asks = clear(_round(setting, seed, number)).ask_of
        leased[np.unique(asks[asks >= 0])] += 1
    often = np.flatnonzero(leased >= LOOK_ROUNDS / 4)
    return np.random.default_rng(seed).permutation(often)[: setting.sellers].tolist()


def _round(setting: Setting, seed: int, number: int) -> Market:
    """The asks of the first round, and bids of its own."""
    first = draw_market(seed, setting.bids, setting.asks)
    fewer = setting.falls and number >= setting.rounds // 2
    bids = draw_market(seed + 1 + number, int(setting.bids * (BIDS_AFTER if fewer else 1)), setting.asks).bids
    return replace(first, bids=bids)


def _history(setting: Setting, seed: int, seller: int) -> Learned:
    income, cost = np.zeros((2, setting.rounds, len(MARKUPS)))
    for number in range(setting.rounds):
        market = _round(setting, seed, number)
        for place, markup in enumerate(MARKUPS):
            income[number, place], cost[number, place] = earn(market, seller, markup)
    return Learned(income, cost)


def earn(market: Market, seller: int, markup: int) -> tuple[float, float]:
    """What an hour of the ask's leases earns above its true cost, and that cost; micro-USDC."""
    asking = raised(market, seller, markup)
    solved = clear(asking)
    profit = cost = 0.0
    for bid in np.flatnonzero(solved.ask_of == seller).tolist():
        hours = amounts_of(market.bids, bid)[-1] / SECONDS_PER_HOUR
        own = quote_at(market, bid, seller)
        profit, cost = profit + (price_of(asking, solved, bid) - own) / hours, cost + own / hours
    return profit, cost


def _learn(history: Learned, draw: random.Random) -> np.ndarray:
    """What the bandit earns, round by round; a round is an hour to it."""
    record, earned = Record(), np.zeros(len(history.income))
    for number in range(len(earned)):
        markup = choose_markup(record, draw)
        place = MARKUPS.index(markup)
        earned[number] = history.income[number, place]
        record = record.after(1.0, markup, DECAY)
        if history.cost[number, place]:
            record = record.with_lease(markup, history.cost[number, place], earned[number])
    return earned
