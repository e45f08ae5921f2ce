"""One market cleared by the engine, step by step, and its certificate."""

import resource
import time
from dataclasses import dataclass

import numpy as np

from marketplace.clearing.engine.solve import Solved, best_profits, solve
from marketplace.clearing.engine.tables import Tables
from scripts.bench.clearing.markets import Market

EPSILON_PPM = 500


@dataclass(frozen=True)
class Cleared:
    """A round: surplus and bound in micro-USDC, seconds of layout, auction and certificate, peak memory in MB."""

    solved: Solved
    surplus: int
    bound: int
    seconds: tuple[float, float, float]
    peak_mb: int

    @property
    def ratio(self) -> float:
        """Surplus as a share of what is possible at most."""
        return self.surplus / self.bound

    @property
    def total_seconds(self) -> float:
        """From columns of orders to a certified round."""
        return sum(self.seconds)


def clear(market: Market, epsilon_ppm: int = EPSILON_PPM) -> Cleared:
    """Clear a market of bids without replicas."""
    marks = [time.perf_counter()]
    tables = market.lay_out()
    marks.append(time.perf_counter())
    solved = solve(tables, np.arange(len(market.bids.record)), epsilon_ppm)
    marks.append(time.perf_counter())
    bound = _bound(tables, market, solved)
    marks.append(time.perf_counter())
    layout, auction, certificate = np.diff(marks).tolist()
    return Cleared(solved, int(solved.value.sum()), bound, (layout, auction, certificate), peak_mb())


def peak_mb() -> int:
    """The most memory that this process has had, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024


def _bound(tables: Tables, market: Market, solved: Solved) -> int:
    """At the rents, or at the auction's prices where somebody takes several units (`clearing.certificate`)."""
    prices = solved.price if (solved.units > 1).any() else solved.rent
    own = np.where(solved.ask_of >= 0, solved.value - solved.units * prices[solved.ask_of], 0)
    own = np.maximum(own, 0)
    return int(best_profits(tables, own, prices).sum()) + int((prices * market.asks.capacity).sum())
