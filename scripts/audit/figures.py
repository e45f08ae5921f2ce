"""The figures of the last whole audit, and the table that docs/security.md quotes.

`docs/audit/figures.json` is what `make audit` found, with a hash of the sources that it was about. After a change of
the contracts the figures are stale until it is run again; the command says so.
"""

import json
from typing import Any

from marketplace.clearing.chances import wilson_interval
from scripts.audit.baseline import fingerprint, sources
from scripts.audit.scope import MONEY, MUTATED
from scripts.toolchain import ROOT

FIGURES = ROOT / "docs" / "audit" / "figures.json"
PAGE = ROOT / "docs" / "security.md"
PARTS = ("sequences", "coverage", "mutation", "proofs", "slither")
LEAST_KILLED = 0.95


def load() -> dict[str, Any]:
    """What is checked in: by part, its result, the sources it is about, and the seconds that it took."""
    return json.loads(FIGURES.read_text()) if FIGURES.exists() else {}


def keep(part: str, result: dict[str, Any], seconds: float, about: str) -> None:
    """Write what a part found `about` these sources (their fingerprint when it began), into the page, too."""
    found = load()
    quoted = table(found)
    found[part] = {"sources": about, "seconds": round(seconds), "result": result}
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps({name: found[name] for name in PARTS if name in found}, indent=2) + "\n")
    PAGE.write_text(PAGE.read_text().replace(quoted, table(found)))


def stale() -> list[str]:
    """Parts whose figures are about other sources than these, or are missing."""
    now, found = fingerprint(sources()), load()
    return [part for part in PARTS if found.get(part, {}).get("sources") != now]


def complaints(part: str, result: dict[str, Any]) -> list[str]:
    """What keeps a part from being green."""
    match part:
        case "sequences":
            return ["a sequence failed; see build/logs/test-contracts.log"] if result["failed"] else []
        case "coverage":
            return [f"not covered: {missed}" for figures in result.values() for missed in figures["missed"]]
        case "mutation":
            few = [name for name, each in result["contracts"].items() if _share(each) < LEAST_KILLED]
            return [
                *(f"survives without a reason: {name}" for name in result["unexplained"]),
                *(f"a reason for no mutant: {name}" for name in result["stale"]),
                *(f"{name}: fewer than {LEAST_KILLED:.0%} killed" for name in few),
            ]
        case "proofs":
            return [f"not as it should be: {name}" for name in result["failed"]]
        case "slither":
            return [
                *(f"unexplained finding: {name}" for name in result["unexplained"]),
                *(f"explained, but not found: {name}" for name in result["stale"]),
            ]
    raise ValueError(part)


def table(found: dict[str, Any]) -> str:
    """All figures as the page has them."""
    results = {part: found[part]["result"] for part in PARTS if part in found}
    rows = ["| what | figure |", "| --- | --- |"]
    if each := results.get("sequences"):
        rows.append(
            f"| random sequences against the model | {each['sequences']} of up to {each['steps']} calls, "
            f"{each['failed']} failed |"
        )
    for name, each in results.get("coverage", {}).items():
        rows.append(
            f"| coverage of `{name}` | {each['lines_covered']} of {each['lines']} lines, "
            f"{each['branches_covered']} of {each['branches']} branches |"
        )
    for name, each in results.get("mutation", {}).get("contracts", {}).items():
        rows.append(f"| mutants of `{name}` | {each['generated']} made, {each['valid']} valid, {_killed(each)} |")
    if each := results.get("proofs"):
        rows.append(
            f"| laws proven symbolically | {each['proven']} of {each['laws']}, {each['reachable']} shown reachable |"
        )
    if each := results.get("slither"):
        rows.append(
            f"| findings of slither | {each['findings']} ({each['high']} high, {each['medium']} medium), "
            f"{len(each['unexplained'])} unexplained |"
        )
    rows += [f"| `{part}` | not measured yet |" for part in PARTS if part not in results]
    return "\n".join(rows) + "\n"


def _killed(each: dict[str, int]) -> str:
    share = f"{each['killed']} killed ({100 * _share(each):.1f}%)"
    if each["met"] == each["valid"]:
        return share
    least = 100 * wilson_interval(each["killed"], each["met"])[0]
    return f"of a random sample of {each['met']} {share}, so of all {least:.1f}% at least, with 97.5% confidence"


def _share(each: dict[str, int]) -> float:
    return each["killed"] / each["met"] if each["met"] else 1.0


assert set(MUTATED) <= set(MONEY)
