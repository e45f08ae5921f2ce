"""Symbolic proofs: halmos shows the laws of tests/symbolic for every value, within the bounds that stand there.

A `check_…` must hold. A `reach_…` must be refuted: it says that a call can not succeed, and its refutation shows that
the law beside it is not true of nothing.
"""

import json
import re
from typing import Any

from scripts.audit import workspace
from scripts.audit.bench import AUDIT
from scripts.toolchain import ROOT

LAWS = ROOT / "tests" / "symbolic"
SECONDS = 3_600
SOLVER_MILLISECONDS = 300_000
LOOPS = 40
"""More than any loop of the contracts runs here: a group has places for 32 leases."""
_HOLDS, _REFUTED = 0, 1


def laws() -> dict[str, list[str]]:
    """What there is to prove: contracts and their functions."""
    found: dict[str, list[str]] = {}
    for path in sorted(LAWS.glob("*.t.sol")):
        for name, body in re.findall(r"^contract (\w+) [^{]*\{(.*?)^\}", path.read_text(), re.DOTALL | re.MULTILINE):
            found[name] = re.findall(r"function ((?:check|reach)_\w+)", body)
    return found


def run() -> dict[str, Any]:
    """The figures: how many laws hold, how many were shown to say something, and which failed."""
    workspace.prepare()
    report, log = AUDIT / "halmos.json", AUDIT / "halmos.log"
    report.unlink(missing_ok=True)
    command = [
        "halmos", "--root", ".", "--early-exit", "--loop", str(LOOPS),
        "--match-contract", f"^({'|'.join(laws())})$", "--function", "(check|reach)_",
        "--solver-timeout-assertion", str(SOLVER_MILLISECONDS), "--json-output", str(report),
    ]  # fmt: skip
    workspace.run(command, log, SECONDS)
    if not report.exists():
        raise RuntimeError(f"halmos did not come to an end; see {log}")
    return judged(json.loads(report.read_text())["test_results"], laws())


def judged(results: dict[str, list[dict[str, Any]]], expected: dict[str, list[str]]) -> dict[str, Any]:
    """Each law's fate against what it should be; one that did not run failed."""
    ended = {
        (contract.rpartition(":")[2], test["name"].partition("(")[0]): test["exitcode"]
        for contract, tests in results.items()
        for test in tests
    }
    names = [(contract, name) for contract, functions in expected.items() for name in functions]
    checks = [name for name in names if name[1].startswith("check_")]
    reaches = [name for name in names if name[1].startswith("reach_")]
    proven = [name for name in checks if ended.get(name) == _HOLDS]
    reached = [name for name in reaches if ended.get(name) == _REFUTED]
    return {
        "laws": len(checks),
        "proven": len(proven),
        "reachable": len(reached),
        "failed": sorted(".".join(name) for name in {*names} - {*proven, *reached}),
    }
