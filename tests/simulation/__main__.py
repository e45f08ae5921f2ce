"""Plays many seeds and says what they found.

python -m tests.simulation --seeds 200            # seeds 0 to 199
python -m tests.simulation --first 41 --seeds 1   # one of them again: the same steps, the same faults, the same end
"""

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from time import monotonic

import structlog

from tests.simulation.play import STEPS, Report, play

TOLD_EVERY = 25
"""Seeds between two signs of life on standard error."""
SHOWN = 40
"""Lines of the trace that a finding comes with."""


def be_quiet() -> None:
    """What the programs log would drown what the simulation says."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def play_all(seeds: Sequence[int], steps: int, processes: int) -> Iterator[Report]:
    """The reports in the order of the seeds."""
    if processes == 1:
        be_quiet()
        for seed in seeds:
            yield play(seed, steps)
        return
    with ProcessPoolExecutor(processes, initializer=be_quiet) as pool:
        yield from pool.map(play, seeds, [steps] * len(seeds))


def render_finding(report: Report) -> str:
    """What is wrong, what came before it, and how to see it again."""
    steps = "" if report.planned == STEPS else f" STEPS={report.planned}"
    again = f"make simulate SEED={report.seed} SEEDS=1{steps}"
    lines = [f"seed {report.seed}, step {report.steps}: {report.finding}", *report.last[-SHOWN:], f"again: {again}"]
    return "\n".join(lines)


def render_totals(reports: Sequence[Report], seconds: float) -> str:
    """The table at the end."""
    faults: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for report in reports:
        faults.update(report.faults)
        counts.update(report.counts)
    lines = [f"{'steps':<44}{sum(one.steps for one in reports):>10}"]
    lines += [f"{'fault: ' + name:<44}{times:>10}" for name, times in sorted(faults.items())]
    lines += [f"{name:<44}{times:>10}" for name, times in sorted(counts.items())]
    found = [str(one.seed) for one in reports if one.finding]
    lines.append(f"{'findings':<44}{len(found):>10}" + (f"  seeds {', '.join(found)}" if found else ""))
    return "\n".join([f"{len(reports)} seeds in {seconds:.0f} s", *lines])


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where nothing was found, else 1."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__.split("\n")[0])
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--seeds", type=int, default=100, help="how many (default: 100)")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of each, with faults (default: {STEPS})")
    parser.add_argument("--processes", type=int, default=2, help="side by side (default: 2)")
    given = parser.parse_args(arguments)
    if min(given.seeds, given.steps, given.processes) < 1 or given.first < 0:
        parser.error("--seeds, --steps and --processes are at least 1, --first at least 0")
    reports, started = [], monotonic()
    seeds = range(given.first, given.first + given.seeds)
    for report in play_all(seeds, given.steps, min(given.processes, given.seeds)):
        reports.append(report)
        if report.finding:
            print(render_finding(report), flush=True)
        if len(reports) % TOLD_EVERY == 0:
            print(f"{len(reports)} of {given.seeds} seeds", file=sys.stderr, flush=True)
    print(render_totals(reports, monotonic() - started))
    if given.seeds == 1:
        print(f"trace {reports[0].trace_hash}")
    return 1 if any(report.finding for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
