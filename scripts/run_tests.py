"""Runs the test suites and closes with one line of totals.

python -m scripts.run_tests [unit] [contracts] [simulation] [integration] [postgres]   # unless named: all but the last
"""

import os
import re
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from marketplace.devnet import ManagedProcess, free_port, is_listening
from scripts.toolchain import BROWNIE_VENV, BUILD, ROOT, VENV, brownie_environment, chain_for_tests_command

LOGS = BUILD / "logs"
_COUNT = re.compile(r"(\d+) (passed|failed|skipped|errors?|xfailed|xpassed)")
_CLOSING = re.compile(rf"^(=+ )?{_COUNT.pattern}\b.* in [\d.]+s\b")

_FIRST_RESULT = re.compile(r"^[.FEsx]+(?=\s|$)", re.MULTILINE)
LOADING_SECONDS = 60
"""How long the second half of the contracts' tests waits for the first one to get so far."""


@dataclass(frozen=True)
class Suite:
    """A set of test folders and how long they may take. Each group of `aside` runs beside the others and the rest."""

    name: str
    folders: tuple[str, ...]
    seconds: int
    aside: tuple[tuple[str, ...], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    """Variables of its tests alone."""
    is_repeat: bool = False
    """Of tests that other suites run as well, under other circumstances: only where it is named."""

    def parts(self) -> list[list[str]]:
        """What runs side by side: the folders, or the groups aside and whatever else there is with tests in it."""
        folders = [folder for folder in self.folders if (ROOT / folder).exists()]
        if not self.aside:
            return [folders] if folders else []
        children = [path for folder in folders for path in sorted((ROOT / folder).iterdir()) if _has_tests(path)]
        names = [str(path.relative_to(ROOT)) for path in children]
        rest = [name for name in names if not any(name in group for group in self.aside)]
        return [part for part in (*([name for name in names if name in group] for group in self.aside), rest) if part]


def _has_tests(path: Path) -> bool:
    if path.is_dir():
        return any(path.rglob("test_*.py"))
    return path.match("test_*.py")


CONTRACTS_ASIDE = (("tests/contracts/Escrow", "tests/contracts/stateful", "tests/contracts/ProviderStake"),)
"""About half of all. A test waits for its chain and the chain for its test: two of each fill two cores."""
UNIT_ASIDE = (
    ("tests/unit/market", "tests/unit/protocol"),
    ("tests/unit/devnet", "tests/unit/npm", "tests/unit/scripts"),
)
"""About half of all, for the second core; and what waits for other programs most of its time."""
MARKET_TESTS = "tests/unit/market"
POSTGRES_ASIDE = (tuple(str(path.relative_to(ROOT)) for path in sorted((ROOT / MARKET_TESTS).glob("test_*.py"))[::2]),)
"""Every second file, for the second core; each half has a server of its own."""
SIMULATION_ASIDE = (("tests/simulation/test_mutants.py",),)
"""Each half plays about as many seeds."""
INTEGRATION_ASIDE = (
    (
        "tests/integration/mcp",
        "tests/integration/sandboxes",
        "tests/integration/test_attested.py",
        "tests/integration/test_canaries.py",
        "tests/integration/test_checkpoints.py",
        "tests/integration/test_selftest.py",
    ),
)
"""What providers' machines do: sandboxes mostly wait for their limits. The rest waits for its chains."""

SUITES = {
    suite.name: suite
    for suite in (
        Suite("unit", ("tests/unit", "tests/architecture", "tests/docs"), 600, aside=UNIT_ASIDE),
        # The market's tests once more, each on a fresh database of a real server.
        Suite("postgres", (MARKET_TESTS,), 900, POSTGRES_ASIDE, (("HIVE_TEST_DATABASE", "postgres"),), is_repeat=True),
        Suite("contracts", ("tests/contracts",), 1_800, aside=CONTRACTS_ASIDE),
        Suite("simulation", ("tests/simulation",), 900, aside=SIMULATION_ASIDE),
        Suite("integration", ("tests/integration",), 2_400, aside=INTEGRATION_ASIDE),
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
    parts = suite.parts()
    if not parts:  # pytest without folders would run everything
        print(f"{suite.name}: no such folder as {' or '.join(suite.folders)}; counted as a failure.", flush=True)
        return Totals(failed=1)
    totals = Totals()
    with ExitStack() as stack:
        running: list[ManagedProcess] = []
        for place, part in enumerate(parts, 1):
            if running and suite.name == "contracts":
                _wait_until_loaded(running[-1])
            running.append(stack.enter_context(_process(suite, part, place, stack)))
        until = time.monotonic() + suite.seconds
        for process in running:
            status = _follow(process, until, suite.seconds)
            totals += _judge(process, status)
    return totals


def _wait_until_loaded(process: ManagedProcess) -> None:
    """Until its first test has ended: Brownie writes build/contracts anew while it loads a project, and two at once
    find each other's files gone."""
    until = time.monotonic() + LOADING_SECONDS
    while process.is_running and time.monotonic() < until:
        if _FIRST_RESULT.search(process.log.read_text(errors="replace") if process.log.exists() else ""):
            return
        time.sleep(0.2)


def _process(suite: Suite, part: list[str], place: int, stack: ExitStack) -> ManagedProcess:
    """The tests of one part, not started; contracts' with a chain of their own, which ends with `stack`."""
    name = suite.name if place == 1 else f"{suite.name}-{place}"
    log = LOGS / f"test-{name}.log"
    log.unlink(missing_ok=True)
    if suite.name != "contracts":
        command = [VENV / "bin" / "python", "-m", "pytest", "-q", *part]
        return ManagedProcess(name, command, log, env=os.environ | dict(suite.env), cwd=ROOT)
    env = _start_chain(BUILD / f"test-chain-{place}", stack)
    command = [BROWNIE_VENV / "bin" / "brownie", "test", *part, "--network", "hive", "-q"]
    return ManagedProcess(name, command, log, env=env, cwd=ROOT)


def _start_chain(folder: Path, stack: ExitStack) -> dict[str, str]:
    """The environment of tests on a chain of their own, which ends with `stack`."""
    port, lines_port = free_port(), free_port()
    (folder / "chain.log").unlink(missing_ok=True)
    chain = ManagedProcess("chain", chain_for_tests_command(port, lines_port), folder / "chain.log")
    stack.enter_context(chain).wait_ready(lambda: is_listening(lines_port))
    return brownie_environment(f"http://127.0.0.1:{port}", folder / "brownie-home") | {
        "HIVE_CHAIN_LINES": str(lines_port)
    }


def _judge(process: ManagedProcess, status: int) -> Totals:
    """What a process's log counts. One that ended badly, or ran nothing, counts as a failure."""
    totals = parse_totals(re.sub(r"\x1b\[[0-9;]*m", "", process.log.read_text(errors="replace")))
    if totals.passed + totals.failed == 0 or (status != 0 and totals.failed == 0):
        print(f"{process.name}: ended with status {status} and {totals}; counted as a failure.", flush=True)
        totals += Totals(failed=1)
    return totals


def _follow(process: ManagedProcess, until: float, seconds: int) -> int:
    """Show a process's log as it grows; its status, or 124 when its time is over."""
    shown = 0
    while process.is_running and time.monotonic() < until:
        shown = _show(process.log, shown)
        time.sleep(0.2)
    timed_out = process.is_running
    status = 124 if timed_out else process.wait(10)
    process.stop()
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
        for name in names or [suite.name for suite in SUITES.values() if not suite.is_repeat]:
            totals += run_suite(SUITES[name])
    except KeyboardInterrupt:
        print("\ninterrupted; everything started has been ended.", file=sys.stderr)
        return 130
    print(f"\n{totals}", flush=True)
    return 0 if totals.failed == 0 and totals.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
