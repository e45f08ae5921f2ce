"""`make audit-deps`: known vulnerabilities of everything that is locked, by pip-audit and `npm audit`.

Both ask databases on the network. What a database could not be asked about was not checked, and is counted as that:
pip-audit itself passes over it and ends well. Exit code 0 where everything was checked and nothing was found, 1 where
something was found, 3 where something was not checked.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.toolchain import BUILD, ROOT

PIP_AUDIT = "pip-audit==2.10.1"
SECONDS = 300
FOUND, NOT_CHECKED = 1, 3


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit of one lock came to."""

    lock: str
    checked: int
    vulnerable: tuple[str, ...] = ()
    """`name version: ids` each."""
    unchecked: int = 0
    why: str = ""


def read_pip_audit(lock: str, text: str) -> Report:
    """The report in pip-audit's JSON. Text that is none is a lock that was not checked."""
    try:
        dependencies: list[dict[str, Any]] = json.loads(text)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Report(lock, 0, unchecked=1, why=text.strip().splitlines()[-1][:200] if text.strip() else "no answer")
    skipped = [one for one in dependencies if "skip_reason" in one]
    found = [
        f"{one['name']} {one['version']}: {', '.join(each['id'] for each in one['vulns'])}"
        for one in dependencies
        if one.get("vulns")
    ]
    why = skipped[0]["skip_reason"][:200] if skipped else ""
    return Report(lock, len(dependencies) - len(skipped), tuple(found), len(skipped), why)


def read_npm_audit(lock: str, text: str) -> Report:
    """The report in the JSON of `npm audit`."""
    try:
        document = json.loads(text)
        found, total = document["vulnerabilities"], document["metadata"]["dependencies"]["total"]
    except (ValueError, KeyError, TypeError):
        return Report(lock, 0, unchecked=1, why=_npm_error(text))
    told = tuple(f"{name}: {one['severity']} ({one['range']})" for name, one in sorted(found.items()))
    return Report(lock, total, told)


def _npm_error(text: str) -> str:
    try:
        document = json.loads(text)
        return str(document.get("message") or document.get("error", {}).get("summary") or "no answer")[:200]
    except (ValueError, AttributeError):
        return text.strip()[:200] or "no answer"


def tell(reports: Sequence[Report]) -> int:
    """Print what was found and what was not checked; the exit code."""
    for one in reports:
        print(f"{one.lock}: {one.checked} checked, {len(one.vulnerable)} with known vulnerabilities")
        for found in one.vulnerable:
            print(f"  {found}")
        if one.unchecked:
            print(f"  NOT CHECKED: {one.unchecked}; the database could not be asked: {one.why}")
    if any(one.vulnerable for one in reports):
        return FOUND
    return NOT_CHECKED if any(one.unchecked for one in reports) else 0


def audit_python(lock: Path) -> Report:
    """Ask about a lock of Python distributions."""
    command = [BUILD / "uv" / "bin" / "uv", "tool", "run", "--from", PIP_AUDIT, "pip-audit", "--requirement", lock]
    done = _run([*command, "--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off"])
    return read_pip_audit(str(lock.relative_to(ROOT)), done)


def audit_node(lock: Path) -> Report:
    """Ask about a lock of node packages."""
    done = _run(["npm", "audit", "--json", "--package-lock-only", "--prefix", lock.parent])
    return read_npm_audit(str(lock.relative_to(ROOT)), done)


def _run(command: Sequence[object]) -> str:
    """What a command prints to standard output, or else to standard error."""
    try:
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stdout if done.stdout.strip() else done.stderr


def main() -> int:
    """All locks of the repository; the exit code."""
    locks = sorted((ROOT / "requirements").glob("*.lock"))
    return tell([*map(audit_python, locks), audit_node(ROOT / "package-lock.json")])


if __name__ == "__main__":
    sys.exit(main())
