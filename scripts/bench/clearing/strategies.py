"""What strategy earns: misreports of either side, and a provider that learns what to ask. Tables and figures."""

from dataclasses import dataclass, field

from agent.pricing import MARKUPS
from marketplace.protocol.units import BPS
from scripts.bench.clearing.misreports import SIZES, Size, gains
from scripts.bench.clearing.sellers import Setting, simulate


@dataclass(frozen=True)
class Plan:
    """What is run; smaller ones are for tests."""

    sizes: tuple[Size, ...] = SIZES
    settings: dict[str, Setting] = field(default_factory=lambda: {"": Setting(), "_falling": Setting(falls=True)})


def measure_strategies(plan: Plan = Plan()) -> dict:
    """Gains by size of market, and what learning costs by setting."""
    return {
        "misreports": {size.name: gains(size) for size in plan.sizes},
        "sellers": {name: simulate(setting) for name, setting in plan.settings.items()},
    }


def strategy_figures(found: dict) -> dict[str, float]:
    """Each figure by its name. Those without a size are of the market where the gain is greatest."""
    misreports = found["misreports"]
    figures = {
        "buyer_shading_gain": max(one["buyer"] for one in misreports.values()),
        "seller_markup_gain": max(one["seller"] for one in misreports.values()),
        "seller_markup_gain_p95": max(one["seller_p95"] for one in misreports.values()),
        "rationality_violations": sum(one["rationality_violations"] for one in misreports.values()),
        "budget_violations": sum(one["budget_violations"] for one in misreports.values()),
    }
    for name, one in misreports.items():
        figures |= {f"buyer_shading_gain_{name}": one["buyer"], f"seller_markup_gain_{name}": one["seller"]}
        figures[f"seller_markup_gain_p95_{name}"] = one["seller_p95"]
    for name, one in found["sellers"].items():
        figures |= {f"bandit_regret{name}": one["regret"], f"bandit_regret_late{name}": one["regret_late"]}
        figures[f"cost_pricing_regret{name}"] = one["at_cost"]
    return {name: round(value, 6) for name, value in figures.items()}


def render_strategies(found: dict) -> list[str]:
    """The lines of the table."""
    lines = ["", "Gain by the best of the misreports tried, one order at a time, everybody else truthful"]
    for name, one in found["misreports"].items():
        size = name.replace("_", " x ")
        lines += [
            f"  {size:<12} renters, of {one['winners']} that win: {one['buyer']:.4%} of value on average,"
            f" p95 {one['buyer_p95']:.4%}",
            f"  {'':<12} providers: {one['seller']:.2%} of cost on average, p95 {one['seller_p95']:.2%},"
            f" {one['seller_above_1_percent']:.0%} gain more than 1%",
            f"  {'':<12} leases against a limit: {one['rationality_violations']},"
            f" rounds whose money does not balance: {one['budget_violations']}",
        ]
    for name, one in found["sellers"].items():
        lines += _learning(name, one)
    return lines


def _learning(name: str, one: dict) -> list[str]:
    demand = "demand falls half-way" if name else "steady demand"
    best = ", ".join(f"{markup:g}" for markup in one["best_markups"])
    curve = "  ".join(f"{rounds}: {regret:.1%}" for rounds, regret in one["curve"])
    return [
        "",
        f"A provider that learns what to ask of {len(MARKUPS)} markups up to {MARKUPS[-1] / BPS:g}; {demand},"
        f" {one['sellers']} providers, {one['rounds']} rounds",
        f"  best fixed markup in hindsight: {best}",
        f"  missed of its income: the bandit {one['regret']:.1%} ({one['regret_late']:.1%} in the last quarter),"
        f" asking at cost {one['at_cost']:.1%}",
        f"  regret after rounds, as a share of the whole income: {curve}",
    ]
