"""`make bench-clearing`: rounds of the auction beside an exact solver and rules without prices, on the same markets.

Prints a table and writes build/bench/clearing.json, whose object `figures` names each figure. Every market is cleared
in a process of its own, so that its memory is its own.
"""

import json
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from scripts.bench.clearing.cases import CASES, figures_of, measure, render
from scripts.bench.clearing.strategies import measure_strategies, render_strategies, strategy_figures
from scripts.toolchain import BUILD

OUTPUT = BUILD / "bench" / "clearing.json"


def main() -> int:
    """0; the figures speak for themselves."""
    results = {}
    for case in CASES:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            results[case.name] = pool.submit(measure, case).result()
        print("\n".join(render(case, results[case.name])), flush=True)
    strategies = measure_strategies()
    print("\n".join(render_strategies(strategies)), flush=True)
    figures = figures_of(results) | strategy_figures(strategies)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps({"figures": figures, "markets": results, "strategies": strategies}, indent=2) + "\n")
    print(f"\nWritten to {OUTPUT.relative_to(BUILD.parent)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
