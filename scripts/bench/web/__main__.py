"""`make bench-web`: what a first visit to the dApp loads, how soon it answers, what axe finds, how lists scroll.

Prints a table beside the budgets and writes build/bench/web.json, whose object `figures` names each figure.
`--loads 15` takes the median of more cold loads.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from scripts.bench.web.fakes import World, close_databases, serve
from scripts.bench.web.pages import (
    PAGES,
    MissingTool,
    Violation,
    chromium,
    find_violations,
    measure_first_load,
    routes_of,
)
from scripts.bench.web.scrolling import measure_scrolling
from scripts.toolchain import BUILD

OUTPUT = BUILD / "bench" / "web.json"
BUDGETS = {"first_load_gzip_kb": 200.0, "interactive_ms": 1000.0, "axe_violations": 0.0, "scroll_frame_p95_ms": 33.4}
"""kB are 1,000 bytes."""
LOADS = 7


def measure(loads: int) -> tuple[dict[str, float], list[Violation], list[str]]:
    """Figures by name, what axe found, and pages that were not examined. Raises MissingTool."""
    routes, unvisited = routes_of(PAGES.read_text())
    with tempfile.TemporaryDirectory(prefix="bench-web-") as folder, chromium() as browser:
        world = World(Path(folder))
        world.open_lease()  # a round, its prices and a job, so that pages have something to show
        with serve(world) as service:
            first = measure_first_load(browser, service.url, loads)
            violations = find_violations(browser, service.url, routes)
            scrolled = measure_scrolling(browser, service.url)
        close_databases()
    figures = {
        "first_load_gzip_kb": first.sent_bytes / 1000,
        "interactive_ms": first.interactive_ms,
        "axe_violations": float(sum(one.places for one in violations)),
        "scroll_frame_p95_ms": scrolled,
    }
    return figures, violations, unvisited


def table(figures: dict[str, float]) -> list[str]:
    """A line for each figure, beside its budget; a ratio above 1 is over it."""
    lines = [f"{'figure':<24}{'measured':>12}{'budget':>10}{'ratio':>8}"]
    for name, value in figures.items():
        budget = BUDGETS[name]
        ratio = f"{value / budget:.2f}" if budget else ("ok" if value <= budget else "over")
        lines.append(f"{name:<24}{value:>12,.1f}{budget:>10,.0f}{ratio:>8}")
    return lines


def main(words: list[str]) -> int:
    """0; 1 after saying what is missing. Figures over a budget speak for themselves."""
    parser = argparse.ArgumentParser(prog="bench-web", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--loads", type=int, default=LOADS, help=f"cold loads that the median is of; {LOADS} by default"
    )
    given = parser.parse_args(words)
    if given.loads < 1:
        parser.error(f"--loads is {given.loads}: say 1 or more")
    try:
        figures, violations, unvisited = measure(given.loads)
    except MissingTool as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(table(figures)))
    for one in violations:
        print(f"axe: {one.page}: {one.rule} in {one.places} places")
    if unvisited:
        print(f"Not examined by axe, for they name something: {', '.join(unvisited)}")
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    rounded = {name: round(value, 3) for name, value in figures.items()}
    OUTPUT.write_text(json.dumps({"figures": rounded}, indent=2) + "\n")
    print(f"Written to {OUTPUT.relative_to(BUILD.parent)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
