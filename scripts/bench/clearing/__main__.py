"""`make bench-clearing`: rounds of the auction beside an exact solver and rules without prices, on the same markets.

Then how the time of a round grows, one bid at once, orders that come and go, signatures, and a day replayed. Prints
tables and writes build/bench/clearing.json, whose object `figures` names each figure. Every market is cleared in a
process of its own, so that its memory is its own. `python -m scripts.bench.clearing single day` runs only these parts,
and keeps the figures that others left; `HIVE_BENCH_SCALE=0.01` makes all of `single`, `signatures` and `day` a hundred
times smaller.
"""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from scripts.bench.clearing import day, growth, order_books, signatures, single
from scripts.bench.clearing.cases import CASES, figures_of, measure, render
from scripts.bench.clearing.strategies import measure_strategies, render_strategies, strategy_figures
from scripts.toolchain import BUILD

OUTPUT = BUILD / "bench" / "clearing.json"
Report = Callable[[], tuple[list[str], dict[str, float]]]
PARTS: dict[str, Report] = {
    "growth": growth.report,
    "single": single.report,
    "strategies": lambda: _measure_strategies(),
    "order_books": order_books.report,
    "signatures": signatures.report,
    "day": day.report,
}
"""Besides `rounds`: each returns lines for people, and figures by name."""


def main(parts: list[str], output: Path = OUTPUT) -> int:
    """0; the figures speak for themselves. 2 where a part is named that there is not."""
    unknown = set(parts) - {"rounds", *PARTS}
    if unknown:
        print(f"There is no part {sorted(unknown)[0]!r}: say {', '.join(['rounds', *PARTS])}.", file=sys.stderr)
        return 2
    written = json.loads(output.read_text()) if parts and output.exists() else {"figures": {}}
    output.parent.mkdir(parents=True, exist_ok=True)
    for part in parts or ["rounds", *PARTS]:
        if part == "rounds":
            written["markets"] = _clear_all()
            written["figures"] |= figures_of(written["markets"])
        else:
            lines, figures = PARTS[part]()
            print("\n".join(lines), flush=True)
            written["figures"] |= {name: round(value, 5) for name, value in figures.items()}
        output.write_text(json.dumps(written, indent=2) + "\n")
    print(f"\nWritten to {output}.")
    return 0


def _clear_all() -> dict[str, dict]:
    results = {}
    for case in CASES:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            results[case.name] = pool.submit(measure, case).result()
        print("\n".join(render(case, results[case.name])), flush=True)
    return results


def _measure_strategies() -> tuple[list[str], dict[str, float]]:
    measured = measure_strategies()
    return render_strategies(measured), strategy_figures(measured)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
