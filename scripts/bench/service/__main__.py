"""`make bench-service`: what the market's service can take. An hour and more; nothing else should run.

Prints tables and writes build/bench/service.json, whose object `figures` names each figure. `--part orders,soak` runs
only these parts and keeps the other figures; `--small` runs them in some minutes, to see whether everything works:
its figures go to build/bench/service-small.json.
"""

import argparse
import importlib
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from scripts.bench.service.scale import SMALL, Scale
from scripts.bench.service.tables import Report
from scripts.toolchain import BUILD

PARTS = ("orders", "settled", "latency", "heartbeats", "idle", "recovery", "soak", "pages")
OUTPUT = BUILD / "bench" / "service.json"


def choose(words: list[str]) -> tuple[tuple[str, ...], Scale, Path]:
    """Which parts, how large, and where figures go. Exits with 2 where a part is named that there is not."""
    parser = argparse.ArgumentParser(prog="bench-service")
    parser.add_argument("--part", default="", help=f"some of {', '.join(PARTS)}, with commas between; none is all")
    parser.add_argument("--small", action="store_true", help="some minutes in all; no figures of record")
    parser.add_argument("--minutes", type=float, help="of the soak")
    given = parser.parse_args(words)
    parts = tuple(filter(None, given.part.split(","))) or PARTS
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}: say {', '.join(PARTS)}")
    scale = SMALL if given.small else Scale()
    if given.minutes is not None:
        scale = replace(scale, soak_minutes=given.minutes)
    return parts, scale, OUTPUT.with_name("service-small.json") if given.small else OUTPUT


def measure(part: str, scale: Scale) -> Report:
    """Run one part."""
    return importlib.import_module(f"scripts.bench.service.{part}").report(scale)


def keep(output: Path, figures: dict[str, float]) -> None:
    """Write figures beside those that are there."""
    known = json.loads(output.read_text())["figures"] if output.exists() else {}
    output.parent.mkdir(parents=True, exist_ok=True)
    rounded = {name: round(value, 3) for name, value in figures.items()}
    output.write_text(json.dumps({"figures": known | rounded}, indent=2) + "\n")


def main(words: list[str]) -> int:
    """0; the figures speak for themselves."""
    parts, scale, output = choose(words)
    for part in parts:
        begun = time.monotonic()
        found = measure(part, scale)
        print("\n".join([*found.lines, f"({time.monotonic() - begun:.0f} s)"]) + "\n", flush=True)
        keep(output, found.figures)
    print(f"Written to {output.relative_to(BUILD.parent)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
