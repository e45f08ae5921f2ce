"""`make bench-tco`: what a day of a production trace costs on demand, by simple rules and by auction, at list prices.

Prints tables and writes build/bench/tco.json, whose object `figures` names each figure. For a quick look,
HIVE_BENCH_JOBS is how many of the trace's jobs are replayed (all), and HIVE_BENCH_SEEDS how many days of each kind (3).
"""

import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context

from scripts.bench.tco.cases import Results, cases_of_flexibility, cases_of_loads, figures_of, measure
from scripts.bench.tco.tables import render_flexibility, render_loads
from scripts.toolchain import BUILD

WORKERS = min(4, os.cpu_count() or 1)
OUTPUT = BUILD / "bench" / "tco.json"


def main() -> int:
    """0; the figures speak for themselves."""
    jobs = int(os.environ["HIVE_BENCH_JOBS"]) if "HIVE_BENCH_JOBS" in os.environ else None
    results: Results = {}
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        for cases, render in ((cases_of_loads(jobs), render_loads), (cases_of_flexibility(jobs), render_flexibility)):
            results |= zip(cases, pool.map(measure, cases, chunksize=3), strict=True)
            print("\n".join(render(results)), flush=True)
    days = [asdict(case) | asdict(found) for case, found in results.items()]
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps({"figures": figures_of(results), "days": days}, indent=2) + "\n")
    print(f"\nWritten to {OUTPUT.relative_to(BUILD.parent)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
