"""Line and branch coverage of the contracts that hold money, by probes in their sources (see schema.py).

A line counts where a statement begins. A branch is one way that a condition can go: of `if`, loops and `?:`, and of
each side of `&&` and `||`. Examples alone count (scope.TESTS); what random sequences happen to reach does not.
"""

from collections.abc import Iterable
from typing import Any

from scripts.audit.baseline import instrumented, measured
from scripts.audit.schema import Probe
from scripts.audit.scope import MONEY


def run() -> dict[str, Any]:
    """The figures by contract."""
    made = instrumented()
    reached = measured(made).reached()
    return {
        contract: covered([probe for probe in made.probes if probe.file in files], reached)
        for contract, files in MONEY.items()
    }


def covered(probes: Iterable[Probe], reached: set[int]) -> dict[str, Any]:
    """How many lines and branches there are, how many were reached, and which were not."""
    statements = [probe for probe in probes if probe.goes is None]
    branches = [probe for probe in probes if probe.goes is not None]
    lines = {(probe.file, probe.line) for probe in statements}
    missed = {(probe.file, probe.line) for probe in statements if probe.number not in reached}
    return {
        "lines": len(lines),
        "lines_covered": len(lines - missed),
        "branches": len(branches),
        "branches_covered": sum(probe.number in reached for probe in branches),
        "missed": sorted(
            f"{probe.file}:{probe.line}"
            + ("" if probe.goes is None else f" `{probe.text}` is never {str(probe.goes).lower()}")
            for probe in [*statements, *branches]
            if probe.number not in reached
        ),
    }
