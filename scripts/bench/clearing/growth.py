"""How the time of a round grows with its market: the exponent of a power law through markets of several sizes."""

from math import log

import numpy as np

from scripts.bench.clearing.cases import SEED
from scripts.bench.clearing.markets import draw_market
from scripts.bench.clearing.rounds import EPSILON_PPM, clear

SIZES = (1_000, 2_000, 4_000, 8_000, 16_000)
NODES_PER_BID = {"as many nodes as bids": 1, "ten nodes a bid": 10}
TIMES = 3


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """The slope of the straight line through logarithms of sizes and seconds (least squares)."""
    return float(np.polyfit([log(size) for size in sizes], [log(one) for one in seconds], 1)[0])


def report() -> tuple[list[str], dict[str, float]]:
    """Lines for people, and figures by name."""
    clear(draw_market(SEED, 20, 200))  # loads the compiled kernels
    lines, figures = ["", f"How a round's time grows with the market; epsilon {EPSILON_PPM} ppm, best of {TIMES}"], {}
    for name, nodes in NODES_PER_BID.items():
        seconds = [_seconds(size, size * nodes) for size in SIZES]
        power = exponent(list(SIZES), seconds)
        took = "  ".join(f"{size:,}: {one:.2f} s" for size, one in zip(SIZES, seconds, strict=True))
        lines.append(f"  {name:<22} bids^{power:.2f}   {took}")
        figures[f"exponent_{nodes}_nodes_per_bid"] = power
    return lines, figures


def _seconds(bids: int, asks: int) -> float:
    market = draw_market(SEED, bids, asks)
    return min(clear(market).total_seconds for _ in range(TIMES))
