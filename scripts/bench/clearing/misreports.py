"""What is gained by not telling the truth: renters who allow less than a job is worth to them, providers who ask more
than it costs them; one at a time, everybody else truthful."""

from dataclasses import dataclass, replace

import numpy as np

from marketplace.clearing.engine.solve import Solved, solve
from marketplace.clearing.engine.tables import DIVISORS, LIMIT, amounts_of
from marketplace.protocol.units import BPS
from scripts.bench.clearing.markets import Market, draw_market
from scripts.bench.clearing.rounds import EPSILON_PPM

SEED = 20_261_122
SHADES = (9_900, 9_500, 9_000, 8_000, 6_500)
"""What a renter allows, in ten-thousandths of what the job is worth to it."""
RAISES = (10_200, 10_500, 11_000, 12_000, 15_000, 20_000)
"""What a provider asks, in ten-thousandths of its cost."""


@dataclass(frozen=True)
class Size:
    """Of the market, and how many winners of each side are tried."""

    bids: int
    asks: int
    winners: int = 40

    @property
    def name(self) -> str:
        """As figures call it."""
        return "_".join(f"{n // 1_000}k" if n >= 1_000 else str(n) for n in (self.bids, self.asks))


SIZES = (Size(1_000, 1_000), Size(1_000, 5_000))


@dataclass
class Broken:
    """How often a round broke a promise: a lease above what was allowed or below what was asked; money that renters
    pay and nobody gets, or the other way round."""

    rationality: int = 0
    budget: int = 0


def clear(market: Market) -> Solved:
    """The market as a round clears it."""
    return solve(market.lay_out(), np.arange(len(market.bids.record)), EPSILON_PPM)


def quote_at(market: Market, bid: int, ask: int) -> int:
    """What the ask's rates come to for the bid, micro-USDC: in Python's integers, without the engine."""
    amounts, divisors = amounts_of(market.bids, bid)[:5], DIVISORS.tolist()
    rates = market.asks.rates[:5, ask].tolist()
    lines = [-(-amount * rate // divisor) for amount, rate, divisor in zip(amounts, rates, divisors, strict=False)]
    return max(sum(lines), int(market.asks.minimum[ask]))


def shaded(market: Market, bid: int, share: int) -> Market:
    """The market in which this bid allows `share` ten-thousandths of what it did."""
    record = market.bids.record.copy()
    record[bid, LIMIT] = record[bid, LIMIT] * share // BPS
    return replace(market, bids=market.bids._replace(record=record))


def raised(market: Market, ask: int, markup: int) -> Market:
    """The market in which this ask's rates are `markup` ten-thousandths of what they were."""
    rates = market.asks.rates.copy()
    rates[:, ask] = -(-rates[:, ask] * markup // BPS)
    return replace(market, asks=market.asks._replace(rates=rates))


def renters_profit(market: Market, solved: Solved, bid: int) -> int:
    """What the job is worth beyond its price, micro-USDC; `market` has the truth."""
    ask = int(solved.ask_of[bid])
    return int(market.bids.record[bid, LIMIT]) - price_of(market, solved, bid) if ask >= 0 else 0


def price_of(market: Market, solved: Solved, bid: int) -> int:
    """Quote and rent, micro-USDC."""
    ask = int(solved.ask_of[bid])
    return quote_at(market, bid, ask) + int(solved.rent[ask])


def providers_profit(truth: Market, asked: Market, solved: Solved, ask: int) -> int:
    """What is paid to the ask beyond its true cost, micro-USDC."""
    own = np.flatnonzero(solved.ask_of == ask).tolist()
    return sum(price_of(asked, solved, bid) - quote_at(truth, bid, ask) for bid in own)


def check(market: Market, solved: Solved, broken: Broken) -> None:
    """Count what this round breaks. What is charged is recomputed, not taken from the engine."""
    charged = received = 0
    for bid in np.flatnonzero(solved.ask_of >= 0).tolist():
        ask, limit = int(solved.ask_of[bid]), int(market.bids.record[bid, LIMIT])
        quote, price = quote_at(market, bid, ask), price_of(market, solved, bid)
        broken.rationality += not quote <= price <= limit
        charged += limit - int(solved.value[bid]) + int(solved.rent[ask])
        received += price
    used = np.bincount(solved.ask_of[solved.ask_of >= 0], minlength=len(market.asks.capacity))
    idle_with_rent = (used < market.asks.capacity) & (solved.rent != 0)
    broken.budget += int(charged != received) + int(idle_with_rent.sum()) + int((used > market.asks.capacity).sum())


def gains(size: Size, seed: int = SEED) -> dict:
    """Gains by the best in hindsight of the misreports tried and of the truth, as shares of value and of cost."""
    market = draw_market(seed, size.bids, size.asks)
    truth, broken = clear(market), Broken()
    check(market, truth, broken)
    draw = np.random.default_rng(seed)
    winners = draw.permutation(np.flatnonzero(truth.ask_of >= 0))[: size.winners].tolist()
    leased = draw.permutation(np.unique(truth.ask_of[truth.ask_of >= 0]))[: size.winners].tolist()
    buyer = np.array([_shading(market, truth, bid, broken) for bid in winners])
    seller = np.array([_raising(market, truth, ask, broken) for ask in leased])
    best_buyer, best_seller = buyer.max(axis=1, initial=0), seller.max(axis=1, initial=0)
    return {
        "winners": len(winners),
        "buyer": float(best_buyer.mean()),
        "buyer_p95": float(np.quantile(best_buyer, 0.95)),
        "buyer_by_shade": {str(share): float(mean) for share, mean in zip(SHADES, buyer.mean(axis=0), strict=True)},
        "seller": float(best_seller.mean()),
        "seller_p95": float(np.quantile(best_seller, 0.95)),
        "seller_above_1_percent": float((best_seller > 0.01).mean()),
        "seller_by_raise": {str(raise_): float(mean) for raise_, mean in zip(RAISES, seller.mean(axis=0), strict=True)},
        "rationality_violations": broken.rationality,
        "budget_violations": broken.budget,
    }


def _shading(market: Market, truth: Solved, bid: int, broken: Broken) -> list[float]:
    value, honest = int(market.bids.record[bid, LIMIT]), renters_profit(market, truth, bid)
    found = []
    for share in SHADES:
        told = shaded(market, bid, share)
        solved = clear(told)
        check(told, solved, broken)
        found.append((renters_profit(market, solved, bid) - honest) / value)
    return found


def _raising(market: Market, truth: Solved, ask: int, broken: Broken) -> list[float]:
    cost = sum(quote_at(market, int(bid), ask) for bid in np.flatnonzero(truth.ask_of == ask))
    honest = providers_profit(market, market, truth, ask)
    found = []
    for markup in RAISES:
        told = raised(market, ask, markup)
        solved = clear(told)
        check(told, solved, broken)
        found.append((providers_profit(market, told, solved, ask) - honest) / max(1, cost))
    return found
