"""Runs the test suites and closes with one line of totals.

python -m scripts.run_tests [contracts] [unit] [integration]     # all, unless some are named
"""

import re
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from marketplace.devnet import Devnet, ManagedProcess
from scripts.toolchain import BROWNIE_VENV, BUILD, ROOT, VENV, brownie_environment

LOGS = BUILD / "logs"
_COUNT = re.compile(r"(\d+) (passed|failed|skipped|errors?|xfailed|xpassed)")
_CLOSING = re.compile(rf"^(=+ )?{_COUNT.pattern}\b.* in [\d.]+s\b")


@dataclass(frozen=True)
class Suite:
    """A set of test folders and how long they may take."""

    name: str
    folders: tuple[str, ...]
    seconds: int


SUITES = {
    suite.name: suite
    for suite in (
        Suite("unit", ("tests/unit", "tests/architecture", "tests/docs"), 600),
        Suite("contracts", ("tests/contracts",), 1_500),
        Suite("integration", ("tests/integration",), 1_200),
    )
}


@dataclass(frozen=True)
class Totals:
    """How many tests ended how."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def parse_totals(output: str) -> Totals:
    """The counts in pytest's closing line; none where there is no such line."""
    closing = [line for line in output.splitlines() if _CLOSING.match(line)]
    counts = {kind.rstrip("s"): int(number) for number, kind in _COUNT.findall(closing[-1])} if closing else {}
    return Totals(
        counts.get("passed", 0) + counts.get("xfailed", 0),
        counts.get("failed", 0) + counts.get("error", 0) + counts.get("xpassed", 0),
        counts.get("skipped", 0),
    )


def run_suite(suite: Suite) -> Totals:
    """Run one suite, its output to the terminal and to build/logs. A suite that ends badly counts as a failure."""
    print(f"\n=== {suite.name} ===", flush=True)
    folders = [folder for folder in suite.folders if (ROOT / folder).exists()]
    if not folders:  # pytest without folders would run everything
        print(f"{suite.name}: no such folder as {' or '.join(suite.folders)}; counted as a failure.", flush=True)
        return Totals(failed=1)
    log = LOGS / f"test-{suite.name}.log"
    log.unlink(missing_ok=True)
    if suite.name == "contracts":
        with Devnet(BUILD / "test-chain") as chain:
            env = brownie_environment(chain.rpc_url, BUILD / "test-chain" / "brownie-home")
            command = [BROWNIE_VENV / "bin" / "brownie", "test", *folders, "--network", "hive", "-q"]
            status = _follow(ManagedProcess(suite.name, command, log, env=env, cwd=ROOT), suite.seconds)
    else:
        command = [VENV / "bin" / "python", "-m", "pytest", "-q", *folders]
        status = _follow(ManagedProcess(suite.name, command, log, cwd=ROOT), suite.seconds)
    totals = parse_totals(re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(errors="replace")))
    if totals.passed + totals.failed == 0 or (status != 0 and totals.failed == 0):
        print(f"{suite.name}: ended with status {status} and {totals}; counted as a failure.", flush=True)
        totals += Totals(failed=1)
    return totals


def _follow(process: ManagedProcess, seconds: int) -> int:
    """Show a process's log as it grows; its status, or 124 when its time is over."""
    until = time.monotonic() + seconds
    shown = 0
    with process:
        while process.is_running and time.monotonic() < until:
            shown = _show(process.log, shown)
            time.sleep(0.2)
        timed_out = process.is_running
        status = 124 if timed_out else process.wait(10)
    _show(process.log, shown)
    if timed_out:
        print(f"\n{process.name}: not finished after {seconds} s; ended.", flush=True)
    return status


def _show(log: Path, shown: int) -> int:
    text = log.read_bytes()
    sys.stdout.buffer.write(text[shown:])
    sys.stdout.flush()
    return len(text)


def main(names: list[str]) -> int:
    """0 if everything passed."""
    unknown = set(names) - SUITES.keys()
    if unknown:
        print(f"Unknown suite {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    LOGS.mkdir(parents=True, exist_ok=True)
    totals = Totals()
    try:
        for name in names or SUITES:
            totals += run_suite(SUITES[name])
    except KeyboardInterrupt:
        print("\ninterrupted; everything started has been ended.", file=sys.stderr)
        return 130
    print(f"\n{totals}", flush=True)
    return 0 if totals.failed == 0 and totals.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
