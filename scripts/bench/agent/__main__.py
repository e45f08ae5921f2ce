"""`make bench-agent`: what a provider's agent costs beside the jobs that it runs.

Some minutes; nothing else should run. Prints tables and writes build/bench/agent.json, whose object `figures` names
each figure. `python -m scripts.bench.agent starts metering` runs only these parts, and keeps the other figures.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from scripts.bench.agent import containers, metering, starts, whole
from scripts.toolchain import BUILD

OUTPUT = BUILD / "bench" / "agent.json"
Report = Callable[[], tuple[list[str], dict[str, float]]]
PARTS: dict[str, Report] = {
    "starts": starts.report,
    "containers": containers.report,
    "metering": metering.report,
    "whole": whole.report,
}


def main(parts: list[str], output: Path = OUTPUT) -> int:
    """0; the figures speak for themselves. 2 where a part is named that there is not."""
    unknown = set(parts) - PARTS.keys()
    if unknown:
        print(f"There is no part {sorted(unknown)[0]!r}: say {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    figures = json.loads(output.read_text())["figures"] if parts and output.exists() else {}
    output.parent.mkdir(parents=True, exist_ok=True)
    for part in parts or PARTS:
        lines, found = PARTS[part]()
        print("\n".join(lines) + "\n", flush=True)
        figures |= {name: round(value, 3) for name, value in found.items()}
        output.write_text(json.dumps({"figures": figures}, indent=2) + "\n")
    print(f"Written to {output}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
