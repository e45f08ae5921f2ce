"""The markets that are cleared, what is measured of each, and how it is shown."""

from dataclasses import dataclass

from scripts.bench.clearing import peers
from scripts.bench.clearing.markets import draw_market
from scripts.bench.clearing.rounds import EPSILON_PPM, clear, peak_mb

SEED = 20_261_121
LARGE_PPM, LARGEST_PPM = 2_000, 15_000
"""Enough for 0.999 of the optimum, and for 0.995. A market clears its rounds with `EPSILON_PPM`."""

AGAIN, SHORT_SECONDS = 2, 10
"""A round that is over sooner is cleared so often again, and the fastest counts: what else runs here takes seconds."""


@dataclass(frozen=True)
class Case:
    """A market's size, the epsilon it is cleared with, and whether an exact solver and simple rules are run, too."""

    bids: int
    asks: int
    epsilon_ppm: int = EPSILON_PPM
    with_exact: bool = True
    with_rules: bool = True
    in_slots: bool = False
    """Whether nodes have a slot for each GPU, of which jobs take as many as they need."""
    is_default: bool = False
    """Whether it is a case that there is already, with the epsilon of a market's rounds."""

    @property
    def name(self) -> str:
        """As figures call it."""
        size = "multislot" if self.in_slots else f"{self.bids // 1_000}k_{self.asks // 1_000}k"
        return f"{size}_default" if self.is_default else size


CASES = (
    Case(1_000, 1_000),
    Case(1_000, 10_000),
    Case(10_000, 10_000),
    Case(10_000, 100_000, LARGE_PPM, with_exact=False),
    Case(10_000, 100_000, with_exact=False, with_rules=False, is_default=True),
    Case(10_000, 2_000, with_exact=False, in_slots=True),
    Case(100_000, 100_000, LARGEST_PPM, with_exact=False, with_rules=False),
)
RULES = {
    "first fit": lambda market: peers.first_fit(market),
    "cheapest first": lambda market: peers.cheapest_first(market.lay_out()),
    "richest first": lambda market: peers.richest_first(market.lay_out()),
}


def measure(case: Case) -> dict:
    """What came of one market: all amounts in micro-USDC."""
    clear(draw_market(SEED, 20, 200))  # loads the compiled kernels
    market = draw_market(SEED, case.bids, case.asks, in_slots=case.in_slots)
    cleared = clear(market, case.epsilon_ppm)
    for _ in range(AGAIN if cleared.total_seconds < SHORT_SECONDS else 0):
        cleared = min(cleared, clear(market, case.epsilon_ppm), key=lambda one: one.total_seconds)
    found = {
        "source": market.source,
        "surplus": cleared.surplus,
        "bound": cleared.bound,
        "seconds": round(cleared.total_seconds, 3),
        "peak_mb": cleared.peak_mb,
        "matched": int((cleared.solved.ask_of >= 0).sum()),
        "gangs": int((cleared.solved.units > 1).sum()),
    }
    if case.with_exact:
        solved, matrix = peers.exact(market)
        seconds = round(solved.seconds + matrix.seconds, 3)
        found |= {"exact": solved.surplus, "exact_seconds": seconds, "exact_mb": peak_mb()}
    if case.with_rules:
        found |= {name: peers.timed(lambda rule=rule: rule(market)).surplus for name, rule in RULES.items()}
    return found


def render(case: Case, found: dict) -> list[str]:
    """The lines of the table for one market."""
    bound = found.get("exact", found["bound"])
    of_what = "of the optimum" if "exact" in found else "of the dual bound"
    lines = [
        "",
        f"{case.bids:,} bids, {case.asks:,} asks{' in slots' if case.in_slots else ''}; {found['matched']:,} matched,"
        f" {found['gangs']:,} of them to several units; shapes of jobs: {found['source']}",
        _line(f"auction, epsilon {case.epsilon_ppm} ppm", found["surplus"], bound, found["seconds"], of_what)
        + f", certified {found['surplus'] / found['bound']:.5f}, {found['peak_mb']:,} MB",
    ]
    if "exact" in found:
        exact = _line("scipy, matrix included", found["exact"], bound, found["exact_seconds"], of_what)
        lines.append(f"{exact}, {found['exact_mb']:,} MB with what was there before")
    return lines + [_line(name, found[name], bound, None, of_what) for name in RULES if name in found]


def _line(name: str, surplus: int, bound: int, seconds: float | None, of_what: str) -> str:
    took = "" if seconds is None else f"{seconds:,.2f} s"
    return f"  {name:<28}{took:>10}   {surplus / bound:.5f} {of_what}"


def figures_of(results: dict[str, dict]) -> dict[str, float]:
    """Each figure by its name."""
    figures = {}
    for name, found in results.items():
        figures[f"welfare_ratio_{name}"] = found["surplus"] / found.get("exact", found["bound"])
        figures[f"certified_{name}"] = found["surplus"] / found["bound"]
        figures[f"seconds_{name}"] = found["seconds"]
        if "exact" in found:
            figures[f"speedup_vs_scipy_{name}"] = found["exact_seconds"] / found["seconds"]
    return {name: round(value, 5) for name, value in figures.items()}
