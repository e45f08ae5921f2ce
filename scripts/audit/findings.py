"""Slither's findings, and why each of them is none. Every detector runs; nothing is switched off.

`docs/audit/slither.json` lists what was looked at: the detector, the places with how often it speaks of each, and the
reason. A finding that is not there fails the audit, and so does an entry that slither no longer speaks of.
"""

import json
from collections import Counter
from typing import Any

from scripts.audit import workspace
from scripts.audit.bench import AUDIT
from scripts.toolchain import ROOT

TRIAGE = ROOT / "docs" / "audit" / "slither.json"
SECONDS = 1_200


def run() -> dict[str, Any]:
    """The figures of a run of slither over everything but mocks and OpenZeppelin's."""
    workspace.prepare()
    report, log = AUDIT / "slither.json", AUDIT / "slither.log"
    report.unlink(missing_ok=True)
    command = ["slither", ".", "--compile-force-framework", "foundry", "--filter-paths", "node_modules|mocks", "--json"]
    workspace.run([*command, str(report)], log, SECONDS)
    if not report.exists():
        raise RuntimeError(f"slither did not come to an end; see {log}")
    return judged(json.loads(report.read_text())["results"].get("detectors", []), triaged())


def judged(detectors: list[dict[str, Any]], explained: Counter[tuple[str, str]]) -> dict[str, Any]:
    """How many findings there are, how many nobody has explained, and which explanations explain nothing."""
    found = Counter((each["check"], place_of(each)) for each in detectors)
    return {
        "findings": sum(found.values()),
        "high": sum(each["impact"] == "High" for each in detectors),
        "medium": sum(each["impact"] == "Medium" for each in detectors),
        "unexplained": sorted(" ".join(each) for each in (found - explained).elements()),
        "stale": sorted(" ".join(each) for each in (explained - found).elements()),
    }


def place_of(finding: dict[str, Any]) -> str:
    """What a finding is about: contract, function and variable, as far as it says."""
    names, element = [], finding["elements"][0]
    while element:
        if element["type"] not in ("node", "pragma"):
            names.append(element["name"])
        element = element["type_specific_fields"].get("parent") if "type_specific_fields" in element else None
    return ".".join(reversed(names))


def triaged() -> Counter[tuple[str, str]]:
    """What is explained: detector and place, how often."""
    entries = json.loads(TRIAGE.read_text()) if TRIAGE.exists() else []
    return Counter({(entry["check"], place): count for entry in entries for place, count in entry["places"].items()})
